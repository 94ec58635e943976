"""Messages that no attempt could score: kept with their error until somebody replays or discards them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from db.chunks import Claim
    from db.session import Connection


def bury(connection: Connection, claim: Claim, message_id: UUID, error: str, *, first: bool = True) -> bool:
    """Set a message aside with its error; False when it has reached a final state already.

    A message that has a score keeps it, when a later job (`first` is false) could not score it again.
    The caller holds the chunk's lock.
    """
    if first:
        row = connection.execute(
            "UPDATE message_state SET state = 'dead' WHERE message_id = %s AND state = 'accepted' RETURNING 1",
            (message_id,),
        ).fetchone()
        if row is None:
            return False
    connection.execute(
        "INSERT INTO dead_letters (tenant_id, message_id, job_id, lane, attempts, error) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        (claim.tenant_id, message_id, claim.job_id, claim.lane, min(claim.attempt, 3), error[:4000]),
    )
    return True


def bury_rest(connection: Connection, claim: Claim, error: str) -> int:
    """Set aside what of a chunk still has no score at its end; how many messages. The caller holds the chunk's lock."""
    row = connection.execute(
        """WITH rest AS (
               UPDATE message_state SET state = 'dead'
               WHERE message_id = ANY ((SELECT message_ids FROM chunk_bodies WHERE chunk_id = %(chunk)s)::uuid[])
                 AND state = 'accepted' RETURNING message_id),
           letters AS (INSERT INTO dead_letters (tenant_id, message_id, job_id, lane, attempts, error)
                       SELECT %(tenant)s, message_id, %(job)s, %(lane)s, %(attempts)s, %(error)s FROM rest)
           SELECT count(*) FROM rest""",
        {
            "chunk": claim.id,
            "tenant": claim.tenant_id,
            "job": claim.job_id,
            "lane": claim.lane,
            "attempts": min(claim.attempt, 3),
            "error": error,
        },
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


class Letter(NamedTuple):
    """One dead letter; `resolution` is None while it is open."""

    id: int
    tenant: str
    message_id: UUID
    lane: str
    attempts: int
    error: str
    died_at: datetime
    resolution: str | None
    resolved_by: str | None
    resolved_at: datetime | None


def listing(
    connection: Connection,
    *,
    limit: int = 100,
    resolved: bool = False,
    tenant: str | None = None,
    lane: str | None = None,
    error: str | None = None,
    letter_id: int | None = None,
) -> list[Letter]:
    """Letters, newest first; with `resolved` those that were replayed or discarded, too; `error` is a part of it."""
    rows = connection.execute(
        """SELECT d.id, t.name, d.message_id, d.lane, d.attempts, d.error, d.died_at, d.resolution, d.resolved_by,
                  d.resolved_at
           FROM dead_letters d JOIN tenants t ON t.id = d.tenant_id
           WHERE (%(resolved)s OR d.resolution IS NULL)
                 AND (%(tenant)s::text IS NULL OR t.name = %(tenant)s)
                 AND (%(lane)s::text IS NULL OR d.lane = %(lane)s)
                 AND (%(error)s::text IS NULL OR position(lower(%(error)s) IN lower(d.error)) > 0)
                 AND (%(id)s::bigint IS NULL OR d.id = %(id)s)
           ORDER BY d.id DESC LIMIT %(limit)s""",
        {
            "resolved": resolved,
            "tenant": tenant,
            "lane": lane,
            "error": error,
            "id": letter_id,
            "limit": limit,
        },
    ).fetchall()
    return [Letter(*row) for row in rows]  # type: ignore[arg-type]


def page(connection: Connection, *, resolved: bool, before: int | None, limit: int) -> list[dict[str, Any]]:
    """At most `limit` dead letters that this connection may see, newest first, with an id below `before`."""
    columns = ("id", "message_id", "lane", "attempts", "error", "died_at", "resolution", "resolved_by")
    rows = connection.execute(
        """SELECT id, message_id, lane, attempts, error, died_at, resolution, resolved_by FROM dead_letters
           WHERE (%(resolved)s OR resolution IS NULL) AND (%(before)s::bigint IS NULL OR id < %(before)s)
           ORDER BY id DESC LIMIT %(limit)s""",
        {"resolved": resolved, "before": before, "limit": limit},
    ).fetchall()
    return [dict(zip(columns, row, strict=True)) for row in rows]


def replay(connection: Connection, letter_id: int, author: str) -> bool:
    """Give a dead letter a fresh chunk in its lane; False when there is no such open letter.

    A job that has ended is open again until the chunk is done; one that is paused stays so, and one that is being
    cancelled keeps its letters until that is done.
    """
    with connection.transaction():
        row = connection.execute(
            "UPDATE dead_letters SET resolution = 'replayed', resolved_by = %s, resolved_at = now() "
            "WHERE id = %s AND resolution IS NULL AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = dead_letters.job_id "
            "AND j.state = 'cancelled' AND j.finished_at IS NULL) RETURNING tenant_id, message_id, job_id, lane",
            (author, letter_id),
        ).fetchone()
        if row is None:
            return False
        tenant_id, message_id, job_id, lane = row
        connection.execute(
            "UPDATE message_state SET state = 'accepted' WHERE message_id = %s AND state = 'dead'", (message_id,)
        )
        connection.execute(
            """WITH made AS (INSERT INTO chunks (tenant_id, job_id, lane, state, messages)
                             VALUES (%s, %s, %s, 'ready', 1) RETURNING id)
               INSERT INTO chunk_bodies SELECT id, ARRAY[%s::uuid] FROM made""",
            (tenant_id, job_id, lane, message_id),
        )
        connection.execute(
            """UPDATE jobs SET dead = dead - 1, finished_at = NULL,
                      state = CASE WHEN state = 'paused' OR (state = 'cancelled' AND finished_at IS NULL)
                                   THEN state ELSE 'open' END
               WHERE id = %s""",
            (job_id,),
        )
    return True


def discard(connection: Connection, letter_id: int, author: str) -> bool:
    """Close a dead letter without another attempt; False when there is no such open letter."""
    row = connection.execute(
        "UPDATE dead_letters SET resolution = 'discarded', resolved_by = %s, resolved_at = now() "
        "WHERE id = %s AND resolution IS NULL RETURNING id",
        (author, letter_id),
    ).fetchone()
    return row is not None


def open_count(connection: Connection) -> int:
    """Dead letters that nobody has replayed or discarded."""
    row = connection.execute("SELECT count(*) FROM dead_letters WHERE resolution IS NULL").fetchone()
    assert row is not None
    return int(str(row[0]))
