"""Deleting messages with all that was ever written about them; what retention and erasure share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from db.extractions import ATTACHMENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from uuid import UUID

    from db.session import Connection

OF_MESSAGES = (
    "scores", "shadow_scores", "vectors", "sightings", "explanations", "dead_letters", "labels", "deliveries", "outbox",
    "rescan_results", "wanted_facts", "awaiting", "message_state", "receipts",
)  # fmt: skip
"""Tables with a message_id, in the order of deletion; `messages` itself goes last."""


def forget(connection: Connection, tenant_id: int, message_ids: Sequence[UUID]) -> dict[str, int]:
    """Delete messages and everything that names them, raw mail and extractions that no other message holds included.

    Rows deleted by table. Locks the messages' states first, in id order as a save does: what is being scored is either
    saved before and deleted here, or finds its message gone.
    """
    ids = sorted(message_ids)
    connection.execute(
        "SELECT 1 FROM message_state WHERE message_id = ANY (%b::uuid[]) ORDER BY message_id FOR UPDATE", (ids,)
    )
    _leave_jobs(connection, ids)
    mail = connection.execute(
        "SELECT DISTINCT month, sha256 FROM messages WHERE id = ANY (%b::uuid[]) AND tenant_id = %b", (ids, tenant_id)
    ).fetchall()
    attachments = connection.execute(
        "SELECT DISTINCT entity FROM sightings WHERE message_id = ANY (%b::uuid[]) AND kind = %b", (ids, ATTACHMENT)
    ).fetchall()
    connection.execute(
        """INSERT INTO stale_days (tenant_id, day)
           SELECT DISTINCT s.tenant_id, (s.received_at AT TIME ZONE 'UTC')::date FROM sightings s
           JOIN sighting_rolls r ON r.tenant_id = s.tenant_id
           WHERE s.message_id = ANY (%b::uuid[]) AND (s.received_at AT TIME ZONE 'UTC')::date < r.before
           ON CONFLICT DO NOTHING""",
        (ids,),
    )
    # A count that nothing is left of would stay: the roll-up writes a day's counts anew and deletes none.
    connection.execute(
        """DELETE FROM sighting_days d USING (
               SELECT DISTINCT tenant_id, kind, entity, (received_at AT TIME ZONE 'UTC')::date AS day FROM sightings
               WHERE message_id = ANY (%b::uuid[]) AND tenant_id = %b) gone
           WHERE d.tenant_id = gone.tenant_id AND d.kind = gone.kind AND d.entity = gone.entity AND d.day = gone.day""",
        (ids, tenant_id),
    )
    counts: dict[str, int] = {}
    for table in OF_MESSAGES:
        statement = sql.SQL("DELETE FROM {} WHERE message_id = ANY (%b::uuid[]) AND tenant_id = %b")
        counts[table] = connection.execute(statement.format(sql.Identifier(table)), (ids, tenant_id)).rowcount
    counts["messages"] = connection.execute(
        "DELETE FROM messages WHERE id = ANY (%b::uuid[]) AND tenant_id = %b", (ids, tenant_id)
    ).rowcount
    counts["raw_mail"] = forget_raw(connection, tenant_id, [(row[0], bytes(row[1])) for row in mail])  # type: ignore[call-overload,misc]
    counts["extractions"] = connection.execute(
        """DELETE FROM extractions e WHERE e.tenant_id = %b AND substring(e.sha256 FROM 1 FOR 16) = ANY (%b::bytea[])
             AND NOT EXISTS (SELECT FROM sightings s WHERE s.tenant_id = e.tenant_id AND s.kind = %b
                               AND s.entity = substring(e.sha256 FROM 1 FOR 16))""",
        (tenant_id, [bytes(row[0]) for row in attachments], ATTACHMENT),  # type: ignore[call-overload]
    ).rowcount
    return counts


def forget_raw(
    connection: Connection, tenant_id: int, mail: Sequence[tuple[date, bytes]], *, newer_than: UUID | None = None
) -> int:
    """Delete raw mail that no message of its month needs any more; how many rows.

    A message needs it while it exists, or, where `newer_than` is given, while its id is at least that. The rows are
    locked in key order before the question is asked, as acceptance locks them: a copy that arrives in another mailbox
    meanwhile is either seen here or stores the raw mail anew.
    """
    ordered = sorted(mail)
    values = (tenant_id, [month for month, _ in ordered], [digest for _, digest in ordered])
    connection.execute(
        """SELECT 1 FROM raw_mail r WHERE r.tenant_id = %b
             AND (r.month, r.sha256) IN (SELECT * FROM unnest(%b::date[], %b::bytea[]))
           ORDER BY r.month, r.sha256 FOR UPDATE""",
        values,
    )
    return connection.execute(
        """DELETE FROM raw_mail r USING unnest(%b::date[], %b::bytea[]) AS gone (month, sha256)
           WHERE r.tenant_id = %b AND r.month = gone.month AND r.sha256 = gone.sha256
             AND NOT EXISTS (
                 SELECT FROM mailboxes b
                 JOIN receipts c ON c.tenant_id = b.tenant_id AND c.mailbox_id = b.id AND c.sha256 = gone.sha256
                 JOIN messages m ON m.id = c.message_id AND m.month = gone.month
                 WHERE b.tenant_id = r.tenant_id AND (%b::uuid IS NULL OR m.id >= %b::uuid))""",
        (values[1], values[2], tenant_id, newer_than, newer_than),
    ).rowcount


def _leave_jobs(connection: Connection, ids: Sequence[UUID]) -> None:
    """Messages that were never scored leave their jobs, which may be done without them."""
    connection.execute(
        """WITH leaving AS (
               SELECT m.job_id, count(*)::integer AS messages FROM messages m
               JOIN message_state s ON s.message_id = m.id AND s.state = 'accepted'
               WHERE m.id = ANY (%(ids)b::uuid[]) AND s.message_id = ANY (%(ids)b::uuid[])
               GROUP BY m.job_id ORDER BY m.job_id)
           UPDATE jobs j SET messages = j.messages - l.messages,
               state = CASE WHEN j.state = 'open' AND j.scored + j.dead >= j.messages - l.messages
                            THEN 'done' ELSE j.state END,
               finished_at = CASE WHEN j.scored + j.dead >= j.messages - l.messages
                                  THEN coalesce(j.finished_at, now()) END
           FROM leaving l WHERE j.id = l.job_id""",
        {"ids": list(ids)},
    )
