"""Events that leave the house: where they go, each delivery's attempts, and what nobody took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from db.session import Connection

KINDS = ("webhook", "file")
DESTINATIONS = ("id", "tenant", "name", "kind", "target", "verdicts", "created_by", "created_at", "failures",
                "rests_until", "waiting", "dead")  # fmt: skip
DELIVERIES = ("id", "event_id", "destination", "message_id", "kind", "state", "attempts", "next_attempt_at", "status",
              "error", "created_at", "delivered_at")  # fmt: skip


class Due(NamedTuple):
    """One delivery to attempt now. `body` is the event's own data."""

    id: int
    destination_id: int
    destination_kind: str
    target: str
    secret: str | None
    attempts: int
    event_id: int
    event_kind: str
    created_at: datetime
    tenant: str
    message_id: UUID | None
    mailbox: str | None
    sender: str | None
    subject: str | None
    body: dict[str, Any]


class Outcome(NamedTuple):
    """What became of an attempt. `retry_s` None: it is delivered, or no further attempt is made."""

    id: int
    destination_id: int
    delivered: bool
    status: int | None
    error: str | None
    retry_s: float | None


def add_destination(
    connection: Connection,
    tenant_id: int,
    *,
    name: str,
    kind: str,
    target: str,
    secret: str | None,
    verdicts: Sequence[str] | None,
    author: str,
) -> int | None:
    """Id of a new destination; None where the tenant has one of this name."""
    row = connection.execute(
        """INSERT INTO destinations (tenant_id, name, kind, target, secret, verdicts, created_by)
           VALUES (%s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (tenant_id, name) WHERE removed_at IS NULL DO NOTHING RETURNING id""",
        (tenant_id, name, kind, target, secret, None if verdicts is None else list(verdicts), author),
    ).fetchone()
    return None if row is None else int(str(row[0]))


def remove_destination(connection: Connection, destination_id: int) -> int | None:
    """Send nothing more there; what waits is dead. The tenant's id, None when there is no such destination."""
    row = connection.execute(
        "UPDATE destinations SET removed_at = now() WHERE id = %s AND removed_at IS NULL RETURNING tenant_id",
        (destination_id,),
    ).fetchone()
    if row is None:
        return None
    connection.execute(
        "UPDATE deliveries SET state = 'dead', error = 'the destination was removed' "
        "WHERE destination_id = %s AND state = 'waiting'",
        (destination_id,),
    )
    return int(str(row[0]))


def list_destinations(connection: Connection, tenant: str | None = None) -> list[dict[str, Any]]:
    """Destinations that this connection may see, without secrets."""
    rows = connection.execute(
        """SELECT d.id, t.name, d.name, d.kind, d.target, d.verdicts, d.created_by, d.created_at, d.failures,
                  d.rests_until,
                  (SELECT count(*) FROM deliveries v WHERE v.destination_id = d.id AND v.state = 'waiting'),
                  (SELECT count(*) FROM deliveries v WHERE v.destination_id = d.id AND v.state = 'dead')
           FROM destinations d JOIN tenants t ON t.id = d.tenant_id
           WHERE d.removed_at IS NULL AND (%(tenant)s::text IS NULL OR t.name = %(tenant)s) ORDER BY d.id""",
        {"tenant": tenant},
    ).fetchall()
    return [dict(zip(DESTINATIONS, row, strict=True)) for row in rows]


def route(connection: Connection, most: int = 1000) -> int:
    """Turn new events into deliveries, one a destination that wants them; how many events were routed."""
    row = connection.execute(
        """WITH new AS (
               SELECT id, tenant_id, message_id, body FROM outbox WHERE routed_at IS NULL
               ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED),
           made AS (
               INSERT INTO deliveries (tenant_id, destination_id, event_id, message_id)
               SELECT n.tenant_id, d.id, n.id, n.message_id FROM new n
               JOIN destinations d ON d.tenant_id = n.tenant_id AND d.removed_at IS NULL
                 AND (d.verdicts IS NULL OR n.body ->> 'verdict' IS NULL OR n.body ->> 'verdict' = ANY (d.verdicts)
                      OR n.body ->> 'before' = ANY (d.verdicts))
               ORDER BY n.id, d.id ON CONFLICT DO NOTHING),
           done AS (UPDATE outbox SET routed_at = now() WHERE id IN (SELECT id FROM new) RETURNING 1)
           SELECT count(*) FROM done""",
        (most,),
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def claim(connection: Connection, *, lease_s: float, each: int = 32) -> list[Due]:
    """Deliveries to attempt now, at most `each` a destination; taken again when `lease_s` passes without an outcome.

    Of one message only the first event that waits goes to a destination, so that they arrive in order. A destination
    that failed repeatedly rests.
    """
    rows = connection.execute(
        """WITH due AS (
               SELECT v.id FROM destinations d CROSS JOIN LATERAL (
                   SELECT w.id FROM deliveries w
                   WHERE w.destination_id = d.id AND w.state = 'waiting' AND w.next_attempt_at <= clock_timestamp()
                     AND NOT EXISTS (
                         SELECT FROM deliveries e WHERE e.destination_id = w.destination_id AND e.state = 'waiting'
                           AND e.message_id = w.message_id AND e.event_id < w.event_id)
                   ORDER BY w.event_id LIMIT %(each)s FOR UPDATE SKIP LOCKED) v
               WHERE d.removed_at IS NULL AND (d.rests_until IS NULL OR d.rests_until <= clock_timestamp())),
           taken AS (
               UPDATE deliveries v SET attempts = attempts + 1,
                      next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s)
               FROM due WHERE v.id = due.id RETURNING v.*)
           SELECT v.id, v.destination_id, d.kind, d.target, d.secret, v.attempts, o.id, o.kind, o.created_at, t.name,
                  v.message_id, b.address, s.sender, s.subject, o.body
           FROM taken v JOIN destinations d ON d.id = v.destination_id JOIN outbox o ON o.id = v.event_id
           JOIN tenants t ON t.id = v.tenant_id
           LEFT JOIN message_state s ON s.message_id = v.message_id
           LEFT JOIN mailboxes b ON b.id = s.mailbox_id
           ORDER BY o.id""",
        {"each": each, "lease": lease_s},
    ).fetchall()
    return [Due(*row) for row in rows]  # type: ignore[arg-type]


def settle(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Write what became of attempts; a destination whose attempts all failed rests, longer each time."""
    connection.execute(
        """UPDATE deliveries v SET
               state = CASE WHEN n.delivered THEN 'delivered' WHEN n.retry_s IS NULL THEN 'dead' ELSE 'waiting' END,
               delivered_at = CASE WHEN n.delivered THEN clock_timestamp() END,
               status = n.status, error = n.error,
               next_attempt_at = clock_timestamp() + make_interval(secs => coalesce(n.retry_s, 0))
           FROM unnest(%s::bigint[], %s::boolean[], %s::smallint[], %s::text[], %s::float8[])
                AS n (id, delivered, status, error, retry_s)
           WHERE v.id = n.id AND v.state = 'waiting'""",
        (
            [one.id for one in outcomes],
            [one.delivered for one in outcomes],
            [one.status for one in outcomes],
            [one.error for one in outcomes],
            [one.retry_s for one in outcomes],
        ),
    )
    connection.execute(
        """UPDATE destinations d SET
               failures = CASE WHEN n.good THEN 0 ELSE failures + 1 END,
               rests_until = CASE WHEN NOT n.good AND failures >= 2 THEN
                   clock_timestamp() + make_interval(secs => least(300, 2 ^ least(failures, 10))) END
           FROM (SELECT id, bool_or(good) AS good FROM unnest(%s::integer[], %s::boolean[]) AS a (id, good)
                 GROUP BY id) n
           WHERE d.id = n.id AND (NOT n.good OR d.failures > 0)""",
        ([one.destination_id for one in outcomes], [one.delivered for one in outcomes]),
    )


def replay(connection: Connection, delivery_id: int) -> int | None:
    """Give a dead or delivered delivery new attempts, now; the tenant's id, None when there is none or it waits."""
    row = connection.execute(
        """UPDATE deliveries v SET state = 'waiting', attempts = 0, next_attempt_at = clock_timestamp(),
                  delivered_at = NULL
           FROM destinations d WHERE v.id = %s AND v.state <> 'waiting' AND d.id = v.destination_id
             AND d.removed_at IS NULL RETURNING v.tenant_id""",
        (delivery_id,),
    ).fetchone()
    return None if row is None else int(str(row[0]))


def replay_dead(connection: Connection, destination_id: int) -> int:
    """Give every dead delivery of a destination new attempts; how many."""
    return connection.execute(
        """UPDATE deliveries v SET state = 'waiting', attempts = 0, next_attempt_at = clock_timestamp()
           FROM destinations d WHERE v.destination_id = %s AND v.state = 'dead' AND d.id = v.destination_id
             AND d.removed_at IS NULL""",
        (destination_id,),
    ).rowcount


def listing(
    connection: Connection,
    *,
    state: str | None = None,
    tenant: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """At most `limit` deliveries that this connection may see, newest first."""
    rows = connection.execute(
        """SELECT v.id, v.event_id, d.name, v.message_id, o.kind, v.state, v.attempts, v.next_attempt_at, v.status,
                  v.error, v.created_at, v.delivered_at
           FROM deliveries v JOIN destinations d ON d.id = v.destination_id JOIN outbox o ON o.id = v.event_id
           WHERE (%(state)s::text IS NULL OR v.state = %(state)s) AND (%(before)s::bigint IS NULL OR v.id < %(before)s)
             AND (%(tenant)s::text IS NULL OR v.tenant_id = (SELECT id FROM tenants WHERE name = %(tenant)s))
           ORDER BY v.id DESC LIMIT %(limit)s""",
        {"state": state, "tenant": tenant, "before": before, "limit": limit},
    ).fetchall()
    return [dict(zip(DELIVERIES, row, strict=True)) for row in rows]


def event(connection: Connection, delivery_id: int) -> dict[str, Any] | None:
    """One delivery with its event's body, or None."""
    row = connection.execute(
        """SELECT v.id, v.event_id, d.name, v.message_id, o.kind, v.state, v.attempts, v.next_attempt_at, v.status,
                  v.error, v.created_at, v.delivered_at, o.body
           FROM deliveries v JOIN destinations d ON d.id = v.destination_id JOIN outbox o ON o.id = v.event_id
           WHERE v.id = %s""",
        (delivery_id,),
    ).fetchone()
    return None if row is None else dict(zip((*DELIVERIES, "body"), row, strict=True))


def sweep(connection: Connection, keep_days: int, most: int = 10_000) -> int:
    """Delete events older than `keep_days` that no delivery waits for; how many."""
    return connection.execute(
        """DELETE FROM outbox WHERE id IN (
               SELECT o.id FROM outbox o WHERE o.created_at < now() - make_interval(days => %s)
                 AND o.routed_at IS NOT NULL
                 AND NOT EXISTS (SELECT FROM deliveries v WHERE v.event_id = o.id AND v.state = 'waiting')
               ORDER BY o.id LIMIT %s)""",
        (keep_days, most),
    ).rowcount
