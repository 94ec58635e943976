"""Jobs: what an actor asked for; list, pause, resume, cancel.

A job's state is the truth; its chunks follow. Each call moves them at once, and `settle`, which the dispatcher
calls every second, moves those that a race left behind: a chunk that was given back while its job was paused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from db.session import Connection


# A rescan whose planning was overtaken by its workers is between chunks, not at its end.
_RUNS = sql.SQL(
    """(state = 'open' OR (state = 'done' AND EXISTS (
               SELECT FROM rescans r WHERE r.id = jobs.id AND NOT r.planned)))"""
)


class Job(NamedTuple):
    """One job and how far it is, in messages."""

    id: UUID
    tenant: str
    kind: str
    lane: str
    actor: str
    state: str
    messages: int
    scored: int
    dead: int
    cancelled: int
    created_at: datetime
    finished_at: datetime | None


def listing(
    connection: Connection,
    *,
    tenant: str | None = None,
    state: str | None = None,
    job_id: UUID | None = None,
    limit: int = 100,
) -> list[Job]:
    """Jobs, newest first."""
    rows = connection.execute(
        """SELECT j.id, t.name, j.kind, j.lane, j.actor, j.state, j.messages, j.scored, j.dead, j.cancelled,
                  j.created_at, j.finished_at
           FROM jobs j JOIN tenants t ON t.id = j.tenant_id
           WHERE (%(tenant)s::text IS NULL OR t.name = %(tenant)s) AND (%(state)s::text IS NULL OR j.state = %(state)s)
                 AND (%(id)s::uuid IS NULL OR j.id = %(id)s)
           ORDER BY j.id DESC LIMIT %(limit)s""",
        {"tenant": tenant, "state": state, "id": job_id, "limit": limit},
    ).fetchall()
    return [Job(*row) for row in rows]  # type: ignore[arg-type]


def find(connection: Connection, job_id: UUID) -> Job | None:
    """One job, or None."""
    return next(iter(listing(connection, job_id=job_id, limit=1)), None)


def pause(connection: Connection, job_id: UUID) -> bool:
    """Stop feeding a job; chunks in hand are finished. False when it is not open."""
    row = connection.execute(
        sql.SQL("UPDATE jobs SET state = 'paused', finished_at = NULL WHERE id = %s AND {} RETURNING id").format(_RUNS),
        (job_id,),
    ).fetchone()
    _hold(connection)
    return row is not None


def resume(connection: Connection, job_id: UUID) -> bool:
    """Feed a paused job again. False when it is not paused."""
    row = connection.execute(
        """UPDATE jobs SET state = CASE
               WHEN scored + dead + cancelled >= messages
                 AND NOT EXISTS (SELECT FROM rescans r WHERE r.id = jobs.id AND NOT r.planned)
               THEN 'done' ELSE 'open' END
           WHERE id = %s AND state = 'paused' RETURNING id""",
        (job_id,),
    ).fetchone()
    _unhold(connection)
    return row is not None


def cancel(connection: Connection, job_id: UUID) -> bool:
    """Give up what a job has not finished, chunks in hand included: they lose their fence. False when it has ended.

    Messages that this job accepted and did not score become `cancelled`, and their receipts are taken back, so that
    the same mail may be accepted again. That goes on in steps after the call; no result is written after its return.
    """
    row = connection.execute(
        sql.SQL(
            "UPDATE jobs SET state = 'cancelled', finished_at = NULL "
            "WHERE id = %s AND (state = 'paused' OR {}) RETURNING id"
        ).format(_RUNS),
        (job_id,),
    ).fetchone()
    _cancel(connection)
    return row is not None


def settle(connection: Connection) -> int:
    """Bring chunks to their job's state; how many messages of cancelled jobs were ended by this step."""
    _hold(connection)
    _unhold(connection)
    _cancel(connection)
    _end_short(connection)
    return _end_cancelled(connection)


def _hold(connection: Connection) -> None:
    connection.execute(
        """UPDATE chunks SET state = 'held', dispatch_id = NULL WHERE state IN ('ready', 'published') AND id IN (
               SELECT c.id FROM jobs j JOIN chunks c ON c.job_id = j.id
               WHERE j.state = 'paused' AND c.state IN ('ready', 'published')
               ORDER BY c.id FOR UPDATE OF c SKIP LOCKED)"""
    )


def _unhold(connection: Connection) -> None:
    connection.execute(
        """UPDATE chunks SET state = 'ready' WHERE state = 'held' AND id IN (
               SELECT c.id FROM chunks c JOIN jobs j ON j.id = c.job_id
               WHERE c.state = 'held' AND j.state IN ('open', 'done') ORDER BY c.id FOR UPDATE OF c SKIP LOCKED)"""
    )


def _cancel(connection: Connection) -> None:
    """Waits for savers, who hold their chunk's row, so that nothing is written after it."""
    connection.execute(
        """UPDATE chunks SET state = 'cancelled', dispatch_id = NULL, lease_until = NULL, finished_at = NULL
           WHERE state IN ('ready', 'published', 'claimed', 'held') AND id IN (
               SELECT c.id FROM jobs j JOIN chunks c ON c.job_id = j.id
               WHERE j.state = 'cancelled' AND j.finished_at IS NULL
                 AND c.state IN ('ready', 'published', 'claimed', 'held')
               ORDER BY c.id FOR UPDATE OF c)"""
    )


def _end_short(connection: Connection) -> None:
    """End jobs whose chunks are all done though some of their messages were erased before they were scored again.

    A job that changed since it was looked at is left for the next time.
    """
    connection.execute(
        """WITH short AS (
               SELECT j.id, j.messages, j.scored, j.dead FROM jobs j
               WHERE j.state = 'open' AND j.kind IN ('rescan', 'revision', 'backfill')
                 AND NOT EXISTS (SELECT FROM rescans r WHERE r.id = j.id AND NOT r.planned)
                 AND NOT EXISTS (SELECT FROM chunks c WHERE c.job_id = j.id
                                   AND c.state IN ('ready', 'published', 'claimed', 'held')))
           UPDATE jobs j SET state = 'done', finished_at = now(), messages = j.scored + j.dead + j.cancelled
           FROM short WHERE j.id = short.id AND j.state = 'open'
             AND (j.messages, j.scored, j.dead) = (short.messages, short.scored, short.dead)"""
    )


def _end_cancelled(connection: Connection, most_chunks: int = 20) -> int:
    """End the messages of some cancelled chunks: states, receipts, the job's count; then jobs that have none left."""
    row = connection.execute(
        """WITH swept AS (
               SELECT c.id FROM chunks c WHERE c.state = 'cancelled' AND c.finished_at IS NULL
               ORDER BY c.job_id LIMIT %s FOR UPDATE SKIP LOCKED),
           ended AS (UPDATE chunks c SET finished_at = clock_timestamp() FROM swept WHERE c.id = swept.id
                     RETURNING c.id, c.job_id),
           states AS (
               SELECT s.message_id, s.tenant_id, s.mailbox_id, m.sha256, ended.job_id
               FROM ended JOIN chunk_bodies b ON b.chunk_id = ended.id
               CROSS JOIN LATERAL unnest(b.message_ids) AS wanted (message_id)
               JOIN messages m ON m.id = wanted.message_id AND m.job_id = ended.job_id
               JOIN message_state s ON s.message_id = wanted.message_id AND s.state = 'accepted'
               ORDER BY s.message_id FOR UPDATE OF s),
           cancelled AS (UPDATE message_state s SET state = 'cancelled' FROM states
                         WHERE s.message_id = states.message_id RETURNING s.message_id),
           receipts AS (
               DELETE FROM receipts r USING states WHERE r.tenant_id = states.tenant_id
                 AND r.mailbox_id = states.mailbox_id AND r.sha256 = states.sha256),
           counted AS (
               UPDATE jobs j SET cancelled = cancelled + n.messages
               FROM (SELECT job_id, count(*) AS messages FROM states GROUP BY job_id) n WHERE j.id = n.job_id)
           SELECT count(*) FROM cancelled""",
        (most_chunks,),
    ).fetchone()
    connection.execute(
        """UPDATE jobs j SET finished_at = now(),
                  cancelled = CASE j.kind WHEN 'intake' THEN cancelled ELSE greatest(0, messages - scored - dead) END
           WHERE j.state = 'cancelled' AND j.finished_at IS NULL
             AND NOT EXISTS (SELECT FROM chunks c WHERE c.job_id = j.id
                             AND (c.state IN ('ready', 'published', 'claimed', 'held')
                                  OR (c.state = 'cancelled' AND c.finished_at IS NULL)))"""
    )
    assert row is not None
    return int(str(row[0]))
