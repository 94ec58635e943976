"""What a tenant says of itself, in versions that are never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from db.session import Connection


def add(connection: Connection, tenant_id: int, *, author: str, body: bytes, valid_from: datetime | None = None) -> int:
    """Append a version and return it. Its body is MessagePack that this room does not read."""
    with connection.transaction():
        connection.execute("SELECT 1 FROM tenants WHERE id = %s FOR NO KEY UPDATE", (tenant_id,))
        row = connection.execute(
            """INSERT INTO directories (tenant_id, version, author, body, valid_from)
               SELECT %(tenant)s, coalesce(max(version), 0) + 1, %(author)s, %(body)s,
                      coalesce(%(from)s, clock_timestamp())
               FROM directories WHERE tenant_id = %(tenant)s RETURNING version""",
            {"tenant": tenant_id, "author": author, "body": body, "from": valid_from},
        ).fetchone()
    assert row is not None
    return int(str(row[0]))


def body(connection: Connection, tenant_id: int, version: int) -> bytes | None:
    """Body of one version, or None."""
    row = connection.execute(
        "SELECT body FROM directories WHERE tenant_id = %s AND version = %s", (tenant_id, version)
    ).fetchone()
    return None if row is None else bytes(row[0])  # type: ignore[call-overload]


def latest(connection: Connection, tenant_id: int, at: datetime | None = None) -> int:
    """The version in force at a time (now unless given); 0 where there is none."""
    row = connection.execute(
        "SELECT coalesce(max(version), 0) FROM directories "
        "WHERE tenant_id = %s AND valid_from <= coalesce(%s, clock_timestamp())",
        (tenant_id, at),
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def listing(connection: Connection, tenant: str | None = None) -> list[tuple[str, int, datetime, str, bytes]]:
    """(tenant, version, valid_from, author, body) of every version, newest first."""
    return connection.execute(
        """SELECT t.name, d.version, d.valid_from, d.author, d.body FROM directories d
           JOIN tenants t ON t.id = d.tenant_id
           WHERE %(tenant)s::text IS NULL OR t.name = %(tenant)s ORDER BY t.name, d.version DESC""",
        {"tenant": tenant},
    ).fetchall()  # type: ignore[return-value]
