"""Bundles known to the database, and the one pointer row that says which is live and which in shadow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from db.session import Connection


class Pointer(NamedTuple):
    """The newest pointer; `version` rises with every flip and is the age of a score's basis."""

    version: int
    live: str
    live_path: str
    shadow: str | None
    shadow_path: str | None


def current(connection: Connection) -> Pointer | None:
    """The pointer in force, or None before the first promotion."""
    row = connection.execute(
        """SELECT p.version, p.live, b.path, p.shadow, s.path FROM bundle_pointer p
           JOIN bundles b ON b.digest = p.live LEFT JOIN bundles s ON s.digest = p.shadow
           ORDER BY p.version DESC LIMIT 1"""
    ).fetchone()
    return None if row is None else Pointer(*row)  # type: ignore[arg-type]


def register(connection: Connection, *, digest: str, name: str, path: str, signal_set: str) -> None:
    """Make a bundle known; its path may move."""
    connection.execute(
        """INSERT INTO bundles (digest, name, path, signal_set) VALUES (%s, %s, %s, %s)
           ON CONFLICT (digest) DO UPDATE SET path = excluded.path""",
        (digest, name, path, signal_set),
    )


def flip(connection: Connection, *, live: str, shadow: str | None, author: str) -> int:
    """Append a pointer and make it the one in force; its version."""
    with connection.transaction():
        connection.execute("LOCK TABLE bundle_pointer IN SHARE ROW EXCLUSIVE MODE")
        row = connection.execute(
            """INSERT INTO bundle_pointer (version, live, shadow, author)
               SELECT coalesce(max(version), 0) + 1, %s, %s, %s FROM bundle_pointer RETURNING version""",
            (live, shadow, author),
        ).fetchone()
    assert row is not None
    return int(str(row[0]))


def history(connection: Connection) -> list[tuple[object, ...]]:
    """(version, live name, live digest, shadow name, author, flipped_at), newest first."""
    return connection.execute(
        """SELECT p.version, b.name, p.live, s.name, p.author, p.flipped_at FROM bundle_pointer p
           JOIN bundles b ON b.digest = p.live LEFT JOIN bundles s ON s.digest = p.shadow
           ORDER BY p.version DESC LIMIT 50"""
    ).fetchall()
