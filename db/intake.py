"""What acceptance writes: receipts (the dedupe lock), raw mail, messages, a job and its chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from db.session import Connection


Copy = tuple[int, bytes]
"""A mailbox's id and a message's SHA-256."""


class NewMessage(NamedTuple):
    """A message that the transaction is to store; `content` is zstd."""

    id: UUID
    mailbox_id: int
    sha256: bytes
    size_bytes: int
    content: bytes
    received_at: datetime
    direction: str
    envelope: bytes | None
    source: str | None

    @property
    def copy(self) -> Copy:
        """What tells it from every other message of the tenant."""
        return self.mailbox_id, self.sha256


class NewChunk(NamedTuple):
    """Up to N message ids of one job; published at once when a dispatch id will be given."""

    message_ids: list[UUID]
    publish: bool


def known(connection: Connection, tenant_id: int, copies: Sequence[Copy]) -> dict[Copy, UUID]:
    """Message id of each of the copies that its mailbox holds already."""
    rows = connection.execute(
        """SELECT mailbox_id, sha256, message_id FROM receipts
           WHERE tenant_id = %b AND (mailbox_id, sha256) IN (SELECT * FROM unnest(%b::integer[], %b::bytea[]))""",
        (tenant_id, [copy[0] for copy in copies], [copy[1] for copy in copies]),
        binary=True,
    ).fetchall()
    return {(row[0], bytes(row[1])): row[2] for row in rows}  # type: ignore[call-overload,misc]


def join_job(
    connection: Connection, *, job_id: UUID, tenant_id: int, lane: str, actor: str, key: str | None
) -> tuple[UUID, str]:
    """Id and state of the job that an idempotency key names, or of a new one. Locks it until commit with a key.

    A new one has nothing to do, so it is done; messages that it gets open it.
    """
    if key is None:
        connection.execute(
            "INSERT INTO jobs (id, tenant_id, kind, lane, actor, state, finished_at) "
            "VALUES (%s, %s, 'intake', %s, %s, 'done', now())",
            (job_id, tenant_id, lane, actor),
        )
        return job_id, "done"
    row = connection.execute(
        """INSERT INTO jobs (id, tenant_id, kind, lane, actor, idempotency_key, state, finished_at)
           VALUES (%s, %s, 'intake', %s, %s, %s, 'done', now())
           ON CONFLICT (tenant_id, idempotency_key) DO UPDATE SET lane = jobs.lane RETURNING id, state""",
        (job_id, tenant_id, lane, actor, key),
    ).fetchone()
    assert row is not None
    return row[0], str(row[1])  # type: ignore[return-value]


def job_of_key(connection: Connection, tenant_id: int, key: str) -> tuple[UUID, str] | None:
    """Id and state of the job that an idempotency key names, where there is one."""
    row = connection.execute(
        "SELECT id, state FROM jobs WHERE tenant_id = %s AND idempotency_key = %s", (tenant_id, key)
    ).fetchone()
    return None if row is None else (row[0], str(row[1]))  # type: ignore[return-value]


def of_job(connection: Connection, job_id: UUID, message_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the messages that this job accepted."""
    rows = connection.execute(
        "SELECT id FROM messages WHERE id = ANY (%b) AND job_id = %b",
        (list(message_ids), job_id),
        binary=True,
    ).fetchall()
    return {row[0] for row in rows}  # type: ignore[misc]


def claim_receipts(connection: Connection, tenant_id: int, new: Sequence[NewMessage]) -> set[Copy]:
    """Insert receipts in key order; those that were really new, none of a mailbox that was erased.

    The mailboxes' rows are held until commit, so that an erasure waits for what is coming in.
    """
    rows = connection.execute(
        """WITH held AS MATERIALIZED (
               SELECT id FROM mailboxes WHERE id = ANY (%b) AND tenant_id = %b ORDER BY id FOR KEY SHARE)
           INSERT INTO receipts (tenant_id, mailbox_id, sha256, message_id)
           SELECT %b, new.* FROM unnest(%b::integer[], %b::bytea[], %b::uuid[]) AS new (mailbox_id, sha256, message_id)
           WHERE new.mailbox_id IN (SELECT id FROM held) ORDER BY new.sha256, new.mailbox_id
           ON CONFLICT DO NOTHING RETURNING mailbox_id, sha256""",
        (
            sorted({m.mailbox_id for m in new}),
            tenant_id,
            tenant_id,
            [m.mailbox_id for m in new],
            [m.sha256 for m in new],
            [m.id for m in new],
        ),
        binary=True,
    ).fetchall()
    return {(row[0], bytes(row[1])) for row in rows}  # type: ignore[call-overload,misc]


def mailboxes_exist(connection: Connection, mailbox_ids: Collection[int]) -> bool:
    """Whether all of the mailboxes are still there."""
    row = connection.execute("SELECT count(*) FROM mailboxes WHERE id = ANY (%s)", (list(mailbox_ids),)).fetchone()
    return row is not None and row[0] == len(mailbox_ids)


def store(
    connection: Connection,
    *,
    tenant_id: int,
    job_id: UUID,
    month: date,
    new: Sequence[NewMessage],
) -> None:
    """Write raw mail, messages and their state rows, raw mail in key order.

    Raw mail that is there already, from another mailbox, is locked and left as it is: whoever is about to delete it
    either sees these messages or has deleted it before, and then it is stored anew.
    """
    ordered = sorted({message.sha256: message for message in new}.values(), key=lambda message: message.sha256)
    connection.execute(
        """INSERT INTO raw_mail (tenant_id, month, sha256, size_bytes, content)
           SELECT %b, %b, * FROM unnest(%b::bytea[], %b::integer[], %b::bytea[])
           ON CONFLICT (tenant_id, month, sha256) DO UPDATE SET size_bytes = 0 WHERE false""",
        (
            tenant_id,
            month,
            [m.sha256 for m in ordered],
            [m.size_bytes for m in ordered],
            [m.content for m in ordered],
        ),
    )
    connection.execute(
        """INSERT INTO messages (tenant_id, mailbox_id, job_id, month, id, sha256, size_bytes, received_at,
                                 direction, envelope, source)
           SELECT %b, n.mailbox_id, %b, %b, n.id, n.sha256, n.size_bytes, n.received_at, n.direction, n.envelope,
                  n.source
           FROM unnest(%b::integer[], %b::uuid[], %b::bytea[], %b::integer[], %b::timestamptz[], %b::text[],
                       %b::bytea[], %b::text[])
                AS n (mailbox_id, id, sha256, size_bytes, received_at, direction, envelope, source)""",
        (
            tenant_id,
            job_id,
            month,
            [m.mailbox_id for m in new],
            [m.id for m in new],
            [m.sha256 for m in new],
            [m.size_bytes for m in new],
            [m.received_at for m in new],
            [m.direction for m in new],
            [m.envelope for m in new],
            [m.source for m in new],
        ),
    )
    connection.execute(
        "INSERT INTO message_state (tenant_id, mailbox_id, message_id) "
        "SELECT %b, * FROM unnest(%b::integer[], %b::uuid[])",
        (tenant_id, [m.mailbox_id for m in new], [m.id for m in new]),
    )


def add_chunks(
    connection: Connection, *, tenant_id: int, job_id: UUID, lane: str, chunks: Sequence[NewChunk]
) -> list[tuple[int, int | None]]:
    """Add chunks and count their messages in the job; (chunk id, dispatch id or None when not published)."""
    cursors = [
        connection.execute(
            """WITH made AS (
                   INSERT INTO chunks (tenant_id, job_id, lane, messages, state, dispatch_id, published_at)
                   SELECT %(tenant)s, %(job)s, %(lane)s, %(count)s,
                          CASE WHEN %(publish)s THEN 'published' ELSE 'ready' END,
                          CASE WHEN %(publish)s THEN nextval('dispatch_ids') END,
                          CASE WHEN %(publish)s THEN clock_timestamp() END
                   RETURNING id, dispatch_id),
               body AS (INSERT INTO chunk_bodies SELECT id, %(ids)b FROM made)
               SELECT id, dispatch_id FROM made""",
            {
                "tenant": tenant_id,
                "job": job_id,
                "lane": lane,
                "count": len(chunk.message_ids),
                "publish": chunk.publish,
                "ids": chunk.message_ids,
            },
        )
        for chunk in chunks
    ]
    total = sum(len(chunk.message_ids) for chunk in chunks)
    connection.execute(
        "UPDATE jobs SET messages = messages + %s, finished_at = NULL, "
        "state = CASE state WHEN 'done' THEN 'open' ELSE state END "
        "WHERE id = %s",
        (total, job_id),
    )
    return [(row[0], row[1]) for cursor in cursors for row in cursor.fetchall()]  # type: ignore[misc]
