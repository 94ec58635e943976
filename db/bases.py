"""What a score stands on: the pointer, the policy and the directory in force, and when they were read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from db.bundles import Pointer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from db.session import Connection


class Basis(NamedTuple):
    """One reading; versions are 0 where a tenant has none."""

    pointer: Pointer
    policy_version: int
    directory_version: int
    at: datetime
    """The database's clock."""


def current(connection: Connection, tenant_id: int, directory_at: datetime | None = None) -> Basis | None:
    """What is in force for a tenant, or None before the first promotion; the directory as it was at a time."""
    row = connection.execute(
        """SELECT p.version, p.live, b.path, p.shadow, s.path,
                  (SELECT coalesce(max(version), 0) FROM policies WHERE tenant_id = %(tenant)s),
                  (SELECT coalesce(max(version), 0) FROM directories
                   WHERE tenant_id = %(tenant)s AND valid_from <= coalesce(%(at)s, clock_timestamp())),
                  clock_timestamp()
           FROM bundle_pointer p
           JOIN bundles b ON b.digest = p.live LEFT JOIN bundles s ON s.digest = p.shadow
           ORDER BY p.version DESC LIMIT 1""",
        {"tenant": tenant_id, "at": directory_at},
    ).fetchone()
    if row is None:
        return None
    return Basis(Pointer(*row[:5]), *row[5:])  # type: ignore[arg-type]


def register_signals(connection: Connection, *, digest: str, names: Sequence[str], versions: Sequence[int]) -> None:
    """Make a signal set known, so that the columns of its vectors can be told later."""
    connection.execute(
        "INSERT INTO signal_sets (hash, names, versions) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (digest, list(names), list(versions)),
    )


def signals(connection: Connection, digest: str) -> tuple[tuple[str, ...], tuple[int, ...]] | None:
    """(names, versions) of a signal set's columns in order, or None."""
    row = connection.execute("SELECT names, versions FROM signal_sets WHERE hash = %s", (digest,)).fetchone()
    return None if row is None else (tuple(row[0]), tuple(row[1]))  # type: ignore[arg-type]
