"""What the dispatcher asks: who leads, what is due, what was lost. Times are the database's clock throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
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


def publish_due(connection: Connection, lane: str, room: int, tenant_limit: int) -> list[Dispatch]:
    """Mark as published what a lane's window has room for, tenants served evenly, oldest first within each.

    Deficit round-robin in one statement: a chunk's turn is the number of its tenant's messages ahead of it,
    those in flight included, so a tenant with a million queued messages delays another's ten by one window.
    At least one chunk goes when there is any room. A tenant's messages in flight stay within `tenant_limit`.
    """
    rows = connection.execute(
        """WITH RECURSIVE busy AS (
               (SELECT tenant_id FROM chunks WHERE lane = %(lane)s AND state = 'ready' ORDER BY tenant_id LIMIT 1)
               UNION ALL
               SELECT (SELECT c.tenant_id FROM chunks c WHERE c.lane = %(lane)s AND c.state = 'ready'
                         AND c.tenant_id > busy.tenant_id ORDER BY c.tenant_id LIMIT 1)
               FROM busy WHERE busy.tenant_id IS NOT NULL),
           due AS (
               SELECT c.id, c.messages, flight.messages
                      + sum(c.messages) OVER (PARTITION BY c.tenant_id ORDER BY c.id) AS turn
               FROM busy
               CROSS JOIN LATERAL (
                   SELECT coalesce(sum(messages), 0) AS messages FROM chunks
                   WHERE lane = %(lane)s AND state = 'published' AND tenant_id = busy.tenant_id) flight
               CROSS JOIN LATERAL (
                   SELECT id, tenant_id, messages FROM chunks
                   WHERE lane = %(lane)s AND state = 'ready' AND tenant_id = busy.tenant_id
                     AND next_attempt_at <= clock_timestamp()
                   ORDER BY id LIMIT 512) c
               WHERE busy.tenant_id IS NOT NULL),
           chosen AS (
               SELECT id FROM (SELECT id, turn, messages, sum(messages) OVER (ORDER BY turn, id) AS total FROM due
                               WHERE turn - messages < %(limit)s) ranked
               WHERE total - messages < %(room)s),
           held AS (SELECT id FROM chunks WHERE id IN (SELECT id FROM chosen) AND state = 'ready'
                    FOR UPDATE SKIP LOCKED)
           UPDATE chunks c SET state = 'published', dispatch_id = nextval('dispatch_ids'),
                  published_at = clock_timestamp()
           FROM held, tenants t WHERE c.id = held.id AND t.id = c.tenant_id
           RETURNING c.id, c.dispatch_id, c.messages, t.name""",
        {"lane": lane, "room": room, "limit": tenant_limit},
    ).fetchall()
    return sorted(Dispatch(*row) for row in rows)  # type: ignore[arg-type]


def expire(connection: Connection) -> int:
    """Give back chunks whose claimed lease ended; their late worker then fails the fence. How many there were."""
    cursor = connection.execute(
        """UPDATE chunks SET state = 'ready', dispatch_id = NULL, lease_until = NULL, error = 'lease expired',
                  next_attempt_at = clock_timestamp()
           WHERE id IN (SELECT id FROM chunks WHERE state = 'claimed' AND lease_until < clock_timestamp()
                        ORDER BY id FOR UPDATE SKIP LOCKED)"""
    )
    return cursor.rowcount


def unclaimed(connection: Connection, lane: str, *, older_than_s: float, overtaken_only: bool) -> list[Dispatch]:
    """Published chunks to publish once more under the same dispatch id, since their task is lost.

    With `overtaken_only`, just those that a later publication of the lane overtook by `older_than_s`: a lane is
    a first-in-first-out list, so their tasks have left it and nobody claimed them. A double costs one dropped task.
    """
    rows = connection.execute(
        """UPDATE chunks c SET published_at = clock_timestamp() FROM tenants t
           WHERE t.id = c.tenant_id AND c.lane = %(lane)s AND c.state = 'published'
             AND c.published_at < clock_timestamp() - make_interval(secs => %(age)s)
             AND (NOT %(overtaken)s OR c.published_at + make_interval(secs => %(age)s) < (
                  SELECT max(later.published_at) FROM chunks later
                  WHERE later.lane = %(lane)s AND (later.state = 'claimed'
                    OR (later.state = 'done' AND later.finished_at > clock_timestamp() - interval '1 minute'))))
           RETURNING c.id, c.dispatch_id, c.messages, t.name""",
        {"lane": lane, "age": older_than_s, "overtaken": overtaken_only},
    ).fetchall()
    return sorted(Dispatch(*row) for row in rows)  # type: ignore[arg-type]


def has_unclaimed(connection: Connection, lane: str, older_than_s: float) -> bool:
    """Whether anything of a lane has been published for that long without being claimed."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM chunks WHERE lane = %s AND state = 'published' "
        "AND published_at < clock_timestamp() - make_interval(secs => %s))",
        (lane, older_than_s),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def ensure_partitions(connection: Connection) -> int:
    """Make this month's and the next three months' partitions; how many were missing."""
    row = connection.execute(
        "SELECT ensure_partitions(date_trunc('month', now() AT TIME ZONE 'UTC')::date, 4)"
    ).fetchone()
    assert row is not None
    return int(str(row[0]))
