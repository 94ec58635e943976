"""Writing results: one transaction a chunk, state rows locked in id order, then COPY."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.types.json import Jsonb

from db import bulk, lookups, sightings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from db.session import Connection


class NewShadow(NamedTuple):
    """What the bundle in shadow said of the same vector; it never changes a verdict."""

    bundle: str
    log_odds: float
    verdict: str
    category: str | None
    text_log_odds: float


class NewScore(NamedTuple):
    """One message's result with its vector: little-endian float32 values, one status byte each."""

    message_id: UUID
    mailbox_id: int
    received_at: datetime
    cause: str
    provisional: bool
    log_odds: float
    score: float
    verdict: str
    rule: str
    category: str | None
    bundle: str
    signal_set: str
    policy_version: int
    basis_pointer: int
    basis_time: datetime
    text_log_odds: float
    text_model: str
    vector: bytes
    statuses: bytes
    context: bytes
    sender: str | None
    sender_domain: str | None
    subject: str
    header_message_id: str | None
    outbound: bool
    sightings: tuple[tuple[int, bytes], ...]
    shadow: NewShadow | None = None
    wanted: tuple[tuple[str, str], ...] = ()
    """(provider, entity) that it waits for, at most `patience_s` seconds."""
    patience_s: float = 0.0
    refresh: tuple[tuple[str, str], ...] = ()


class State(NamedTuple):
    """A message's state row, locked."""

    state: str
    last_revision: int
    basis_pointer: int | None
    basis_time: datetime | None
    verdict: str | None
    sighted: bool


class _Row(NamedTuple):
    """A result with its number and whether it becomes the current one."""

    new: NewScore
    revision: int
    current: bool
    before: str | None


def lock_states(connection: Connection, message_ids: Sequence[UUID]) -> dict[UUID, State]:
    """State rows, locked until commit in id order so that two savers cannot deadlock."""
    rows = connection.execute(
        "SELECT message_id, state, last_revision, basis_pointer, basis_time, verdict, sighted FROM message_state "
        "WHERE message_id = ANY (%b) ORDER BY message_id FOR UPDATE",
        (sorted(message_ids),),
        binary=True,
    ).fetchall()
    return {row[0]: State(*row[1:]) for row in rows}  # type: ignore[misc, arg-type]


def save_first(connection: Connection, *, tenant_id: int, job_id: UUID, new: Sequence[NewScore]) -> int:
    """Write revision 1 of messages that have none yet, with vectors and sightings; how many were written.

    Observed (outbound) messages get their sightings and no score. What is wanted for the others becomes lookups.
    """
    states = lock_states(connection, [score.message_id for score in new])
    fresh = [s for s in new if (state := states.get(s.message_id)) is not None and state.state == "accepted"]
    _write(connection, tenant_id, job_id, [_Row(s, 1, current=True, before=None) for s in fresh if not s.outbound])
    add_sightings(connection, tenant_id, [s for s in fresh if not states[s.message_id].sighted])
    _set_first(connection, fresh)
    lookups.want(
        connection,
        tenant_id,
        [(s.message_id, s.wanted, s.patience_s) for s in fresh if not s.outbound],
        {pair for s in fresh if not s.outbound for pair in s.refresh},
    )
    return len(fresh)


def save_revision(connection: Connection, *, tenant_id: int, job_id: UUID, new: Sequence[NewScore]) -> int:
    """Append a revision to messages that are scored; how many were written.

    It becomes the current one where its basis (bundle pointer, context time) is not older than the current one's,
    so that the order in which two results arrive does not matter.
    """
    states = lock_states(connection, [score.message_id for score in new])
    rows = [
        _Row(s, state.last_revision + 1, _not_older(s, state), state.verdict)
        for s in new
        if (state := states.get(s.message_id)) is not None and state.state == "scored"
    ]
    _write(connection, tenant_id, job_id, rows)
    _set_later(connection, rows)
    return len(rows)


def _not_older(new: NewScore, state: State) -> bool:
    if state.basis_pointer is None or state.basis_time is None:
        return True
    return (new.basis_pointer, new.basis_time) >= (state.basis_pointer, state.basis_time)


def _write(connection: Connection, tenant_id: int, job_id: UUID, rows: Sequence[_Row]) -> None:
    """Scores, vectors, shadow scores and the events of changed verdicts."""
    bulk.insert(
        connection,
        "scores",
        "message_id revision tenant_id job_id cause provisional log_odds score verdict rule category bundle "
        "signal_set policy_version basis_pointer basis_time",
        "uuid int4 int4 uuid text bool float8 float8 text text text text text int4 int4 timestamptz",
        [
            (s.message_id, row.revision, tenant_id, job_id, s.cause, s.provisional, s.log_odds, s.score, s.verdict,
             s.rule, s.category, s.bundle, s.signal_set, s.policy_version, s.basis_pointer, s.basis_time)
            for row in rows
            for s in (row.new,)
        ],
    )  # fmt: skip
    bulk.insert(
        connection,
        "vectors",
        "message_id revision tenant_id signal_set text_log_odds text_model vector statuses context",
        "uuid int4 int4 text float4 text bytea bytea bytea",
        [
            (s.message_id, row.revision, tenant_id, s.signal_set, s.text_log_odds, s.text_model, s.vector,
             s.statuses, s.context)
            for row in rows
            for s in (row.new,)
        ],
    )  # fmt: skip
    bulk.insert(
        connection,
        "shadow_scores",
        "message_id revision tenant_id bundle log_odds verdict category text_log_odds",
        "uuid int4 int4 text float8 text text float4",
        [(row.new.message_id, row.revision, tenant_id, *row.new.shadow) for row in rows if row.new.shadow is not None],
    )
    _tell(connection, tenant_id, rows)


def _tell(connection: Connection, tenant_id: int, rows: Sequence[_Row]) -> None:
    """An outbox event for each current verdict that is new and not clean, or other than before."""
    moved = [row for row in rows if row.current and row.new.verdict != (row.before or "clean")]
    if not moved:
        return
    connection.execute(
        "INSERT INTO outbox (tenant_id, message_id, kind, body) "
        "SELECT %s, n.message_id, 'verdict', n.body FROM unnest(%s::uuid[], %s::jsonb[]) AS n (message_id, body)",
        (tenant_id, [row.new.message_id for row in moved], [Jsonb(_event(row)) for row in moved]),
    )


def _event(row: _Row) -> dict[str, Any]:
    new = row.new
    return {
        "message_id": str(new.message_id),
        "revision": row.revision,
        "cause": new.cause,
        "verdict": new.verdict,
        "before": row.before,
        "rule": new.rule,
        "category": new.category,
        "score": new.score,
        "log_odds": new.log_odds,
        "provisional": new.provisional,
        "bundle": new.bundle,
        "policy_version": new.policy_version,
        "received_at": new.received_at.isoformat(),
    }


def add_sightings(connection: Connection, tenant_id: int, new: Sequence[NewScore]) -> None:
    """Record what messages showed. Each message does so once, whoever scores it again later."""
    bulk.insert(
        connection,
        "sightings",
        "message_id kind entity tenant_id mailbox_id received_at outbound",
        "uuid int2 bytea int4 int4 timestamptz bool",
        [
            (s.message_id, kind, entity, tenant_id, s.mailbox_id, s.received_at, s.outbound)
            for s in new
            for kind, entity in s.sightings
        ],
    )
    sightings.mark_stale(connection, tenant_id, (s.received_at for s in new))


def _set_first(connection: Connection, fresh: Sequence[NewScore]) -> None:
    connection.execute(
        """UPDATE message_state m SET
               state = CASE WHEN n.outbound THEN 'observed' ELSE 'scored' END, sighted = true,
               revision = CASE WHEN n.outbound THEN 0 ELSE 1 END,
               last_revision = CASE WHEN n.outbound THEN 0 ELSE 1 END,
               log_odds = CASE WHEN NOT n.outbound THEN n.log_odds END,
               verdict = CASE WHEN NOT n.outbound THEN n.verdict END,
               rule = CASE WHEN NOT n.outbound THEN n.rule END,
               category = CASE WHEN NOT n.outbound THEN n.category END,
               basis_pointer = n.basis_pointer, basis_time = n.basis_time, scored_at = clock_timestamp(),
               sender = n.sender, sender_domain = n.sender_domain, subject = n.subject,
               header_message_id = n.header_message_id
           FROM unnest(%b::uuid[], %b::float8[], %b::text[], %b::text[], %b::text[], %b::integer[],
                       %b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::text[], %b::boolean[])
                AS n (message_id, log_odds, verdict, rule, category, basis_pointer, basis_time, sender, sender_domain,
                      subject, header_message_id, outbound)
           WHERE m.message_id = n.message_id AND m.message_id = ANY (%b::uuid[])""",
        (
            [s.message_id for s in fresh],
            [s.log_odds for s in fresh],
            [s.verdict for s in fresh],
            [s.rule for s in fresh],
            [s.category for s in fresh],
            [s.basis_pointer for s in fresh],
            [s.basis_time for s in fresh],
            [s.sender for s in fresh],
            [s.sender_domain for s in fresh],
            [s.subject for s in fresh],
            [s.header_message_id for s in fresh],
            [s.outbound for s in fresh],
            [s.message_id for s in fresh],
        ),
    )


def _set_later(connection: Connection, rows: Sequence[_Row]) -> None:
    connection.execute(
        """UPDATE message_state m SET last_revision = n.revision
           FROM unnest(%b::uuid[], %b::integer[]) AS n (message_id, revision)
           WHERE m.message_id = n.message_id AND m.message_id = ANY (%b::uuid[])""",
        (
            [row.new.message_id for row in rows],
            [row.revision for row in rows],
            [row.new.message_id for row in rows],
        ),
    )
    current = [row for row in rows if row.current]
    connection.execute(
        """UPDATE message_state m SET revision = n.revision, log_odds = n.log_odds, verdict = n.verdict,
                  rule = n.rule, category = n.category, basis_pointer = n.basis_pointer, basis_time = n.basis_time,
                  scored_at = clock_timestamp()
           FROM unnest(%b::uuid[], %b::integer[], %b::float8[], %b::text[], %b::text[], %b::text[], %b::integer[],
                       %b::timestamptz[])
                AS n (message_id, revision, log_odds, verdict, rule, category, basis_pointer, basis_time)
           WHERE m.message_id = n.message_id AND m.message_id = ANY (%b::uuid[])""",
        (
            [row.new.message_id for row in current],
            [row.revision for row in current],
            [row.new.log_odds for row in current],
            [row.new.verdict for row in current],
            [row.new.rule for row in current],
            [row.new.category for row in current],
            [row.new.basis_pointer for row in current],
            [row.new.basis_time for row in current],
            [row.new.message_id for row in current],
        ),
    )
