"""What messages showed: looked up by entity and time, and rolled up by closed day.

Sightings are append-only. A count is the rolled-up days before a cut, and single sightings from there on. The cut is
the end of what is rolled up, or the first day that got a late sighting since (a stale day), whichever is earlier;
both are read with the counts, in one snapshot. Days are UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from db.session import Connection

FAN_OUT_MESSAGES = 256
"""Of a sender's last hour, the newest messages that are looked at."""
MOST_DISTINCT = 16
NOT_ROLLED = (5, 8)
"""Kinds that are never counted by entity: attachments, and names, which are walked by prefix."""
MOST_LABELS = 10_000
GOOD = ("legitimate",)
STALE_AT_ONCE = 32


class Span(NamedTuple):
    """A stretch of one entity's sightings, from a (received_at, message id) up to another, which it leaves out."""

    kind: int
    entity: bytes
    from_at: datetime
    from_id: UUID
    to_at: datetime
    to_id: UUID


class Counted(NamedTuple):
    """Sightings of the asked thing at position `n`."""

    n: int
    messages: int
    first: datetime
    last: datetime


class RolledDays(NamedTuple):
    """Of the asked thing at position `n`: messages of rolled-up days, `recent` those of its last days."""

    n: int
    messages: int
    recent: int
    first: datetime
    last: datetime


def cut(connection: Connection, tenant_id: int) -> date | None:
    """The day before which rolled-up days tell; None before the first roll-up."""
    row = connection.execute(
        """SELECT least(r.before, (SELECT min(day) FROM stale_days WHERE tenant_id = %(tenant)b))
           FROM sighting_rolls r WHERE r.tenant_id = %(tenant)b""",
        {"tenant": tenant_id},
        binary=True,
    ).fetchone()
    return None if row is None else row[0]  # type: ignore[return-value]


def count(
    connection: Connection, tenant_id: int, spans: Sequence[Span], most: int, known_before: datetime | None = None
) -> list[Counted]:
    """Sightings within each span, at most `most` of them counted; spans without any are left out.

    Never more than `most` rows are read of a span, so a common entity costs no more than a rare one and a bit.
    """
    rows = connection.execute(
        """SELECT q.n, r.messages,
                  CASE WHEN r.messages < %(most)b THEN r.first ELSE (
                      SELECT s.received_at FROM sightings s
                      WHERE s.tenant_id = %(tenant)b AND s.kind = q.kind AND s.entity = q.entity
                        AND s.received_at >= q.from_at AND s.message_id < %(ceiling)b
                      ORDER BY s.received_at LIMIT 1) END, r.last
           FROM unnest(%(n)b::integer[], %(kind)b::smallint[], %(entity)b::bytea[], %(from_at)b::timestamptz[],
                       %(from_id)b::uuid[], %(to_at)b::timestamptz[], %(to_id)b::uuid[])
                AS q (n, kind, entity, from_at, from_id, to_at, to_id)
           CROSS JOIN LATERAL (
               SELECT count(*) AS messages, min(received_at) AS first, max(received_at) AS last FROM (
                   SELECT s.received_at FROM sightings s
                   WHERE s.tenant_id = %(tenant)b AND s.kind = q.kind AND s.entity = q.entity
                     AND s.received_at >= q.from_at AND s.received_at <= q.to_at AND s.message_id < %(ceiling)b
                     AND (s.received_at > q.from_at OR s.message_id >= q.from_id)
                     AND (s.received_at < q.to_at OR s.message_id < q.to_id)
                   ORDER BY s.received_at DESC LIMIT %(most)b) newest) r
           WHERE r.messages > 0""",
        {
            "tenant": tenant_id,
            "n": list(range(len(spans))),
            "kind": [span.kind for span in spans],
            "entity": [span.entity for span in spans],
            "from_at": [span.from_at for span in spans],
            "from_id": [span.from_id for span in spans],
            "to_at": [span.to_at for span in spans],
            "to_id": [span.to_id for span in spans],
            "ceiling": _ceiling(known_before),
            "most": most,
        },
        binary=True,
    ).fetchall()
    return [Counted(*row) for row in rows]  # type: ignore[arg-type]


def count_days(
    connection: Connection, tenant_id: int, asked: Sequence[tuple[int, bytes, date, date]]
) -> list[RolledDays]:
    """Messages of rolled-up days, of each (kind, entity, day it ends before, first recent day); without empty ones."""
    rows = connection.execute(
        """SELECT q.n, d.messages, coalesce(d.recent, 0), d.first, d.last
           FROM unnest(%(n)b::integer[], %(kind)b::smallint[], %(entity)b::bytea[], %(before)b::date[],
                       %(since)b::date[]) AS q (n, kind, entity, before, since)
           CROSS JOIN LATERAL (
               SELECT sum(messages)::bigint AS messages,
                      sum(messages) FILTER (WHERE d.day >= q.since)::bigint AS recent,
                      min(first_at) AS first, max(last_at) AS last
               FROM sighting_days d
               WHERE d.tenant_id = %(tenant)b AND d.kind = q.kind AND d.entity = q.entity AND d.day < q.before) d
           WHERE d.messages > 0""",
        {
            "tenant": tenant_id,
            "n": list(range(len(asked))),
            "kind": [one[0] for one in asked],
            "entity": [one[1] for one in asked],
            "before": [one[2] for one in asked],
            "since": [one[3] for one in asked],
        },
        binary=True,
    ).fetchall()
    return [RolledDays(*row) for row in rows]  # type: ignore[arg-type]


def distinct(
    connection: Connection,
    tenant_id: int,
    asked: Iterable[tuple[int, bytes, bytes]],
    known_before: datetime | None = None,
) -> Iterable[tuple[int, bytes, datetime, UUID]]:
    """(kind, entity, received_at, message id) of the first sighting of each entity between two bounds.

    `asked` are (kind, lowest, highest entity), each giving at most MOST_DISTINCT entities, found by skipping through
    the index from one to the next. Within a pipeline the server's answer is waited for when it is read.
    """
    wanted = sorted(set(asked))
    return connection.execute(
        """SELECT q.kind, found.entity, f.received_at, f.message_id
           FROM unnest(%(kind)b::smallint[], %(low)b::bytea[], %(high)b::bytea[]) AS q (kind, low, high)
           CROSS JOIN LATERAL (
               WITH RECURSIVE skip AS (
                   SELECT (SELECT s.entity FROM sightings s
                           WHERE s.tenant_id = %(tenant)b AND s.kind = q.kind AND s.entity >= q.low
                             AND s.entity <= q.high ORDER BY s.entity LIMIT 1) AS entity, 1 AS depth
                   UNION ALL
                   SELECT (SELECT s.entity FROM sightings s
                           WHERE s.tenant_id = %(tenant)b AND s.kind = q.kind AND s.entity > skip.entity
                             AND s.entity <= q.high ORDER BY s.entity LIMIT 1), skip.depth + 1
                   FROM skip WHERE skip.entity IS NOT NULL AND skip.depth < %(most)b)
               SELECT entity FROM skip WHERE entity IS NOT NULL) found
           CROSS JOIN LATERAL (
               SELECT s.received_at, s.message_id FROM sightings s
               WHERE s.tenant_id = %(tenant)b AND s.kind = q.kind AND s.entity = found.entity
                 AND s.message_id < %(ceiling)b
               ORDER BY s.received_at, s.message_id LIMIT 1) f""",
        {
            "tenant": tenant_id,
            "kind": [kind for kind, _, _ in wanted],
            "low": [low for _, low, _ in wanted],
            "high": [high for _, _, high in wanted],
            "most": MOST_DISTINCT,
            "ceiling": _ceiling(known_before),
        },
        binary=True,
    )  # type: ignore[return-value]


def fan_out(
    connection: Connection,
    tenant_id: int,
    kind: int,
    asked: Sequence[tuple[int, bytes, datetime, UUID]],
    known_before: datetime | None = None,
) -> Iterable[tuple[int, list[int]]]:
    """(n, mailboxes that a sender's newest messages of the hour before went to) by `n` of (n, entity, at, message id).

    Read as `distinct`.
    """
    return connection.execute(
        """SELECT q.n, f.mailboxes
           FROM unnest(%(n)b::integer[], %(entity)b::bytea[], %(at)b::timestamptz[], %(id)b::uuid[])
                AS q (n, entity, at, id)
           CROSS JOIN LATERAL (
               SELECT array_agg(DISTINCT mailbox_id) AS mailboxes FROM (
                   SELECT s.mailbox_id FROM sightings s
                   WHERE s.tenant_id = %(tenant)b AND s.kind = %(kind)b AND s.entity = q.entity
                     AND s.received_at > q.at - interval '1 hour' AND s.received_at <= q.at
                     AND (s.received_at < q.at OR s.message_id < q.id) AND s.message_id < %(ceiling)b
                   ORDER BY s.received_at DESC LIMIT %(most)b) newest) f
           WHERE f.mailboxes IS NOT NULL""",
        {
            "tenant": tenant_id,
            "kind": kind,
            "n": [a[0] for a in asked],
            "entity": [a[1] for a in asked],
            "at": [a[2] for a in asked],
            "id": [a[3] for a in asked],
            "most": FAN_OUT_MESSAGES,
            "ceiling": _ceiling(known_before),
        },
        binary=True,
    )  # type: ignore[return-value]


def judged(
    connection: Connection, tenant_id: int, senders: Iterable[str], known_before: datetime | None = None
) -> Iterable[tuple[str, datetime, UUID, bool]]:
    """(sender, received_at, message id, judged good) by the newest standing label of each of the senders' messages."""
    return connection.execute(
        """SELECT DISTINCT ON (l.message_id) l.sender, m.received_at, l.message_id, l.label = ANY (%b::text[])
           FROM labels l JOIN messages m ON m.id = l.message_id
           WHERE l.tenant_id = %b AND l.sender = ANY (%b::text[]) AND l.retracts IS NULL
             AND (%b::timestamptz IS NULL OR l.labelled_at < %b)
             AND NOT EXISTS (SELECT FROM labels r WHERE r.retracts = l.id
                             AND (%b::timestamptz IS NULL OR r.labelled_at < %b))
           ORDER BY l.message_id, l.id DESC LIMIT %b""",
        (list(GOOD), tenant_id, sorted(set(senders)), *[known_before] * 4, MOST_LABELS),
        binary=True,
    )  # type: ignore[return-value]


def _ceiling(known_before: datetime | None) -> UUID:
    """The first id of mail accepted at that time or later; the last of all ids for None."""
    if known_before is None:
        return UUID(int=2**128 - 1)
    return UUID(int=int(known_before.timestamp() * 1000) << 80)


def mark_stale(connection: Connection, tenant_id: int, times: Iterable[datetime]) -> None:
    """Note the days that late sightings fell on; today's need no note, since the roll-up keeps a day's distance.

    In the transaction that writes the sightings, after them. Days go in order, so that two writers do not deadlock.
    """
    days = sorted({at.date() for at in times})
    connection.execute(
        """INSERT INTO stale_days (tenant_id, day)
           SELECT %b, day FROM unnest(%b::date[]) AS n (day)
           WHERE day < clock_timestamp()::date ORDER BY day ON CONFLICT DO NOTHING""",
        (tenant_id, days),
    )


def roll_up(connection: Connection, tenant_id: int) -> int:
    """Bring some of a tenant's rolled-up days up to date, oldest first; how many days are left to do.

    A day is rolled up from two midnights after it ended, so that no save that took it for today is still under way.
    """
    with connection.transaction():
        connection.execute("SELECT 1 FROM tenants WHERE id = %s FOR NO KEY UPDATE", (tenant_id,))
        _extend(connection, tenant_id)
        days = connection.execute(
            """DELETE FROM stale_days WHERE tenant_id = %(tenant)s AND day IN (
                   SELECT day FROM stale_days WHERE tenant_id = %(tenant)s
                     AND day < (SELECT before FROM sighting_rolls WHERE tenant_id = %(tenant)s)
                   ORDER BY day LIMIT %(most)s) RETURNING day""",
            {"tenant": tenant_id, "most": STALE_AT_ONCE},
        ).fetchall()
        chosen = [row[0] for row in days]
        if chosen:
            connection.execute(
                """INSERT INTO sighting_days AS d (tenant_id, kind, entity, day, messages, first_at, last_at)
                   SELECT %(tenant)s, kind, entity, received_at::date, count(*), min(received_at), max(received_at)
                   FROM sightings
                   WHERE tenant_id = %(tenant)s AND received_at >= %(first)s::date
                     AND received_at < %(last)s::date + 1
                     AND received_at::date = ANY (%(days)s) AND kind <> ALL (%(not_rolled)s)
                   GROUP BY kind, entity, received_at::date
                   ON CONFLICT (tenant_id, kind, entity, day) DO UPDATE
                   SET messages = excluded.messages, first_at = excluded.first_at, last_at = excluded.last_at""",
                {
                    "tenant": tenant_id,
                    "first": min(chosen),  # type: ignore[type-var]
                    "last": max(chosen),  # type: ignore[type-var]
                    "days": chosen,
                    "not_rolled": list(NOT_ROLLED),
                },
            )
        row = connection.execute(
            """SELECT count(*) FROM stale_days WHERE tenant_id = %(tenant)s
                 AND day < (SELECT before FROM sighting_rolls WHERE tenant_id = %(tenant)s)""",
            {"tenant": tenant_id},
        ).fetchone()
    assert row is not None
    return int(str(row[0]))


def _extend(connection: Connection, tenant_id: int) -> None:
    """Move the end of what is rolled up to yesterday; the days that it passes are stale until they are rolled."""
    connection.execute(
        """WITH old AS (SELECT before FROM sighting_rolls WHERE tenant_id = %(tenant)s),
           moved AS (
               INSERT INTO sighting_rolls AS r (tenant_id, before) VALUES (%(tenant)s, clock_timestamp()::date - 1)
               ON CONFLICT (tenant_id) DO UPDATE SET before = excluded.before WHERE r.before < excluded.before
               RETURNING before)
           INSERT INTO stale_days (tenant_id, day)
           SELECT %(tenant)s, day::date FROM moved, tenants t,
                  generate_series(coalesce((SELECT before FROM old), t.created_at::date), moved.before - 1, '1 day') day
           WHERE t.id = %(tenant)s ORDER BY day ON CONFLICT DO NOTHING""",
        {"tenant": tenant_id},
    )


def tenants_to_roll(connection: Connection) -> list[int]:
    """Tenants whose rolled-up days are behind."""
    rows = connection.execute(
        """SELECT t.id FROM tenants t LEFT JOIN sighting_rolls r ON r.tenant_id = t.id
           WHERE r.before IS NULL OR r.before < clock_timestamp()::date - 1
              OR EXISTS (SELECT FROM stale_days s WHERE s.tenant_id = t.id AND s.day < r.before)
           ORDER BY t.id"""
    ).fetchall()
    return [int(str(row[0])) for row in rows]


def roll_up_some(connection: Connection) -> int:
    """Some days of every tenant that is behind; how many days are left to do."""
    return sum(roll_up(connection, tenant) for tenant in tenants_to_roll(connection))
