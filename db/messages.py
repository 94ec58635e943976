"""Reading messages, their verdicts and revisions. Listings page by key, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql
from sqlalchemy import select

from db import choosing
from db.labels import STANDING
from db.tables import scores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection as SqlConnection

    from db.session import Connection

# What a listing shows of each message: its current verdict, and the newest label that was not taken back.
_COLUMNS = {
    "id": "m.id",
    "tenant": "t.name",
    "mailbox": "b.address",
    "direction": "m.direction",
    "received_at": "m.received_at",
    "source": "m.source",
    "sha256": "m.sha256",
    "size_bytes": "m.size_bytes",
    "state": "s.state",
    "revision": "s.revision",
    "verdict": "s.verdict",
    "category": "s.category",
    "log_odds": "s.log_odds",
    "sender": "s.sender",
    "sender_domain": "s.sender_domain",
    "subject": "s.subject",
    "header_message_id": "s.header_message_id",
    "scored_at": "s.scored_at",
    "label": "l.label",
    "label_author": "l.author",
}
_SHOWN = sql.SQL(
    """SELECT {columns} FROM message_state s
       JOIN messages m ON m.id = s.message_id
       JOIN tenants t ON t.id = s.tenant_id JOIN mailboxes b ON b.id = s.mailbox_id
       LEFT JOIN LATERAL (
           SELECT l.label, l.author FROM labels l
           WHERE l.tenant_id = s.tenant_id AND l.message_id = s.message_id AND {standing}
           ORDER BY l.id DESC LIMIT 1) l ON true
       WHERE {conditions} ORDER BY s.message_id DESC LIMIT %(limit)s"""
)


def find(connection: Connection, message_id: UUID) -> dict[str, Any] | None:
    """What a listing shows of one message, or None."""
    found = listing(connection, {"message_ids": [message_id]}, 1)
    return found[0] if found else None


def listing(
    connection: Connection, choice: Mapping[str, Any], limit: int, *, before: UUID | None = None
) -> list[dict[str, Any]]:
    """At most `limit` messages of a choice (`db.choosing`) below the id `before`, newest id first."""
    asked = {**choice, "before": before}
    query = _SHOWN.format(
        columns=sql.SQL(", ").join([sql.SQL(column) for column in _COLUMNS.values()]),
        standing=sql.SQL(STANDING),
        conditions=choosing.conditions(asked),
    )
    rows = connection.execute(query, {**asked, "limit": limit}).fetchall()
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]


def revisions(connection: SqlConnection, message_id: UUID) -> list[dict[str, Any]]:
    """Every score of a message, first revision first."""
    query = select(scores).where(scores.c.message_id == message_id).order_by(scores.c.revision)
    return [dict(row) for row in connection.execute(query).mappings()]


def revision(connection: SqlConnection, message_id: UUID, number: int) -> dict[str, Any] | None:
    """One score of a message, or None."""
    query = select(scores).where(scores.c.message_id == message_id, scores.c.revision == number)
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def raw(connection: Connection, message_id: UUID) -> tuple[bytes, datetime, bytes | None, str] | None:
    """(raw mail as zstd, received_at, envelope, mailbox) of one message, or None when it or its raw mail is gone."""
    row = connection.execute(
        """SELECT r.content, m.received_at, m.envelope, b.address FROM messages m
           JOIN raw_mail r ON r.tenant_id = m.tenant_id AND r.month = m.month AND r.sha256 = m.sha256
           JOIN mailboxes b ON b.id = m.mailbox_id WHERE m.id = %s""",
        (message_id,),
    ).fetchone()
    return None if row is None else (bytes(row[0]), row[1], row[2], row[3])  # type: ignore[call-overload,return-value]


def vector(connection: Connection, message_id: UUID, revision: int) -> tuple[bytes, bytes, float | None, str] | None:
    """(vector, statuses, text log-odds, signal set hash) of one revision, or None."""
    row = connection.execute(
        "SELECT vector, statuses, text_log_odds, signal_set FROM vectors WHERE message_id = %s AND revision = %s",
        (message_id, revision),
    ).fetchone()
    return None if row is None else (bytes(row[0]), bytes(row[1]), row[2], str(row[3]))  # type: ignore[call-overload,return-value]


def progress(connection: Connection, job_key: str, tenant: str) -> tuple[int, int, int, int] | None:
    """(messages, scored, dead, cancelled) of the job that an idempotency key names, or None."""
    return connection.execute(
        "SELECT j.messages, j.scored, j.dead, j.cancelled FROM jobs j JOIN tenants t ON t.id = j.tenant_id "
        "WHERE j.idempotency_key = %s AND t.name = %s",
        (job_key, tenant),
    ).fetchone()  # type: ignore[return-value]


def counts(connection: Connection, tenant: str) -> dict[str, int]:
    """Messages of a tenant by state."""
    rows = connection.execute(
        "SELECT s.state, count(*) FROM message_state s JOIN tenants t ON t.id = s.tenant_id "
        "WHERE t.name = %s GROUP BY s.state",
        (tenant,),
    ).fetchall()
    return {str(state): int(str(number)) for state, number in rows}


def waiting(connection: Connection, tenant: str, newest: UUID) -> bool:
    """Whether a tenant has a message up to this id that has no final state yet."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM message_state s JOIN tenants t ON t.id = s.tenant_id "
        "WHERE t.name = %s AND s.message_id <= %s AND s.state = 'accepted')",
        (tenant, newest),
    ).fetchone()
    return row is not None and bool(row[0])
