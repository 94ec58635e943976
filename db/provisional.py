"""Messages with a provisional score: when their facts are in, or their deadline is over, they become chunks again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from uuid_utils.compat import uuid7

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from db.session import Connection

CHUNK = 256
"""Most messages of one chunk of revisions."""


def give_up(connection: Connection, kinds: Mapping[str, Sequence[str]], *, most: int = 5_000) -> int:
    """Messages whose deadline is over wait no longer; what they lacked becomes facts that say why. How many.

    `kinds` are those that each provider brings. A lookup that nobody waits for any more is not asked again.
    """
    pairs = sorted((provider, kind) for provider, brought in kinds.items() for kind in brought)
    with connection.transaction():
        row = connection.execute(
            """WITH late AS (
                   SELECT message_id FROM awaiting WHERE open > 0 AND deadline <= clock_timestamp()
                   ORDER BY message_id LIMIT %(most)s FOR UPDATE SKIP LOCKED),
               freed AS (UPDATE awaiting SET open = 0 WHERE message_id IN (SELECT message_id FROM late)),
               lacked AS (DELETE FROM wanted_facts w USING late WHERE w.message_id = late.message_id
                          RETURNING w.provider, w.entity),
               names AS (SELECT DISTINCT provider, entity FROM lacked),
               why AS (
                   INSERT INTO facts (provider, kind, entity, status, observed_at, usable_until)
                   SELECT n.provider, k.kind, n.entity, coalesce(l.status, 'timeout'), clock_timestamp(),
                          clock_timestamp() + interval '10 minutes'
                   FROM names n JOIN unnest(%(providers)s::text[], %(kinds)s::text[]) AS k (provider, kind)
                        USING (provider) LEFT JOIN lookups l USING (provider, entity)
                   WHERE NOT EXISTS (
                       SELECT FROM facts f WHERE f.entity = n.entity AND f.kind = k.kind AND f.provider = n.provider
                         AND f.usable_until > clock_timestamp() + interval '1 minute'))
               SELECT count(*) FROM late""",
            {"most": most, "providers": [p for p, _ in pairs], "kinds": [k for _, k in pairs]},
        ).fetchone()
        late = 0 if row is None else int(str(row[0]))
        if late:
            connection.execute(
                """UPDATE lookups SET state = 'resting', failures = 0 WHERE (provider, entity) IN (
                       SELECT provider, entity FROM lookups l WHERE state = 'due' AND NOT EXISTS (
                           SELECT FROM wanted_facts w WHERE w.provider = l.provider AND w.entity = l.entity)
                       ORDER BY provider, entity FOR UPDATE SKIP LOCKED)"""
            )
    return late


def plan(connection: Connection, lane: str, *, most: int = 4 * CHUNK) -> int:
    """Put messages that wait for nothing any more into chunks of a lane, a job a tenant and day; how many."""
    with connection.transaction():
        rows = connection.execute(
            """WITH ready AS (
                   DELETE FROM awaiting WHERE message_id IN (
                       SELECT message_id FROM awaiting WHERE open <= 0 ORDER BY tenant_id, message_id
                       LIMIT %(most)s FOR UPDATE SKIP LOCKED)
                   RETURNING tenant_id, message_id)
               SELECT tenant_id, array_agg(message_id ORDER BY message_id) FROM ready GROUP BY tenant_id""",
            {"most": most},
        ).fetchall()
        today = datetime.now(UTC).date()
        for tenant_id, message_ids in rows:
            add_revisions(
                connection,
                int(str(tenant_id)),
                message_ids,  # type: ignore[arg-type]
                lane=lane,
                actor="enrichment",
                key=f"facts of {today}",
            )
    return sum(len(ids) for _, ids in rows)  # type: ignore[arg-type, misc]


def add_revisions(
    connection: Connection, tenant_id: int, message_ids: Sequence[object], *, lane: str, actor: str, key: str
) -> None:
    """Chunks that score messages again, in the tenant's job of that key; a job scores a message once.

    A job that was cancelled takes no more: it gives up its key to another. The caller's transaction.
    """
    connection.execute(
        """UPDATE jobs SET idempotency_key = idempotency_key || ' cancelled ' || id
           WHERE tenant_id = %s AND idempotency_key = %s AND state = 'cancelled'""",
        (tenant_id, key),
    )
    row = connection.execute(
        """INSERT INTO jobs (id, tenant_id, kind, lane, actor, idempotency_key, messages, spec)
           VALUES (%(id)s, %(tenant)s, 'revision', %(lane)s, %(actor)s, %(key)s, %(number)s,
                   '{"cause": "facts"}')
           ON CONFLICT (tenant_id, idempotency_key) DO UPDATE
           SET messages = jobs.messages + excluded.messages, finished_at = NULL,
               state = CASE jobs.state WHEN 'done' THEN 'open' ELSE jobs.state END
           RETURNING id""",
        {
            "id": uuid7(),  # jobs are listed by id, newest first
            "tenant": tenant_id,
            "lane": lane,
            "actor": actor,
            "key": key,
            "number": len(message_ids),
        },
    ).fetchone()
    assert row is not None
    for start in range(0, len(message_ids), CHUNK):
        part = list(message_ids[start : start + CHUNK])
        connection.execute(
            """WITH made AS (INSERT INTO chunks (tenant_id, job_id, lane, state, messages)
                             VALUES (%s, %s, %s, 'ready', %s) RETURNING id)
               INSERT INTO chunk_bodies SELECT id, %s::uuid[] FROM made""",
            (tenant_id, row[0], lane, len(part), part),
        )


def waiting(connection: Connection) -> tuple[int, float | None]:
    """(messages that wait for facts, seconds until the next deadline)."""
    row = connection.execute(
        "SELECT count(*), extract(epoch FROM min(deadline) - clock_timestamp())::float8 FROM awaiting WHERE open > 0"
    ).fetchone()
    assert row is not None
    return int(str(row[0])), None if row[1] is None else float(str(row[1]))
