"""Lanes: their limits, what waits in them, and the exact counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from db.session import Connection


MOST_DEAD = 1000


class LaneState(NamedTuple):
    """One lane at one moment. Times in seconds, None where nothing waits or ran."""

    name: str
    paused: bool
    draining: bool
    window_messages: int
    backlog_limit: int
    ready: int
    published: int
    claimed: int
    held: int
    oldest_s: float | None
    wait_s: float | None
    run_s: float | None
    finished_1m: int


class Standing(NamedTuple):
    """What the front door asks of a lane before each batch."""

    paused: bool
    draining: bool
    window_messages: int
    backlog_limit: int
    total_limit: int
    published: int
    any_ready: bool
    tenant_limit: int | None
    tenant_backlog: int


def states(connection: Connection) -> list[LaneState]:
    """Every lane by urgency: messages by chunk state; age of the oldest that may run; means of the last minute."""
    rows = connection.execute(
        """WITH waiting AS (
               SELECT lane, state, sum(messages) AS messages, min(created_at) AS oldest FROM (
                   SELECT lane, state, messages, created_at FROM chunks WHERE state = 'ready'
                   UNION ALL SELECT lane, state, messages, created_at FROM chunks WHERE state = 'published'
                   UNION ALL SELECT lane, state, messages, created_at FROM chunks WHERE state = 'claimed'
                   UNION ALL SELECT lane, state, messages, created_at FROM chunks WHERE state = 'held') every
               GROUP BY lane, state)
           SELECT l.name, l.paused, l.draining, l.window_messages, l.backlog_limit,
                  coalesce(w.ready, 0)::bigint, coalesce(w.published, 0)::bigint, coalesce(w.claimed, 0)::bigint,
                  coalesce(w.held, 0)::bigint, w.oldest_s, f.wait_s, f.run_s, coalesce(f.finished, 0)::bigint
           FROM lanes l
           LEFT JOIN LATERAL (
               SELECT sum(messages) FILTER (WHERE state = 'ready') AS ready,
                      sum(messages) FILTER (WHERE state = 'published') AS published,
                      sum(messages) FILTER (WHERE state = 'claimed') AS claimed,
                      sum(messages) FILTER (WHERE state = 'held') AS held,
                      extract(epoch FROM clock_timestamp()
                              - min(oldest) FILTER (WHERE state <> 'held'))::float8 AS oldest_s
               FROM waiting WHERE waiting.lane = l.name) w ON true
           LEFT JOIN LATERAL (
               SELECT extract(epoch FROM avg(claimed_at - created_at))::float8 AS wait_s,
                      extract(epoch FROM avg(finished_at - claimed_at))::float8 AS run_s,
                      sum(messages) AS finished
               FROM chunks c WHERE c.lane = l.name AND c.state = 'done'
                               AND c.finished_at > clock_timestamp() - interval '1 minute') f ON true
           ORDER BY l.urgency"""
    ).fetchall()
    return [LaneState(*row) for row in rows]  # type: ignore[arg-type]


class Backlog(NamedTuple):
    """What one tenant has in the lanes."""

    waiting: dict[str, int]
    """Messages by lane that are not done."""
    oldest_s: float | None
    """Age of the oldest that may run."""
    finished_1m: int
    dead: int
    """Open dead letters, counted no further than MOST_DEAD."""


def backlog(connection: Connection) -> Backlog:
    """What the tenant that the transaction sees has in the lanes."""
    row = connection.execute(
        """SELECT coalesce((SELECT jsonb_object_agg(lane, messages) FROM (
                      SELECT lane, sum(messages) AS messages FROM chunks
                      WHERE state IN ('ready', 'published', 'claimed', 'held') GROUP BY lane) w), '{}'),
                  (SELECT extract(epoch FROM clock_timestamp() - min(created_at))::float8 FROM chunks
                   WHERE state IN ('ready', 'published', 'claimed')),
                  (SELECT coalesce(sum(messages), 0)::bigint FROM chunks
                   WHERE state = 'done' AND finished_at > clock_timestamp() - interval '1 minute'),
                  (SELECT count(*) FROM (SELECT FROM dead_letters WHERE resolution IS NULL LIMIT %s) d)""",
        (MOST_DEAD,),
    ).fetchone()
    assert row is not None
    return Backlog(*row)  # type: ignore[arg-type]


def standing(connection: Connection, lane: str, tenant_id: int) -> Standing:
    """A lane's switches and limits, its window's filling, and a limited tenant's own backlog in it."""
    row = connection.execute(
        """SELECT l.paused, l.draining, l.window_messages, l.backlog_limit, l.total_limit,
                  (SELECT coalesce(sum(messages), 0) FROM chunks WHERE lane = l.name AND state = 'published')::bigint,
                  EXISTS (SELECT FROM chunks WHERE lane = l.name AND state = 'ready'),
                  t.backlog_limit,
                  CASE WHEN t.backlog_limit IS NULL THEN 0 ELSE (
                      SELECT coalesce(sum(messages), 0) FROM chunks
                      WHERE lane = l.name AND state = 'ready' AND tenant_id = t.id) END::bigint
           FROM lanes l, tenants t WHERE l.name = %s AND t.id = %s""",
        (lane, tenant_id),
    ).fetchone()
    if row is None:
        raise LookupError(lane)
    return Standing(*row)  # type: ignore[arg-type]


def backlogs(connection: Connection) -> dict[str, tuple[int, float]]:
    """(messages not yet claimed, messages finished a second over the last 5 s) of every lane."""
    rows = connection.execute(
        """SELECT l.name,
                  (SELECT coalesce(sum(messages), 0) FROM chunks WHERE lane = l.name AND state = 'ready')::bigint
                  + (SELECT coalesce(sum(messages), 0) FROM chunks
                     WHERE lane = l.name AND state = 'published')::bigint,
                  (SELECT coalesce(sum(messages), 0) / 5.0 FROM chunks
                   WHERE lane = l.name AND state = 'done'
                     AND finished_at > clock_timestamp() - interval '5 seconds')::float8
           FROM lanes l"""
    ).fetchall()
    return {str(name): (int(str(waiting)), float(str(rate))) for name, waiting, rate in rows}


def waiting(connection: Connection, lane: str) -> tuple[bool, bool]:
    """(a chunk of the lane is published and not claimed yet, somebody took one within the last two seconds)."""
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM chunks WHERE lane = %(lane)s AND state = 'published'),
                  EXISTS (SELECT FROM chunks WHERE lane = %(lane)s AND state = 'done'
                            AND finished_at > clock_timestamp() - interval '2 seconds')
                  OR EXISTS (SELECT FROM chunks WHERE lane = %(lane)s AND state = 'claimed'
                               AND claimed_at > clock_timestamp() - interval '2 seconds')""",
        {"lane": lane},
    ).fetchone()
    assert row is not None
    return bool(row[0]), bool(row[1])


class Mark(NamedTuple):
    """Whether a lane has work for its workers now, and when they last took some."""

    lane: str
    has_work: bool
    claimed_at: datetime | None


def marks(connection: Connection) -> list[Mark]:
    """Every lane's mark; a lane that is paused has no work."""
    rows = connection.execute(
        """SELECT l.name,
                  NOT l.paused AND EXISTS (SELECT FROM chunks WHERE lane = l.name AND state = 'published'),
                  greatest((SELECT max(claimed_at) FROM chunks WHERE lane = l.name AND state = 'claimed'),
                           (SELECT claimed_at FROM chunks WHERE lane = l.name AND state = 'done'
                            ORDER BY finished_at DESC LIMIT 1))
           FROM lanes l ORDER BY l.urgency"""
    ).fetchall()
    return [Mark(*row) for row in rows]  # type: ignore[arg-type]


def count(connection: Connection, lane: str, increments: Mapping[str, int], shard: int) -> None:
    """Add to exact counters, in name order; `shard` spreads writers over rows (0 to 15)."""
    named = sorted((name, value) for name, value in increments.items() if value)
    connection.execute(
        """INSERT INTO counters (lane, shard, name, value)
           SELECT %s, %s, * FROM unnest(%s::text[], %s::bigint[])
           ON CONFLICT (name, lane, shard) DO UPDATE SET value = counters.value + excluded.value""",
        (lane, shard % 16, [name for name, _ in named], [value for _, value in named]),
    )


def counters(connection: Connection) -> list[tuple[str, str, int]]:
    """(name, lane, value) of every counter."""
    return connection.execute(
        "SELECT name, lane, sum(value)::bigint FROM counters GROUP BY name, lane ORDER BY name, lane"
    ).fetchall()  # type: ignore[return-value]


def pause(connection: Connection, lane: str, *, paused: bool) -> bool:
    """Pause or resume a lane: what is published and unclaimed goes back to ready. False for an unknown lane.

    A paused lane gives nothing to a worker from the return on; what is in hand is finished.
    """
    with connection.transaction():
        found = connection.execute(
            "UPDATE lanes SET paused = %s WHERE name = %s RETURNING name", (paused, lane)
        ).fetchone()
        connection.execute(
            """UPDATE chunks SET state = 'ready', dispatch_id = NULL WHERE state = 'published' AND id IN (
                   SELECT id FROM chunks WHERE lane = %s AND state = 'published' ORDER BY id FOR UPDATE SKIP LOCKED)""",
            (lane,),
        )
    return found is not None


def drain(connection: Connection, lane: str, *, draining: bool) -> bool:
    """Let a lane take nothing new while it works off what it has, or open it again. False for an unknown lane."""
    row = connection.execute(
        "UPDATE lanes SET draining = %s WHERE name = %s RETURNING name", (draining, lane)
    ).fetchone()
    return row is not None
