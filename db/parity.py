"""Logged vectors with what they were computed from, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from db.labels import STANDING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from db.session import Connection


class Logged(NamedTuple):
    """One stored vector with its raw mail (zstd; None where it is gone) and context."""

    message_id: UUID
    revision: int
    tenant_id: int
    mailbox_id: int
    mailbox: str
    received_at: datetime
    envelope: bytes | None
    size_bytes: int
    content: bytes | None
    signal_set: str
    vector: bytes
    statuses: bytes
    context: bytes
    label: str | None = None
    """What people said of the message, where it was asked for."""
    verdict: str | None = None


def page(connection: Connection, tenant_id: int | None, after: UUID, limit: int) -> list[Logged]:
    """The first vector of each message with an id above `after`, in id order."""
    rows = connection.execute(
        """SELECT v.message_id, v.revision, m.tenant_id, m.mailbox_id, b.address, m.received_at, m.envelope,
                  m.size_bytes, r.content, v.signal_set, v.vector, v.statuses, v.context
           FROM (SELECT message_id, revision, signal_set, vector, statuses, context FROM vectors
                 WHERE revision = 1 AND message_id > %(after)b
                   AND (%(tenant)b::integer IS NULL OR tenant_id = %(tenant)b)
                 ORDER BY message_id LIMIT %(limit)b) v
           JOIN messages m ON m.id = v.message_id
           JOIN mailboxes b ON b.id = m.mailbox_id
           LEFT JOIN raw_mail r ON r.tenant_id = m.tenant_id AND r.month = m.month AND r.sha256 = m.sha256
           ORDER BY v.message_id""",
        {"tenant": tenant_id, "after": after, "limit": limit},
        binary=True,
    ).fetchall()
    return [Logged(*row) for row in rows]  # type: ignore[arg-type]


def newest(
    connection: Connection,
    tenant_id: int,
    before: UUID,
    limit: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Logged]:
    """The first vectors of the newest messages below an id, newest first, with label and verdict.

    Without messages whose raw mail is gone.
    """
    rows = connection.execute(
        f"""SELECT m.id, v.revision, m.tenant_id, m.mailbox_id, b.address, m.received_at, m.envelope,
                   m.size_bytes, r.content, v.signal_set, v.vector, v.statuses, v.context,
                   (SELECT l.label FROM labels l WHERE l.tenant_id = m.tenant_id AND l.message_id = m.id AND {STANDING}
                    ORDER BY l.id DESC LIMIT 1), s.verdict
            FROM messages m
            JOIN message_state s ON s.message_id = m.id AND s.state = 'scored'
            JOIN vectors v ON v.message_id = m.id AND v.revision = 1
            JOIN raw_mail r ON r.tenant_id = m.tenant_id AND r.month = m.month AND r.sha256 = m.sha256
            JOIN mailboxes b ON b.id = m.mailbox_id
            WHERE m.tenant_id = %(tenant)b AND m.id < %(before)b
              AND (%(since)b::timestamptz IS NULL OR m.received_at >= %(since)b)
              AND (%(until)b::timestamptz IS NULL OR m.received_at < %(until)b)
            ORDER BY m.id DESC LIMIT %(limit)b""",  # noqa: S608 - a constant
        {"tenant": tenant_id, "before": before, "since": since, "until": until, "limit": limit},
        binary=True,
    ).fetchall()
    return [Logged(*row) for row in rows]  # type: ignore[arg-type]
