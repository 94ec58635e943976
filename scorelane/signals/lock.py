"""The lock file: the hash of each signal's code at its version, so that no meaning changes unseen.

A vector says only the version; without the lock, a changed helper or list would change what stored vectors
mean and what a bundle was trained on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scorelane.signals.errors import LockMismatch
from scorelane.signals.hashing import PARSER_EDITION, parser_digest
from scorelane.signals.registry import all_signals, own_hash

if TYPE_CHECKING:
    from scorelane.signals.declaration import Signal

LOCK = Path(__file__).with_name("lock.json")
PARSER = "(parser)"
"""Row of the parser: its version is PARSER_EDITION in `hashing`."""

Lock = Mapping[str, Mapping[str, object]]


def current_lock(signals: Iterable[Signal] | None = None) -> dict[str, dict[str, object]]:
    """What the lock file should say of the code as it is."""
    chosen = all_signals() if signals is None else signals
    rows = {s.name: {"version": s.version, "hash": own_hash(s)} for s in sorted(chosen, key=lambda s: s.name)}
    return {PARSER: {"version": PARSER_EDITION, "hash": parser_digest()}, **rows}


def read_lock(path: Path = LOCK) -> dict[str, dict[str, object]]:
    """What the lock file says; empty where there is none."""
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def write_lock(path: Path = LOCK) -> list[str]:
    """Record new signals and new versions.

    Gives the names that changed.

    Raises:
        LockMismatch: when a hash changed under an old version; nothing is written then.
    """
    old, new = read_lock(path), current_lock()
    stale = broken(old, new)
    if stale:
        raise LockMismatch(_sentence(stale))
    path.write_text(json.dumps(new, indent=1, sort_keys=True) + "\n", "utf-8")
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]


def check_lock(path: Path = LOCK) -> None:
    """Hold the code against the lock file.

    Raises:
        LockMismatch: when code changed without its version, or the lock file lacks a signal or a version.
    """
    old, new = read_lock(path), current_lock()
    stale = broken(old, new)
    if stale:
        raise LockMismatch(_sentence(stale))
    behind = sorted(name for name in {**old, **new} if old.get(name) != new.get(name))
    if behind:
        raise LockMismatch(
            f"{path.name} is out of date for {_names(behind)}; write it with: scorelane signals check --lock"
        )


def broken(old: Lock, new: Lock) -> list[str]:
    """Names whose hash changed while the version did not grow."""
    return sorted(
        name
        for name, row in new.items()
        if name in old and row["hash"] != old[name]["hash"] and not _grew(old[name], row)
    )


def _grew(old: Mapping[str, object], new: Mapping[str, object]) -> bool:
    return int(str(new["version"])) > int(str(old["version"]))


def _sentence(stale: list[str]) -> str:
    return (
        f"the meaning of {_names(stale)} changed (code, a helper, a constant, a list or a pinned version) "
        "and the version did not: raise the version in its @signal\n"
        "(for the parser: PARSER_EDITION in scorelane/signals/hashing.py)"
    )


def _names(names: list[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


SHOWN = 8
"""Names that one sentence lists."""
