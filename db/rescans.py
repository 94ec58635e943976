"""Rescans: choosing messages, planning them into chunks by key, results and flips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql
from psycopg.types.json import Jsonb

from db import bulk, bundles, choosing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from db.session import Connection

CHUNKS_A_STEP = 64
EXPLAINED = 1000
"""Flips of a rescan whose reasons are computed with it; those of the rest when they are read."""
PAGE = 1000


class Rescan(NamedTuple):
    """One rescan with its job's progress, in messages."""

    id: UUID
    tenant: str
    actor: str
    bundle: str
    as_of: str
    as_of_time: datetime | None
    applies: bool
    wanted: dict[str, Any]
    preview: dict[str, Any]
    state: str
    planned: bool
    messages: int
    done: int
    dead: int
    cancelled: int
    flips: int
    created_at: datetime
    finished_at: datetime | None
    rate: float
    """Messages a second of the last ten seconds, or of the whole run once it has ended."""


class Kind(NamedTuple):
    """Messages that are alike in what a rescan of them needs."""

    signal_set: str | None
    text_model: str | None
    has_raw: bool
    same_lists: bool
    """Whether they were computed with the reference lists that were named."""
    messages: int


class Row(NamedTuple):
    """A message of a chunk to rescan: what it is now, and the vector to start from (None where it is gone)."""

    message_id: UUID
    mailbox_id: int
    mailbox: str
    received_at: datetime
    envelope: bytes | None
    size_bytes: int
    sender: str | None
    revision: int
    verdict: str
    log_odds: float
    category: str | None
    bundle: str
    basis_time: datetime
    """Of the revision whose vector this is."""
    vector: bytes | None
    statuses: bytes | None
    context: bytes | None
    signal_set: str | None
    text_log_odds: float | None
    text_model: str | None
    same_lists: bool = True
    """Whether the vector was computed with the reference lists that were named."""

    @property
    def id(self) -> UUID:
        """The message's id, as work of every kind names it."""
        return self.message_id


class Result(NamedTuple):
    """What a rescan says of one message."""

    message_id: UUID
    mailbox_id: int
    work: str
    before_revision: int
    before_verdict: str
    before_log_odds: float
    before_category: str | None
    verdict: str
    log_odds: float
    category: str | None
    reasons: list[dict[str, Any]] | None = None
    vector: bytes | None = None
    text_log_odds: float | None = None


def _chosen(wanted: dict[str, Any]) -> sql.Composed:
    """FROM and WHERE of the messages of a choice (`db.choosing`) that a rescan meets, `s` being the state row."""
    joins = "JOIN messages m ON m.id = s.message_id" if choosing.reads_message(wanted) else ""
    return sql.SQL(
        "FROM message_state s {} WHERE s.tenant_id = %(tenant)s AND s.state = 'scored'"
        " AND s.message_id <= %(ceiling)s AND {}"
    ).format(sql.SQL(joins), choosing.conditions(wanted))


def preview(
    connection: Connection,
    tenant_id: int,
    wanted: dict[str, Any],
    *,
    ceiling: UUID,
    as_of: str,
    lists: str = "",
    timeout_s: int = 300,
) -> list[Kind]:
    """What there is to rescan, counted by the kind of work; `lists` is the digest of the reference lists in force."""
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(f"{timeout_s}s")))
        rows = connection.execute(
            sql.SQL(
                """WITH chosen AS (SELECT s.message_id, s.revision {chosen})
                   SELECT v.signal_set, v.text_model, r.sha256 IS NOT NULL, {same_lists}, count(*)
                   FROM chosen c JOIN messages m ON m.id = c.message_id
                   LEFT JOIN raw_mail r ON r.tenant_id = m.tenant_id AND r.month = m.month AND r.sha256 = m.sha256
                   LEFT JOIN vectors v ON v.message_id = c.message_id AND v.revision = {revision}
                   GROUP BY 1, 2, 3, 4"""
            ).format(
                chosen=_chosen(wanted),
                revision=sql.SQL(_REVISION[as_of]).format(sql.SQL("c")),
                same_lists=sql.SQL(_SAME_LISTS),
            ),
            {"tenant": tenant_id, "ceiling": ceiling, "lists": lists, **wanted},
        ).fetchall()
    return [Kind(*row) for row in rows]  # type: ignore[arg-type]


# A context holds the digest of its lists as text, which occurs nowhere else: no need to decode it. Empty is in all.
_SAME_LISTS = "coalesce(position(convert_to(%(lists)s, 'UTF8') IN v.context) > 0, false)"

# Which revision's vector a rescan starts from.
_REVISION = {
    "received": "1",
    "final": "(SELECT max(f.revision) FROM scores f WHERE f.message_id = {0}.message_id "
    "AND f.cause IN ('intake', 'facts'))",
    "time": "{0}.revision",
}


class Repeat(NamedTuple):
    """By what a repeated request for a rescan is known."""

    key: str
    """The caller's word for it, unique in the tenant."""
    digest: str
    """Of all that was asked for."""


def started(connection: Connection, tenant_id: int, key: str) -> tuple[UUID, str] | None:
    """(rescan, digest of what was asked for) of a key that started one; until commit nobody else uses the key."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", (key, tenant_id))
    return connection.execute(
        "SELECT id, spec->>'asked' FROM jobs WHERE tenant_id = %s AND idempotency_key = %s AND kind = 'rescan'",
        (tenant_id, key),
    ).fetchone()  # type: ignore[return-value]


def create(
    connection: Connection,
    *,
    rescan_id: UUID,
    tenant_id: int,
    actor: str,
    bundle: str,
    as_of: str,
    as_of_time: datetime | None,
    applies: bool,
    wanted: dict[str, Any],
    preview: dict[str, Any],
    ceiling: UUID,
    repeat: Repeat | None = None,
    kind: str = "rescan",
    lane: str = "rescan",
    spec: dict[str, Any] | None = None,
) -> None:
    """Store a rescan with its job; nothing is planned yet. Other kinds of job over chosen messages are stored alike."""
    told = {"rescan": str(rescan_id), **(spec or {})} | ({} if repeat is None else {"asked": repeat.digest})
    with connection.transaction():
        connection.execute(
            "INSERT INTO jobs (id, tenant_id, kind, lane, actor, spec, idempotency_key) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (rescan_id, tenant_id, kind, lane, actor, Jsonb(told), None if repeat is None else repeat.key),
        )
        connection.execute(
            """INSERT INTO rescans (id, tenant_id, bundle, as_of, as_of_time, applies, wanted, preview, ceiling)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            (rescan_id, tenant_id, bundle, as_of, as_of_time, applies, Jsonb(wanted), Jsonb(preview), ceiling),
        )


def plan(connection: Connection, rescan_id: UUID, chunk_messages: Mapping[str, int]) -> bool:
    """Cut the next messages by key into chunks; whether there may be more. Killed anywhere, it goes on from there.

    `chunk_messages` is the size of a chunk by lane.
    """
    with connection.transaction():
        row = connection.execute(
            """SELECT r.tenant_id, r.wanted, r.ceiling, r.planned_to, j.state, j.lane
               FROM rescans r JOIN jobs j ON j.id = r.id
               WHERE r.id = %s AND NOT r.planned FOR UPDATE OF r SKIP LOCKED""",
            (rescan_id,),
        ).fetchone()
        if row is None:
            return False
        tenant_id, wanted, ceiling, planned_to, state, lane = row
        if state == "cancelled":
            connection.execute("UPDATE rescans SET planned = true WHERE id = %s", (rescan_id,))
            return False
        size = chunk_messages[str(lane)]
        most = CHUNKS_A_STEP * size
        made = connection.execute(
            sql.SQL(
                """WITH chosen AS (
                       SELECT s.message_id {chosen} AND s.message_id > %(after)s ORDER BY s.message_id LIMIT %(most)s),
                   numbered AS (SELECT message_id, (row_number() OVER (ORDER BY message_id) - 1) / %(size)s AS part
                                FROM chosen),
                   parts AS (SELECT nextval(pg_get_serial_sequence('chunks', 'id')) AS id, part,
                                    array_agg(message_id ORDER BY message_id) AS ids
                             FROM numbered GROUP BY part),
                   made AS (INSERT INTO chunks (id, tenant_id, job_id, lane, state, messages)
                            OVERRIDING SYSTEM VALUE
                            SELECT id, %(tenant)s, %(rescan)s, %(lane)s, 'ready', cardinality(ids) FROM parts
                            ORDER BY part),
                   bodies AS (INSERT INTO chunk_bodies (chunk_id, message_ids) SELECT id, ids FROM parts)
                   SELECT (SELECT count(*) FROM chosen)::integer,
                          (SELECT message_id FROM chosen ORDER BY message_id DESC LIMIT 1)"""
            ).format(chosen=_chosen(wanted)),  # type: ignore[arg-type]
            {
                "tenant": tenant_id,
                "ceiling": ceiling,
                "after": planned_to or "00000000-0000-0000-0000-000000000000",
                "most": most,
                "size": size,
                "lane": lane,
                "rescan": rescan_id,
                **wanted,  # type: ignore[dict-item]
            },
        ).fetchone()
        assert made is not None
        count, last = int(str(made[0])), made[1]
        more = count == most
        connection.execute(
            "UPDATE rescans SET planned_to = coalesce(%s, planned_to), planned = %s WHERE id = %s",
            (last, not more, rescan_id),
        )
        connection.execute(
            """UPDATE jobs SET messages = messages + %(count)s,
                      state = CASE WHEN state = 'cancelled' OR state = 'paused' THEN state
                                   WHEN NOT %(more)s AND scored + dead >= messages + %(count)s THEN 'done'
                                   ELSE 'open' END,
                      finished_at = CASE WHEN NOT %(more)s AND scored + dead >= messages + %(count)s THEN now() END
               WHERE id = %(rescan)s""",
            {"count": count, "more": more, "rescan": rescan_id},
        )
    return more


def unplanned(connection: Connection) -> list[UUID]:
    """Rescans with messages still to plan, whose job is not paused."""
    rows = connection.execute(
        """SELECT r.id FROM rescans r JOIN jobs j ON j.id = r.id
           WHERE NOT r.planned AND j.state <> 'paused' ORDER BY r.id LIMIT 16"""
    ).fetchall()
    return [row[0] for row in rows]  # type: ignore[misc]


class Order(NamedTuple):
    """What was asked of a rescan, and what stood when it was asked."""

    bundle: str
    as_of: str
    as_of_time: datetime | None
    applies: bool
    pointer: int
    """Version of the bundle pointer then."""


def find(connection: Connection, rescan_id: UUID) -> Order | None:
    """The order of a rescan, or None."""
    row = connection.execute(
        """SELECT r.bundle, r.as_of, r.as_of_time, r.applies,
                  (SELECT coalesce(max(p.version), 0) FROM bundle_pointer p WHERE p.flipped_at <= j.created_at)
           FROM rescans r JOIN jobs j ON j.id = r.id WHERE r.id = %s""",
        (rescan_id,),
    ).fetchone()
    return None if row is None else Order(*row)  # type: ignore[arg-type]


def load(connection: Connection, chunk_id: int, rescan_id: UUID, as_of: str, lists: str = "") -> list[Row]:
    """The chunk's messages that have no result yet, in id order; `lists` as in `preview`."""
    rows = connection.execute(
        sql.SQL(
            """SELECT s.message_id, s.mailbox_id, b.address, m.received_at, m.envelope, m.size_bytes, s.sender,
                      s.revision, s.verdict, s.log_odds, s.category, c.bundle, f.basis_time,
                      v.vector, v.statuses, v.context, v.signal_set, v.text_log_odds, v.text_model, {same_lists}
               FROM message_state s
               JOIN messages m ON m.id = s.message_id
               JOIN mailboxes b ON b.id = s.mailbox_id
               JOIN scores c ON c.message_id = s.message_id AND c.revision = s.revision
               LEFT JOIN scores f ON f.message_id = s.message_id AND f.revision = {revision}
               LEFT JOIN vectors v ON v.message_id = s.message_id AND v.revision = f.revision
               WHERE s.message_id = ANY ((SELECT message_ids FROM chunk_bodies WHERE chunk_id = %(chunk)b)::uuid[])
                 AND s.state = 'scored'
                 AND NOT EXISTS (SELECT FROM rescan_results o
                                 WHERE o.rescan_id = %(rescan)b AND o.message_id = s.message_id)
               ORDER BY s.message_id"""
        ).format(revision=sql.SQL(_REVISION[as_of]).format(sql.SQL("s")), same_lists=sql.SQL(_SAME_LISTS)),
        {"chunk": chunk_id, "rescan": rescan_id, "lists": lists},
        binary=True,
    ).fetchall()
    return [Row(*row) for row in rows]  # type: ignore[arg-type]


def raw(connection: Connection, message_ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """Raw mail (zstd) by message, of those that still have it."""
    rows = connection.execute(
        """SELECT m.id, r.content FROM messages m
           JOIN raw_mail r ON r.tenant_id = m.tenant_id AND r.month = m.month AND r.sha256 = m.sha256
           WHERE m.id = ANY (%b)""",
        (list(message_ids),),
        binary=True,
    ).fetchall()
    return {row[0]: row[1] for row in rows}  # type: ignore[misc]


def explained(connection: Connection, rescan_id: UUID) -> int:
    """Flips whose reasons are stored, counted up to EXPLAINED."""
    row = connection.execute(
        """SELECT count(*) FROM (SELECT FROM rescan_results WHERE rescan_id = %s AND verdict <> before_verdict
                                 AND reasons IS NOT NULL LIMIT %s) r""",
        (rescan_id, EXPLAINED),
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def save(connection: Connection, *, tenant_id: int, rescan_id: UUID, results: Sequence[Result]) -> int:
    """Write results; how many."""
    bulk.insert(
        connection,
        "rescan_results",
        "rescan_id message_id tenant_id mailbox_id work before_revision before_verdict before_log_odds before_category "
        "verdict log_odds category reasons vector text_log_odds",
        "uuid uuid int4 int4 text int4 text float8 text text float8 text jsonb bytea float4",
        [
            (rescan_id, r.message_id, tenant_id, r.mailbox_id, r.work, r.before_revision, r.before_verdict,
             r.before_log_odds, r.before_category, r.verdict, r.log_odds, r.category,
             None if r.reasons is None else Jsonb(r.reasons), r.vector, r.text_log_odds)
            for r in results
        ],
    )  # fmt: skip
    return len(results)


def tell_flips(connection: Connection, *, tenant_id: int, rescan_id: UUID, results: Sequence[Result]) -> None:
    """An outbox event for each flip of a rescan that only reports."""
    flips = [r for r in results if r.verdict != r.before_verdict]
    if not flips:
        return
    bodies = [
        Jsonb(
            {
                "rescan_id": str(rescan_id),
                "message_id": str(r.message_id),
                "before": r.before_verdict,
                "verdict": r.verdict,
                "before_log_odds": r.before_log_odds,
                "log_odds": r.log_odds,
                "category": r.category,
            }
        )
        for r in flips
    ]
    connection.execute(
        "INSERT INTO outbox (tenant_id, message_id, kind, body) "
        "SELECT %s, n.message_id, 'flip', n.body FROM unnest(%s::uuid[], %s::jsonb[]) AS n (message_id, body)",
        (tenant_id, [r.message_id for r in flips], bodies),
    )


def listing(
    connection: Connection,
    *,
    tenant_id: int | None = None,
    rescan_id: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
    kind: str = "rescan",
) -> list[Rescan]:
    """Rescans, or jobs of another kind over chosen messages, newest first, those below the id `before`."""
    rows = connection.execute(
        """SELECT r.id, t.name, j.actor, r.bundle, r.as_of, r.as_of_time, r.applies, r.wanted, r.preview,
                  CASE WHEN j.state = 'done' AND NOT r.planned THEN 'open' ELSE j.state END, r.planned,
                  j.messages, j.scored, j.dead, j.cancelled,
                  (SELECT count(*) FROM rescan_results f WHERE f.rescan_id = r.id AND f.verdict <> f.before_verdict),
                  j.created_at, CASE WHEN r.planned THEN j.finished_at END,
                  CASE WHEN j.finished_at IS NOT NULL AND r.planned
                       THEN j.scored / greatest(extract(epoch FROM j.finished_at - j.created_at), 0.001)
                       ELSE (SELECT coalesce(sum(c.messages), 0) / 10.0 FROM chunks c
                             WHERE c.job_id = r.id AND c.state = 'done'
                               AND c.finished_at > clock_timestamp() - interval '10 seconds') END::float8
           FROM rescans r JOIN jobs j ON j.id = r.id JOIN tenants t ON t.id = r.tenant_id
           WHERE j.kind = %(kind)s AND (%(tenant)s::integer IS NULL OR r.tenant_id = %(tenant)s)
             AND (%(id)s::uuid IS NULL OR r.id = %(id)s) AND (%(before)s::uuid IS NULL OR r.id < %(before)s)
           ORDER BY r.id DESC LIMIT %(limit)s""",
        {"tenant": tenant_id, "id": rescan_id, "before": before, "limit": limit, "kind": kind},
    ).fetchall()
    return [Rescan(*row) for row in rows]  # type: ignore[arg-type]


def flips(
    connection: Connection, rescan_id: UUID, *, after: UUID | None = None, limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """Flips of a rescan above the message id `after`, page by page, so that any number of them fits into memory."""
    columns = (
        "message_id", "mailbox", "received_at", "sender", "subject", "before_verdict", "verdict", "before_log_odds",
        "log_odds", "before_category", "category", "work", "reasons", "before_revision", "vector", "text_log_odds",
    )  # fmt: skip
    last: Any = after or "00000000-0000-0000-0000-000000000000"
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        rows = connection.execute(
            """SELECT r.message_id, b.address, m.received_at, s.sender, s.subject, r.before_verdict, r.verdict,
                      r.before_log_odds, r.log_odds, r.before_category, r.category, r.work, r.reasons,
                      r.before_revision, r.vector, r.text_log_odds
               FROM rescan_results r JOIN mailboxes b ON b.id = r.mailbox_id
               JOIN messages m ON m.id = r.message_id JOIN message_state s ON s.message_id = r.message_id
               WHERE r.rescan_id = %s AND r.verdict <> r.before_verdict AND r.message_id > %s
               ORDER BY r.message_id LIMIT %s""",
            (rescan_id, last, size),
        ).fetchall()
        for row in rows:
            yield dict(zip(columns, row, strict=True))
        if len(rows) < size:
            return
        last = rows[-1][0]
        left = None if left is None else left - size


def summary(connection: Connection, rescan_id: UUID) -> list[tuple[str, str, str | None, str | None, int]]:
    """(mailbox, verdict before, verdict, category, messages) of the flips, most first."""
    return connection.execute(
        """SELECT b.address, r.before_verdict, r.verdict, coalesce(r.category, r.before_category), count(*)
           FROM rescan_results r JOIN mailboxes b ON b.id = r.mailbox_id
           WHERE r.rescan_id = %s AND r.verdict <> r.before_verdict
           GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2, 3, 4""",
        (rescan_id,),
    ).fetchall()  # type: ignore[return-value]


def keep_reasons(connection: Connection, rescan_id: UUID, message_id: UUID, reasons: Sequence[dict[str, Any]]) -> None:
    """Store the reasons of a flip that were computed when it was read."""
    connection.execute(
        "UPDATE rescan_results SET reasons = %s WHERE rescan_id = %s AND message_id = %s",
        (Jsonb(list(reasons)), rescan_id, message_id),
    )


def bundle_path(connection: Connection, bundle: str) -> tuple[str, str, str] | None:
    """(digest, name, path) of a bundle by digest, the beginning of one, or name; None where none or several fit."""
    rows = bundles.find(connection, bundle)
    return rows[0] if len(rows) == 1 else None
