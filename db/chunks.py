"""Chunks of work: claim under a fence, load, finish, fail. A dispatch id is the fence.

Whoever finds no row has lost the chunk to somebody else and must drop what it did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from db.session import Connection


class Claim(NamedTuple):
    """A chunk that is now this worker's until its lease ends."""

    id: int
    dispatch_id: int
    tenant_id: int
    tenant: str
    job_id: UUID
    kind: str
    lane: str
    attempt: int
    alone: bool
    marked: UUID | None
    spec: dict[str, Any]
    """What the job's actor asked for, by kind of job."""
    messages: int


class Stored(NamedTuple):
    """One message of a chunk as it is to be scored."""

    id: UUID
    mailbox_id: int
    mailbox: str
    received_at: datetime
    direction: str
    envelope: bytes | None
    content: bytes
    size_bytes: int
    sighted: bool = False
    context: bytes | None = None
    """What its current vector consumed; None before the first score."""


def claim(connection: Connection, pairs: Sequence[tuple[int, int]], worker: str) -> list[Claim]:
    """Take the chunks whose dispatch id is still the wanted one, in one exchange with the server.

    Losing the commit only repeats the claim, so it does not wait for the disk: the setting is local to the statement.
    """
    rows = connection.execute(
        """UPDATE chunks c
           SET state = 'claimed', attempt = attempt + 1, claimed_at = clock_timestamp(), worker = %s,
               lease_until = clock_timestamp() + make_interval(secs => l.lease_s)
           FROM unnest(%s::bigint[], %s::bigint[]) AS wanted (id, dispatch_id), lanes l, tenants t, jobs j
           WHERE c.id = wanted.id AND c.dispatch_id = wanted.dispatch_id AND c.state = 'published'
                 AND l.name = c.lane AND NOT l.paused AND t.id = c.tenant_id
                 AND j.id = c.job_id AND j.state IN ('open', 'done')
           RETURNING c.id, c.dispatch_id, c.tenant_id, t.name, c.job_id, j.kind, c.lane, c.attempt, c.alone,
                     c.marked, j.spec, c.messages, set_config('synchronous_commit', 'off', true)""",
        (worker, [pair[0] for pair in pairs], [pair[1] for pair in pairs]),
    ).fetchall()
    return [Claim(*row[:-1]) for row in rows]  # type: ignore[arg-type]


def claimed_at(connection: Connection, place: str) -> list[tuple[int, int, int]]:
    """(chunk id, dispatch id, process id) of every claim by a worker of that place."""
    return connection.execute(
        """SELECT id, dispatch_id, substring(worker FROM '[0-9]+$')::integer FROM chunks
           WHERE state = 'claimed' AND worker ~ '@.*:[0-9]+$'
             AND left(split_part(worker, '@', 2), length(%(place)s) + 1) = %(place)s || ':'""",
        {"place": place},
    ).fetchall()  # type: ignore[return-value]


def load(connection: Connection, chunk_id: int) -> list[Stored]:
    """The chunk's messages that are not scored yet, in id order, with their raw mail (zstd)."""
    rows = connection.execute(
        """SELECT m.id, m.mailbox_id, b.address, m.received_at, m.direction, m.envelope, r.content, m.size_bytes,
                  s.sighted
           FROM messages m
           JOIN message_state s ON s.message_id = m.id AND s.state = 'accepted'
           JOIN raw_mail r ON r.tenant_id = m.tenant_id AND r.month = m.month AND r.sha256 = m.sha256
           JOIN mailboxes b ON b.id = m.mailbox_id
           WHERE m.id = ANY ((SELECT message_ids FROM chunk_bodies WHERE chunk_id = %b)::uuid[])
             AND s.message_id = ANY ((SELECT message_ids FROM chunk_bodies WHERE chunk_id = %b)::uuid[])
           ORDER BY m.id""",
        (chunk_id, chunk_id),
        binary=True,
    ).fetchall()
    return [Stored(*row) for row in rows]  # type: ignore[arg-type]


def load_scored(connection: Connection, claim: Claim) -> list[Stored]:
    """The chunk's scored messages that its job has not revised yet, in id order.

    Without those whose raw mail is gone.
    """
    rows = connection.execute(
        """SELECT m.id, m.mailbox_id, b.address, m.received_at, m.direction, m.envelope, r.content, m.size_bytes,
                  s.sighted, v.context
           FROM messages m
           JOIN message_state s ON s.message_id = m.id AND s.state = 'scored'
           JOIN raw_mail r ON r.tenant_id = m.tenant_id AND r.month = m.month AND r.sha256 = m.sha256
           JOIN mailboxes b ON b.id = m.mailbox_id
           LEFT JOIN vectors v ON v.message_id = m.id AND v.revision = s.revision
           WHERE m.id = ANY ((SELECT message_ids FROM chunk_bodies WHERE chunk_id = %(chunk)b)::uuid[])
             AND s.message_id = ANY ((SELECT message_ids FROM chunk_bodies WHERE chunk_id = %(chunk)b)::uuid[])
             AND NOT EXISTS (SELECT FROM scores o WHERE o.message_id = m.id AND o.job_id = %(job)b)
           ORDER BY m.id""",
        {"chunk": claim.id, "job": claim.job_id},
        binary=True,
    ).fetchall()
    return [Stored(*row) for row in rows]  # type: ignore[arg-type]


def hold(connection: Connection, claim: Claim) -> bool:
    """Lock the chunk row for a save; False when the fence is lost. First statement of the save transaction."""
    row = connection.execute(
        "SELECT 1 FROM chunks WHERE id = %s AND dispatch_id = %s AND state = 'claimed' FOR UPDATE",
        (claim.id, claim.dispatch_id),
    ).fetchone()
    return row is not None


def mark(connection: Connection, claim: Claim, message_id: UUID) -> bool:
    """Note the message that is about to be worked on, so that a crash names it; False when the fence is lost."""
    row = connection.execute(
        "UPDATE chunks SET marked = %s WHERE id = %s AND dispatch_id = %s AND state = 'claimed' RETURNING id",
        (message_id, claim.id, claim.dispatch_id),
    ).fetchone()
    return row is not None


def unmark(connection: Connection, claim: Claim) -> None:
    """The marked message is saved or set apart."""
    connection.execute("UPDATE chunks SET marked = NULL WHERE id = %s", (claim.id,))


def finish(connection: Connection, claim: Claim) -> None:
    """The chunk is done. The caller holds its lock."""
    connection.execute(
        "UPDATE chunks SET state = 'done', marked = NULL, finished_at = clock_timestamp(), lease_until = NULL "
        "WHERE id = %s",
        (claim.id,),
    )


def count_in_job(connection: Connection, job_id: UUID, *, scored: int, dead: int = 0) -> None:
    """Add to the job's counters: a hot row, so the last statement before commit."""
    connection.execute(
        """UPDATE jobs SET scored = scored + %(scored)s, dead = dead + %(dead)s,
                  state = CASE WHEN state = 'open' AND scored + dead + cancelled + %(scored)s + %(dead)s >= messages
                               THEN 'done' ELSE state END,
                  finished_at = CASE WHEN scored + dead + cancelled + %(scored)s + %(dead)s >= messages THEN now() END
           WHERE id = %(job)s""",
        {"scored": scored, "dead": dead, "job": job_id},
    )


def set_alone(connection: Connection, claim: Claim, message_id: UUID, error: str, delay_s: float) -> None:
    """Move one message into a chunk of its own, whose next attempt is its last.

    The caller holds the chunk's lock. The message leaves the first chunk's body, so that only one chunk names it.
    """
    connection.execute(
        """WITH made AS (
               INSERT INTO chunks (tenant_id, job_id, lane, state, messages, attempt, alone, marked, error,
                                   next_attempt_at, timed_out_at)
               SELECT tenant_id, job_id, lane, 'ready', 1, 2, true, %(message)s, %(error)s,
                      clock_timestamp() + make_interval(secs => %(delay)s), timed_out_at
               FROM chunks WHERE id = %(chunk)s
               RETURNING id),
           body AS (INSERT INTO chunk_bodies SELECT id, ARRAY[%(message)s::uuid] FROM made),
           rest AS (UPDATE chunk_bodies SET message_ids = array_remove(message_ids, %(message)s::uuid)
                    WHERE chunk_id = %(chunk)s)
           UPDATE chunks SET marked = NULL, messages = greatest(messages - 1, 1) WHERE id = %(chunk)s""",
        {"message": message_id, "error": error, "delay": delay_s, "chunk": claim.id},
    )


def time_out(connection: Connection, claim: Claim) -> bool:
    """Note that a statement ran out of time over this chunk; whether that is the chunk's own doing.

    It is when it happened before, and since then the database ended other chunks: it serves the rest.
    """
    row = connection.execute(
        """WITH before AS (SELECT timed_out_at FROM chunks WHERE id = %(chunk)s),
                noted AS (UPDATE chunks SET timed_out_at = clock_timestamp()
                          WHERE id = %(chunk)s AND dispatch_id = %(dispatch)s)
           SELECT EXISTS (SELECT FROM lanes l JOIN chunks c ON c.lane = l.name AND c.state = 'done'
                          WHERE c.finished_at > before.timed_out_at) FROM before""",
        {"chunk": claim.id, "dispatch": claim.dispatch_id},
    ).fetchone()
    return row is not None and bool(row[0])


def release(connection: Connection, pairs: Sequence[tuple[int, int]], error: str, delay_s: float = 0.0) -> int:
    """Give claimed chunks back at once, with what went wrong; how many were still held by these dispatch ids."""
    cursor = connection.execute(
        """UPDATE chunks c SET state = 'ready', dispatch_id = NULL, lease_until = NULL, error = %s,
                  next_attempt_at = clock_timestamp() + make_interval(secs => %s)
           FROM unnest(%s::bigint[], %s::bigint[]) AS held (id, dispatch_id)
           WHERE c.id = held.id AND c.dispatch_id = held.dispatch_id AND c.state = 'claimed'""",
        (error, delay_s, [pair[0] for pair in pairs], [pair[1] for pair in pairs]),
    )
    return cursor.rowcount


def forgive(connection: Connection, pairs: Sequence[tuple[int, int]], worker: str, error: str, delay_s: float) -> int:
    """Like `release`, for a fault that is not the chunk's (database or broker gone): the attempt does not count.

    Only of what this worker claimed, be it that the claim's answer was lost: a task that was delivered twice is
    perhaps in another one's hands.
    """
    cursor = connection.execute(
        """UPDATE chunks c SET state = 'ready', dispatch_id = NULL, lease_until = NULL, error = %s,
                  attempt = greatest(attempt - 1, 0), marked = CASE WHEN alone THEN marked END,
                  next_attempt_at = clock_timestamp() + make_interval(secs => %s)
           FROM unnest(%s::bigint[], %s::bigint[]) AS held (id, dispatch_id)
           WHERE c.id = held.id AND c.dispatch_id = held.dispatch_id AND c.state = 'claimed' AND c.worker = %s""",
        (error, delay_s, [pair[0] for pair in pairs], [pair[1] for pair in pairs], worker),
    )
    return cursor.rowcount
