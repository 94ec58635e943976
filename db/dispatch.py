"""What the dispatcher asks: who leads, what is due, what was lost. Times are the database's clock throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

    from db.session import Connection


class Dispatch(NamedTuple):
    """A chunk to publish."""

    chunk_id: int
    dispatch_id: int
    messages: int
    tenant: str


def lead(connection: Connection, holder: str, lease_s: float) -> int | None:
    """Epoch when this process leads for the next `lease_s` seconds, else None. Each takeover raises the epoch."""
    row = connection.execute(
        """INSERT INTO dispatcher_lease AS d (holder, epoch, lease_until)
           VALUES (%(me)s, 1, now() + make_interval(secs => %(lease)s))
           ON CONFLICT (singleton) DO UPDATE
           SET epoch = CASE WHEN d.holder = %(me)s THEN d.epoch ELSE d.epoch + 1 END,
               holder = %(me)s, lease_until = excluded.lease_until
           WHERE d.holder = %(me)s OR d.lease_until < now()
           RETURNING epoch""",
        {"me": holder, "lease": lease_s},
    ).fetchone()
    return None if row is None else int(str(row[0]))


def limit_idle(connection: Connection, seconds: float) -> None:
    """Have the server end this session when it stands still in a transaction for so long, as a frozen leader does."""
    connection.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, false)", (f"{seconds:.0f}s",))


def resign(connection: Connection, holder: str) -> None:
    """Let another lead at once."""
    connection.execute("UPDATE dispatcher_lease SET lease_until = now() WHERE holder = %s", (holder,))


def leads(connection: Connection, holder: str, epoch: int) -> bool:
    """Whether the lease is still this one's; locks it until commit, so that a takeover waits for the transaction."""
    row = connection.execute(
        "SELECT 1 FROM dispatcher_lease WHERE holder = %s AND epoch = %s AND lease_until > now() FOR SHARE",
        (holder, epoch),
    ).fetchone()
    return row is not None


def waiting_lanes(connection: Connection) -> list[str]:
    """Lanes that have something to publish now, by urgency."""
    rows = connection.execute(
        """SELECT l.name FROM lanes l WHERE NOT l.paused AND EXISTS (
               SELECT FROM chunks c WHERE c.lane = l.name AND c.state = 'ready'
                                      AND c.next_attempt_at <= clock_timestamp())
           ORDER BY l.urgency"""
    ).fetchall()
    return [str(row[0]) for row in rows]


def window(connection: Connection, lane: str, floor: int, seconds: float) -> int:
    """Messages that may be published and unclaimed: what the lane finished lately, times `seconds`.

    At least `floor`, at most the lane's own limit; 0 when the lane is paused.
    """
    row = connection.execute(
        """SELECT CASE WHEN l.paused THEN 0 ELSE least(l.window_messages, greatest(%s::bigint, (
                      SELECT coalesce(sum(messages), 0) * %s / 5.0 FROM chunks c
                      WHERE c.lane = l.name AND c.state = 'done'
                        AND c.finished_at > clock_timestamp() - interval '5 seconds')::bigint)) END
                  - (SELECT coalesce(sum(messages), 0) FROM chunks c WHERE c.lane = l.name AND c.state = 'published')
           FROM lanes l WHERE l.name = %s""",
        (floor, seconds, lane),
    ).fetchone()
    return 0 if row is None else max(0, int(str(row[0])))


def publish_due(connection: Connection, lane: str, room: int) -> list[Dispatch]:
    """Mark as published what a lane's window has room for, tenants served evenly, oldest first within each.

    Deficit round-robin in one statement: a chunk's turn is the number of its tenant's messages ahead of it, those
    published and claimed included, so a tenant with a million queued messages delays another's ten by one window.
    Among equal turns the chunk that waits longest goes first: whoever has nothing in flight is served in the order
    of waiting, whatever others send, so nobody starves. At least one chunk goes when there is any room.
    A tenant's messages in flight in a lane stay within its `in_flight_limit`, though one chunk may always go.
    """
    rows = connection.execute(
        """WITH RECURSIVE busy AS (
               (SELECT tenant_id FROM chunks WHERE lane = %(lane)s AND state = 'ready' ORDER BY tenant_id LIMIT 1)
               UNION ALL
               SELECT (SELECT c.tenant_id FROM chunks c WHERE c.lane = %(lane)s AND c.state = 'ready'
                         AND c.tenant_id > busy.tenant_id ORDER BY c.tenant_id LIMIT 1)
               FROM busy WHERE busy.tenant_id IS NOT NULL),
           flight AS (
               SELECT tenant_id, sum(messages) AS messages FROM (
                   SELECT tenant_id, messages FROM chunks WHERE lane = %(lane)s AND state = 'published'
                   UNION ALL
                   SELECT tenant_id, messages FROM chunks WHERE lane = %(lane)s AND state = 'claimed') either
               GROUP BY tenant_id),
           due AS (
               SELECT c.id, c.created_at, c.messages, t.in_flight_limit, coalesce(flight.messages, 0)
                      + sum(c.messages) OVER (PARTITION BY c.tenant_id ORDER BY c.id) - c.messages AS turn
               FROM busy
               JOIN tenants t ON t.id = busy.tenant_id
               LEFT JOIN flight ON flight.tenant_id = busy.tenant_id
               CROSS JOIN LATERAL (
                   SELECT r.id, r.tenant_id, r.created_at, r.messages
                   FROM chunks r JOIN jobs j ON j.id = r.job_id AND j.state IN ('open', 'done')
                   WHERE r.lane = %(lane)s AND r.state = 'ready' AND r.tenant_id = busy.tenant_id
                     AND r.next_attempt_at <= clock_timestamp()
                   ORDER BY r.id LIMIT greatest(4, 4096 / (SELECT count(*) FROM busy))) c),
           chosen AS (
               SELECT id FROM (SELECT id, messages, sum(messages) OVER (ORDER BY turn, created_at, id) AS total
                               FROM due
                               WHERE in_flight_limit IS NULL OR turn = 0 OR turn + messages <= in_flight_limit) ranked
               WHERE total - messages < %(room)s),
           held AS (SELECT id FROM chunks WHERE id IN (SELECT id FROM chosen) AND state = 'ready'
                    FOR UPDATE SKIP LOCKED)
           UPDATE chunks c SET state = 'published', dispatch_id = nextval('dispatch_ids'),
                  published_at = clock_timestamp()
           FROM held, tenants t WHERE c.id = held.id AND t.id = c.tenant_id
           RETURNING c.id, c.dispatch_id, c.messages, t.name""",
        {"lane": lane, "room": room},
    ).fetchall()
    return sorted(Dispatch(*row) for row in rows)  # type: ignore[arg-type]


def expire(connection: Connection) -> dict[str, int]:
    """Give back chunks whose claimed lease ended; their late worker then fails the fence. How many by lane."""
    rows = connection.execute(
        """WITH given_back AS (
               UPDATE chunks SET state = 'ready', dispatch_id = NULL, lease_until = NULL, error = 'lease expired',
                      next_attempt_at = clock_timestamp()
               WHERE id IN (SELECT id FROM chunks WHERE state = 'claimed' AND lease_until < clock_timestamp()
                            ORDER BY id FOR UPDATE SKIP LOCKED)
               RETURNING lane)
           SELECT lane, count(*) FROM given_back GROUP BY lane"""
    ).fetchall()
    return {str(lane): int(str(chunks)) for lane, chunks in rows}


def suspects(connection: Connection, older_than_s: float) -> list[str]:
    """Lanes of which something has been published for that long without being claimed."""
    rows = connection.execute(
        """SELECT l.name FROM lanes l WHERE EXISTS (
               SELECT FROM chunks c WHERE c.lane = l.name AND c.state = 'published'
                                      AND c.published_at < clock_timestamp() - make_interval(secs => %s))
           ORDER BY l.urgency""",
        (older_than_s,),
    ).fetchall()
    return [str(row[0]) for row in rows]


def repeat_lost(
    connection: Connection, lane: str, *, in_broker: Collection[int], older_than_s: float
) -> list[Dispatch]:
    """Published chunks whose task the broker does not hold, to be published again under the same dispatch id.

    `in_broker` are the dispatch ids that the lane's list or a worker's unacknowledged tasks named, read before this
    call. A task in between costs a double, which finds nothing to claim and is dropped.
    """
    rows = connection.execute(
        """UPDATE chunks c SET published_at = clock_timestamp() FROM tenants t
           WHERE t.id = c.tenant_id AND c.lane = %s AND c.state = 'published'
             AND c.published_at < clock_timestamp() - make_interval(secs => %s)
             AND c.dispatch_id <> ALL (%s::bigint[])
           RETURNING c.id, c.dispatch_id, c.messages, t.name""",
        (lane, older_than_s, list(in_broker)),
    ).fetchall()
    return sorted(Dispatch(*row) for row in rows)  # type: ignore[arg-type]
