"""Bundles known to the database, and the one pointer row that says which is live and which in shadow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

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


def register(
    connection: Connection, *, digest: str, name: str, path: str, signal_set: str, content: bytes | None = None
) -> None:
    """Make a bundle known; its path may move, its content is kept once it is there."""
    connection.execute(
        """INSERT INTO bundles (digest, name, path, signal_set, content) VALUES (%s, %s, %s, %s, %b)
           ON CONFLICT (digest) DO UPDATE SET path = excluded.path,
               content = coalesce(bundles.content, excluded.content)""",
        (digest, name, path, signal_set, content),
    )


def content(connection: Connection, digest: str) -> bytes | None:
    """The stored content of a bundle; None where only its path is known, or it is not known at all."""
    row = connection.execute("SELECT content FROM bundles WHERE digest = %s", (digest,)).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])  # type: ignore[call-overload]


def has_content(connection: Connection, digest: str) -> bool:
    """Whether a bundle's content is stored."""
    return connection.execute("SELECT FROM bundles WHERE digest = %s AND content IS NOT NULL", (digest,)).rowcount == 1


def find(connection: Connection, name: str) -> list[tuple[str, str, str]]:
    """(digest, name, path) of bundles by digest, the first 6 or more digits of one, or name; the newest 10."""
    return connection.execute(
        """SELECT digest, name, path FROM bundles WHERE digest = %(name)s OR name = %(name)s
           OR (length(%(name)s) >= 6 AND starts_with(digest, %(name)s)) ORDER BY registered_at DESC, digest LIMIT 10""",
        {"name": name},
    ).fetchall()  # type: ignore[return-value]


def hold(connection: Connection) -> None:
    """Until the end of the transaction, nobody else moves the pointer."""
    connection.execute("LOCK TABLE bundle_pointer IN SHARE ROW EXCLUSIVE MODE")


def flip(connection: Connection, *, live: str, shadow: str | None, author: str) -> int:
    """Append a pointer and make it the one in force; its version."""
    with connection.transaction():
        hold(connection)
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


def version(connection: Connection, number: int) -> Pointer | None:
    """One pointer of the past, or None."""
    row = connection.execute(
        """SELECT p.version, p.live, b.path, p.shadow, s.path FROM bundle_pointer p
           JOIN bundles b ON b.digest = p.live LEFT JOIN bundles s ON s.digest = p.shadow WHERE p.version = %s""",
        (number,),
    ).fetchone()
    return None if row is None else Pointer(*row)  # type: ignore[arg-type]


def before(connection: Connection, number: int, limit: int = 20) -> list[Pointer]:
    """Pointers older than a version, newest first."""
    rows = connection.execute(
        """SELECT p.version, p.live, b.path, p.shadow, s.path FROM bundle_pointer p
           JOIN bundles b ON b.digest = p.live LEFT JOIN bundles s ON s.digest = p.shadow
           WHERE p.version < %s ORDER BY p.version DESC LIMIT %s""",
        (number, limit),
    ).fetchall()
    return [Pointer(*row) for row in rows]  # type: ignore[arg-type]


class Place(NamedTuple):
    """Since when and by whom a bundle is live or in shadow."""

    role: str
    digest: str
    since: datetime
    author: str


def places(connection: Connection) -> list[Place]:
    """The bundle that is live and the one in shadow, since the flip that brought each to its place."""
    rows = connection.execute(
        """WITH newest AS (SELECT version, live, shadow FROM bundle_pointer ORDER BY version DESC LIMIT 1)
           (SELECT 'live', n.live, p.flipped_at, p.author FROM newest n, bundle_pointer p
            WHERE p.version > (SELECT coalesce(max(version), 0) FROM bundle_pointer WHERE live <> n.live)
            ORDER BY p.version LIMIT 1)
           UNION ALL
           (SELECT 'shadow', n.shadow, p.flipped_at, p.author FROM newest n, bundle_pointer p
            WHERE n.shadow IS NOT NULL AND p.version > (
                SELECT coalesce(max(version), 0) FROM bundle_pointer WHERE shadow IS DISTINCT FROM n.shadow)
            ORDER BY p.version LIMIT 1)"""
    ).fetchall()
    return [Place(*row) for row in rows]  # type: ignore[arg-type]
