"""What a watcher of files has taken: a small SQLite file beside the watcher, not a table of the house."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Seen:
    """Names of files that a watcher has taken, on disk before they count. Raises OSError where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._rows = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._rows.execute("PRAGMA journal_mode = WAL")
            self._rows.execute("CREATE TABLE IF NOT EXISTS seen (name TEXT PRIMARY KEY) WITHOUT ROWID")
        except sqlite3.Error as fault:
            raise OSError(f"{path}: {fault}") from fault

    def names(self) -> set[str]:
        """Every name."""
        return {name for (name,) in self._rows.execute("SELECT name FROM seen")}

    def add(self, names: Sequence[str]) -> None:
        """Remember names."""
        self._rows.execute("BEGIN")
        self._rows.executemany("INSERT OR IGNORE INTO seen VALUES (?)", [(name,) for name in names])
        self._rows.execute("COMMIT")

    def prune(self, present: set[str]) -> None:
        """Forget files that are gone."""
        gone = self.names() - present
        self._rows.execute("BEGIN")
        self._rows.executemany("DELETE FROM seen WHERE name = ?", [(name,) for name in gone])
        self._rows.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._rows.close()
