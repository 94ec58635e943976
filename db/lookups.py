"""Lookups: one row an entity and provider, however many messages wait for it. Postgres is their queue.

due → published (a batch is on the lane) → asking (a task holds it) → resting (answered) or due again at
`next_attempt_at`. The batch id is the fence, as a dispatch id is for chunks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from db.session import Connection

BATCH = 64
"""Most lookups of one task."""


class Asked(NamedTuple):
    """A lookup that is now this task's until its lease ends."""

    provider: str
    entity: str
    failures: int


class NewFact(NamedTuple):
    """One fact to store."""

    provider: str
    kind: str
    entity: str
    status: str
    value: float | None
    body: Mapping[str, object] | None
    usable_s: float


class Settled(NamedTuple):
    """What became of one lookup: answered (then fresh for `fresh_s`), or asked again in `retry_s`."""

    provider: str
    entity: str
    said: str
    status: str | None
    """Why there is no answer; None when there is one."""
    fresh_s: float
    retry_s: float | None
    asked: bool
    """Whether the provider was asked: only then a failure counts."""


def want(
    connection: Connection,
    tenant_id: int,
    wanted: Sequence[tuple[UUID, Sequence[tuple[str, str]], float]],
    refresh: Iterable[tuple[str, str]] = (),
) -> None:
    """Note what messages wait for, how many seconds at most, and what is to be asked again though nobody waits.

    Belongs into the transaction that saves the messages' provisional scores. A row that is being answered right now
    is waited for, so an answer is either seen by the scorer or told to the message.
    """
    pairs = sorted({pair for _, requests, _ in wanted for pair in requests} | set(refresh))
    if not pairs:
        return
    connection.execute(
        """INSERT INTO lookups AS l (provider, entity)
           SELECT * FROM unnest(%s::text[], %s::text[])
           ON CONFLICT (provider, entity) DO UPDATE
           SET state = 'due', failures = 0, next_attempt_at = clock_timestamp() WHERE l.state = 'resting'""",
        ([pair[0] for pair in pairs], [pair[1] for pair in pairs]),
    )
    rows = sorted((*pair, message) for message, requests, _ in wanted for pair in set(requests))
    if not rows:
        return
    connection.execute(
        """INSERT INTO wanted_facts (tenant_id, provider, entity, message_id)
           SELECT %b, * FROM unnest(%b::text[], %b::text[], %b::uuid[]) ON CONFLICT DO NOTHING""",
        (tenant_id, [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]),
    )
    waits = sorted((message, len(set(requests)), float(most_s)) for message, requests, most_s in wanted if requests)
    connection.execute(
        """INSERT INTO awaiting (tenant_id, message_id, open, deadline)
           SELECT %b, message_id, open, clock_timestamp() + make_interval(secs => most_s)
           FROM unnest(%b::uuid[], %b::integer[], %b::float8[]) AS n (message_id, open, most_s)
           ON CONFLICT (message_id) DO NOTHING""",
        (tenant_id, [m for m, _, _ in waits], [n for _, n, _ in waits], [s for _, _, s in waits]),
    )


def outstanding(connection: Connection) -> dict[str, int]:
    """Lookups by provider that are published or being asked."""
    rows = connection.execute(
        "SELECT provider, count(*) FROM lookups WHERE state IN ('published', 'asking') GROUP BY provider"
    ).fetchall()
    return {str(provider): int(str(number)) for provider, number in rows}


def publish_due(connection: Connection, rooms: Mapping[str, int]) -> list[tuple[int, str, int]]:
    """Mark as published at most so many due lookups a provider; (batch id, provider, lookups) to put on the lane."""
    named = sorted((name, room) for name, room in rooms.items() if room > 0)
    if not named:
        return []
    rows = connection.execute(
        """WITH picked AS (
               SELECT l.provider, l.entity, (row_number() OVER (PARTITION BY l.provider) - 1) / %(batch)s AS part
               FROM unnest(%(names)s::text[], %(rooms)s::integer[]) AS room (provider, most)
               CROSS JOIN LATERAL (
                   SELECT provider, entity FROM lookups
                   WHERE provider = room.provider AND state = 'due' AND next_attempt_at <= clock_timestamp()
                   ORDER BY next_attempt_at LIMIT room.most FOR UPDATE SKIP LOCKED) l),
           parts AS (SELECT provider, part, nextval('dispatch_ids') AS batch_id, count(*) AS lookups
                     FROM picked GROUP BY provider, part),
           marked AS (
               UPDATE lookups l SET state = 'published', batch_id = parts.batch_id, published_at = clock_timestamp()
               FROM picked JOIN parts USING (provider, part)
               WHERE l.provider = picked.provider AND l.entity = picked.entity)
           SELECT batch_id, provider, lookups FROM parts ORDER BY batch_id""",
        {"names": [n for n, _ in named], "rooms": [r for _, r in named], "batch": BATCH},
    ).fetchall()
    return [(int(str(batch)), str(provider), int(str(number))) for batch, provider, number in rows]


def unclaimed(connection: Connection, older_than_s: float) -> list[tuple[int, str, int]]:
    """Batches to publish once more under the same id, since their task is lost; a double claims nothing."""
    rows = connection.execute(
        """WITH again AS (
               UPDATE lookups SET published_at = clock_timestamp()
               WHERE state = 'published' AND published_at < clock_timestamp() - make_interval(secs => %s)
               RETURNING batch_id, provider)
           SELECT batch_id, min(provider), count(*) FROM again GROUP BY batch_id ORDER BY batch_id""",
        (older_than_s,),
    ).fetchall()
    return [(int(str(batch)), str(provider), int(str(number))) for batch, provider, number in rows]


def claim(connection: Connection, batch_id: int, lease_s: float) -> list[Asked]:
    """Take a batch; empty when somebody else has it. Losing the commit only repeats the claim."""
    with connection.transaction():
        connection.execute("SET LOCAL synchronous_commit = off")
        rows = connection.execute(
            """UPDATE lookups SET state = 'asking', lease_until = clock_timestamp() + make_interval(secs => %s)
               WHERE batch_id = %s AND state = 'published' RETURNING provider, entity, failures""",
            (lease_s, batch_id),
        ).fetchall()
    return [Asked(*row) for row in rows]  # type: ignore[arg-type]


def expire(connection: Connection) -> int:
    """Make due again what a dead task held. How many lookups there were."""
    return connection.execute(
        """UPDATE lookups SET state = 'due', batch_id = NULL, next_attempt_at = clock_timestamp()
           WHERE state = 'asking' AND lease_until < clock_timestamp()"""
    ).rowcount


def release(connection: Connection, batch_id: int) -> int:
    """The same at once for one batch whose task is known to be dead."""
    return connection.execute(
        """UPDATE lookups SET state = 'due', batch_id = NULL, next_attempt_at = clock_timestamp()
           WHERE state = 'asking' AND batch_id = %s""",
        (batch_id,),
    ).rowcount


def settle(
    connection: Connection,
    batch_id: int,
    settled: Sequence[Settled],
    facts: Sequence[NewFact],
    *,
    shard: int,
) -> set[tuple[str, str]]:
    """Store what became of some of a batch's lookups, in one transaction; those that were still this batch's.

    An answer stores its facts and is told to the messages that wait. A lookup that another batch holds by now is left
    alone, its facts are not stored.
    """
    ordered = sorted(settled)
    with connection.transaction():
        held = connection.execute(
            """SELECT l.provider, l.entity FROM lookups l
               JOIN unnest(%s::text[], %s::text[]) AS n (provider, entity) USING (provider, entity)
               WHERE l.batch_id = %s AND l.state = 'asking' ORDER BY l.provider, l.entity FOR UPDATE OF l""",
            ([s.provider for s in ordered], [s.entity for s in ordered], batch_id),
        ).fetchall()
        ours = {(str(provider), str(entity)) for provider, entity in held}
        mine = [s for s in ordered if (s.provider, s.entity) in ours]
        connection.execute(
            """UPDATE lookups l SET
                   state = CASE WHEN n.retry_s IS NULL THEN 'resting' ELSE 'due' END, batch_id = NULL,
                   failures = CASE WHEN n.retry_s IS NULL THEN 0 WHEN n.asked THEN l.failures + 1 ELSE l.failures END,
                   status = n.status,
                   next_attempt_at = clock_timestamp() + make_interval(secs => coalesce(n.retry_s, 0)),
                   fresh_until = CASE WHEN n.retry_s IS NULL
                                      THEN clock_timestamp() + make_interval(secs => n.fresh_s) ELSE l.fresh_until END
               FROM unnest(%s::text[], %s::text[], %s::text[], %s::float8[], %s::float8[], %s::boolean[])
                    AS n (provider, entity, status, fresh_s, retry_s, asked)
               WHERE l.provider = n.provider AND l.entity = n.entity""",
            (
                [s.provider for s in mine],
                [s.entity for s in mine],
                [s.status for s in mine],
                [s.fresh_s for s in mine],
                [s.retry_s for s in mine],
                [s.asked for s in mine],
            ),
        )
        store(connection, [fact for fact in facts if (fact.provider, fact.entity) in ours])
        tell(connection, [(s.provider, s.entity) for s in mine if s.retry_s is None])
        count(connection, [(s.provider, s.said) for s in mine], shard)
    return ours


def store(connection: Connection, facts: Sequence[NewFact]) -> None:
    """Append facts that were observed now."""
    connection.execute(
        """INSERT INTO facts (provider, kind, entity, status, value, body, observed_at, usable_until)
           SELECT provider, kind, entity, status, value, body, clock_timestamp(),
                  clock_timestamp() + make_interval(secs => usable_s)
           FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::float8[], %s::jsonb[], %s::float8[])
                AS n (provider, kind, entity, status, value, body, usable_s)""",
        (
            [f.provider for f in facts],
            [f.kind for f in facts],
            [f.entity for f in facts],
            [f.status for f in facts],
            [f.value for f in facts],
            [None if f.body is None else Jsonb(f.body) for f in facts],
            [f.usable_s for f in facts],
        ),
    )


def newly_bad(connection: Connection, facts: Sequence[NewFact]) -> list[NewFact]:
    """Those of new facts that list an entity which the same provider did not list before."""
    listing = [f for f in facts if f.kind.endswith("_listed") and (f.value or 0) > 0]
    if not listing:
        return []
    rows = connection.execute(
        """SELECT n.provider, n.kind, n.entity FROM unnest(%s::text[], %s::text[], %s::text[])
                  AS n (provider, kind, entity)
           WHERE coalesce((SELECT f.value FROM facts f
                           WHERE f.entity = n.entity AND f.kind = n.kind AND f.provider = n.provider
                             AND f.status = 'ok' ORDER BY f.known_at DESC LIMIT 1), 0) <= 0""",
        ([f.provider for f in listing], [f.kind for f in listing], [f.entity for f in listing]),
    ).fetchall()
    new = {(str(provider), str(kind), str(entity)) for provider, kind, entity in rows}
    return [f for f in listing if (f.provider, f.kind, f.entity) in new]


def tell(connection: Connection, answered: Sequence[tuple[str, str]]) -> None:
    """The messages that wait for these lookups wait for one thing less.

    Each message is locked before what it wants is taken away, as `provisional.give_up` does: the two do not deadlock.
    """
    if not answered:
        return
    connection.execute(
        """WITH told AS (
               SELECT w.provider, w.entity, w.message_id FROM wanted_facts w
               JOIN unnest(%s::text[], %s::text[]) AS n (provider, entity) USING (provider, entity)),
           held AS MATERIALIZED (
               SELECT a.message_id FROM awaiting a WHERE a.message_id IN (SELECT message_id FROM told)
               ORDER BY a.message_id FOR UPDATE),
           gone AS (
               DELETE FROM wanted_facts w USING told, held
               WHERE held.message_id = told.message_id AND w.message_id = told.message_id
                 AND w.provider = told.provider AND w.entity = told.entity RETURNING w.message_id),
           fewer AS (SELECT message_id, count(*)::integer AS number FROM gone GROUP BY message_id)
           UPDATE awaiting a SET open = a.open - fewer.number FROM fewer WHERE a.message_id = fewer.message_id""",
        ([a[0] for a in answered], [a[1] for a in answered]),
    )


def rest_fresh(connection: Connection) -> int:
    """Due lookups whose answer is fresh, wanted again by somebody who did not see it yet: tell, and ask nobody."""
    with connection.transaction():
        rows = connection.execute(
            """UPDATE lookups SET state = 'resting' WHERE (provider, entity) IN (
                   SELECT provider, entity FROM lookups
                   WHERE state = 'due' AND failures = 0 AND fresh_until > clock_timestamp() + interval '1 second'
                     AND next_attempt_at <= clock_timestamp()
                     AND EXISTS (SELECT FROM wanted_facts w
                                 WHERE w.provider = lookups.provider AND w.entity = lookups.entity)
                   ORDER BY provider, entity LIMIT 1000 FOR UPDATE SKIP LOCKED)
               RETURNING provider, entity"""
        ).fetchall()
        tell(connection, [(str(provider), str(entity)) for provider, entity in rows])
    return len(rows)


def count(connection: Connection, said: Sequence[tuple[str, str]], shard: int) -> None:
    """Add outcomes to the exact counters."""
    connection.execute(
        """INSERT INTO lookup_counters (provider, outcome, shard, value)
           SELECT provider, outcome, %s, count(*) FROM unnest(%s::text[], %s::text[]) AS n (provider, outcome)
           GROUP BY provider, outcome ORDER BY provider, outcome
           ON CONFLICT (provider, outcome, shard) DO UPDATE SET value = lookup_counters.value + excluded.value""",
        (shard % 16, [provider for provider, _ in said], [outcome for _, outcome in said]),
    )


def outcomes(connection: Connection) -> dict[tuple[str, str], int]:
    """How often each outcome was had, by (provider, outcome)."""
    rows = connection.execute(
        "SELECT provider, outcome, sum(value) FROM lookup_counters GROUP BY provider, outcome"
    ).fetchall()
    return {(str(provider), str(outcome)): int(str(value)) for provider, outcome, value in rows}


def states(connection: Connection) -> list[tuple[str, str, int, float | None]]:
    """(provider, state, lookups, seconds that the longest due one is due) of what is queued."""
    return connection.execute(
        """SELECT provider, state, count(*),
                  extract(epoch FROM clock_timestamp() - min(next_attempt_at) FILTER (WHERE state = 'due'))::float8
           FROM lookups WHERE state <> 'resting' GROUP BY provider, state ORDER BY provider, state"""
    ).fetchall()  # type: ignore[return-value]
