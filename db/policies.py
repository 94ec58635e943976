"""What a tenant decided about verdicts, in versions that are never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from datetime import datetime

    from db.session import Connection


def add(connection: Connection, tenant_id: int, *, author: str, body: dict[str, Any], after: int) -> int | None:
    """Append the version after `after` and return it; None when somebody else was faster."""
    row = connection.execute(
        """INSERT INTO policies (tenant_id, version, author, body) VALUES (%s, %s, %s, %s)
           ON CONFLICT DO NOTHING RETURNING version""",
        (tenant_id, after + 1, author, Jsonb(body)),
    ).fetchone()
    return None if row is None else int(str(row[0]))


def body(connection: Connection, tenant_id: int, version: int | None = None) -> tuple[int, dict[str, Any]]:
    """(version, body) of one version, or of the newest; (0, {}) where there is none."""
    row = connection.execute(
        "SELECT version, body FROM policies WHERE tenant_id = %s AND version = coalesce(%s, version) "
        "ORDER BY version DESC LIMIT 1",
        (tenant_id, version),
    ).fetchone()
    return (0, {}) if row is None else (int(str(row[0])), row[1])  # type: ignore[return-value]


def listing(connection: Connection, tenant_id: int) -> list[tuple[int, datetime, str, dict[str, Any]]]:
    """(version, valid_from, author, body) of every version, newest first."""
    return connection.execute(
        "SELECT version, valid_from, author, body FROM policies WHERE tenant_id = %s ORDER BY version DESC",
        (tenant_id,),
    ).fetchall()  # type: ignore[return-value]
