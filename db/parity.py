"""Logged vectors with what they were computed from, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
