"""Reading messages, their verdicts and revisions. Listings page by key, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from db.tables import mailboxes, message_state, messages, scores, tenants

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection as SqlConnection
    from sqlalchemy import Select

    from db.session import Connection


@dataclass(frozen=True)
class Filter:
    """What a listing asks for; None leaves a field out. `before` is the last id of the page before."""

    tenant: str | None = None
    mailbox: str | None = None
    verdict: str | None = None
    category: str | None = None
    state: str | None = None
    sender: str | None = None
    sender_domain: str | None = None
    subject: str | None = None
    since: datetime | None = None
    before: UUID | None = None


def find(connection: SqlConnection, message_id: UUID) -> dict[str, Any] | None:
    """One message with its current verdict, or None."""
    query = _shown().where(message_state.c.message_id == message_id, messages.c.id == message_id)
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def _shown() -> Select[Any]:
    """What a listing shows of each message."""
    state = message_state.c
    return (
        select(
            messages.c.id,
            tenants.c.name.label("tenant"),
            mailboxes.c.address.label("mailbox"),
            messages.c.received_at,
            messages.c.source,
            messages.c.sha256,
            state.state,
            state.revision,
            state.verdict,
            state.category,
            state.log_odds,
            state.sender,
            state.subject,
            state.scored_at,
        )
        .select_from(message_state)
        .join(messages, messages.c.id == state.message_id)
        .join(tenants, tenants.c.id == state.tenant_id)
        .join(mailboxes, mailboxes.c.id == state.mailbox_id)
    )


def listing(connection: SqlConnection, wanted: Filter, limit: int) -> list[dict[str, Any]]:
    """At most `limit` messages with their current verdict, newest id first."""
    state = message_state.c
    query = _shown().order_by(state.message_id.desc()).limit(limit)
    if wanted.tenant is not None:
        query = query.where(
            state.tenant_id == select(tenants.c.id).where(tenants.c.name == wanted.tenant).scalar_subquery()
        )
    equal = {
        mailboxes.c.address: wanted.mailbox and wanted.mailbox.lower(),
        state.verdict: wanted.verdict,
        state.category: wanted.category,
        state.state: wanted.state,
        state.sender: wanted.sender and wanted.sender.lower(),
        state.sender_domain: wanted.sender_domain and wanted.sender_domain.lower(),
    }
    for column, value in equal.items():
        if value is not None:
            query = query.where(column == value)
    if wanted.subject is not None:
        query = query.where(state.subject.icontains(wanted.subject, autoescape=True))
    if wanted.since is not None:
        query = query.where(messages.c.received_at >= wanted.since)
    if wanted.before is not None:
        query = query.where(state.message_id < wanted.before, messages.c.id < wanted.before)
    return [dict(row) for row in connection.execute(query).mappings()]


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


def progress(connection: Connection, job_key: str, tenant: str) -> tuple[int, int, int] | None:
    """(messages, scored, dead) of the job that an idempotency key names, or None."""
    return connection.execute(
        "SELECT j.messages, j.scored, j.dead FROM jobs j JOIN tenants t ON t.id = j.tenant_id "
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
