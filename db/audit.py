"""Who saw or changed what. Rows are added in the transaction of the act itself and never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from db.session import Connection

COLUMNS = ("id", "at", "actor", "action", "object", "detail")


def record(
    connection: Connection,
    tenant_id: int,
    *,
    actor: str,
    action: str,
    object_: object = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note an act: `action` is noun.verb, `object_` the id of what was seen or changed, never an address."""
    connection.execute(
        "INSERT INTO audit_log (tenant_id, actor, action, object, detail) VALUES (%s, %s, %s, %s, %s)",
        (tenant_id, actor, action, None if object_ is None else str(object_), Jsonb(dict(detail)) if detail else None),
    )


def record_of_job(connection: Connection, job_id: UUID, *, actor: str, action: str) -> None:
    """Note an act upon a job under the job's own tenant."""
    connection.execute(
        "INSERT INTO audit_log (tenant_id, actor, action, object) SELECT tenant_id, %s, %s, %s FROM jobs WHERE id = %s",
        (actor, action, str(job_id), job_id),
    )


def listing(
    connection: Connection,
    *,
    action: str | None = None,
    actor: str | None = None,
    object_: str | None = None,
    before: int | None,
    limit: int,
) -> list[dict[str, Any]]:
    """At most `limit` acts, newest first, with an id below `before`."""
    rows = connection.execute(
        """SELECT id, at, actor, action, object, detail FROM audit_log
           WHERE (%(action)s::text IS NULL OR action = %(action)s) AND (%(actor)s::text IS NULL OR actor = %(actor)s)
             AND (%(object)s::text IS NULL OR object = %(object)s)
             AND (%(before)s::bigint IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s""",
        {"action": action, "actor": actor, "object": object_, "before": before, "limit": limit},
    ).fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]
