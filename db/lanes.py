"""Lanes: their limits, what waits in them, and the exact counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.session import Connection


class LaneState(NamedTuple):
    """One lane at one moment. Times in seconds, None where nothing waits or ran."""

    name: str
    paused: bool
    window_messages: int
    backlog_limit: int
    ready: int
    published: int
    claimed: int
    oldest_s: float | None
    wait_s: float | None
    run_s: float | None
    finished_1m: int


def states(connection: Connection) -> list[LaneState]:
    """Every lane by urgency: messages ready, published, claimed; age of the oldest; means of the last minute."""
    rows = connection.execute(
        """SELECT l.name, l.paused, l.window_messages, l.backlog_limit,
                  coalesce(w.ready, 0), coalesce(w.published, 0), coalesce(w.claimed, 0), w.oldest_s,
                  f.wait_s, f.run_s, coalesce(f.finished, 0)
           FROM lanes l
           LEFT JOIN LATERAL (
               SELECT sum(messages) FILTER (WHERE state = 'ready') AS ready,
                      sum(messages) FILTER (WHERE state = 'published') AS published,
                      sum(messages) FILTER (WHERE state = 'claimed') AS claimed,
                      extract(epoch FROM now() - min(created_at))::float8 AS oldest_s
               FROM chunks c WHERE c.lane = l.name AND c.state IN ('ready', 'published', 'claimed')) w ON true
           LEFT JOIN LATERAL (
               SELECT extract(epoch FROM avg(claimed_at - created_at))::float8 AS wait_s,
                      extract(epoch FROM avg(finished_at - claimed_at))::float8 AS run_s,
                      sum(messages) AS finished
               FROM chunks c WHERE c.lane = l.name AND c.state = 'done'
                               AND c.finished_at > now() - interval '1 minute') f ON true
           ORDER BY l.urgency"""
    ).fetchall()
    return [LaneState(*row) for row in rows]  # type: ignore[arg-type]


def waiting(connection: Connection, lane: str) -> tuple[bool, int, int, int, int]:
    """(paused, window, backlog limit, messages not yet claimed, messages published) of a lane."""
    row = connection.execute(
        """SELECT l.paused, l.window_messages, l.backlog_limit,
                  (SELECT coalesce(sum(messages), 0) FROM chunks WHERE lane = l.name AND state = 'ready')::bigint,
                  (SELECT coalesce(sum(messages), 0) FROM chunks WHERE lane = l.name AND state = 'published')::bigint
           FROM lanes l WHERE l.name = %s""",
        (lane,),
    ).fetchone()
    if row is None:
        raise LookupError(lane)
    paused, window, limit, ready, published = row
    return bool(paused), int(str(window)), int(str(limit)), int(str(ready)), int(str(published))


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
    """Pause or resume a lane: what is published and unclaimed goes back to ready. False for an unknown lane."""
    with connection.transaction():
        found = connection.execute(
            "UPDATE lanes SET paused = %s WHERE name = %s RETURNING name", (paused, lane)
        ).fetchone()
        if paused:
            connection.execute(
                "UPDATE chunks SET state = 'ready', dispatch_id = NULL WHERE lane = %s AND state = 'published'",
                (lane,),
            )
    return found is not None
