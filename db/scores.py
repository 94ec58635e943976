"""Writing results: one transaction a chunk, state rows locked in id order, then COPY."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from db.session import Connection


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
    category: str | None
    bundle: str
    signal_set: str
    policy_version: int
    basis_pointer: int
    basis_time: datetime
    text_log_odds: float
    vector: bytes
    statuses: bytes
    context: bytes
    sender: str | None
    sender_domain: str | None
    subject: str
    header_message_id: str | None
    outbound: bool
    sightings: tuple[tuple[int, bytes], ...]


def lock_states(connection: Connection, message_ids: Sequence[UUID]) -> dict[UUID, tuple[str, int]]:
    """(state, current revision) by message, locked until commit in id order so that two savers cannot deadlock."""
    rows = connection.execute(
        "SELECT message_id, state, revision FROM message_state WHERE message_id = ANY (%b) "
        "ORDER BY message_id FOR UPDATE",
        (sorted(message_ids),),
        binary=True,
    ).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}  # type: ignore[misc]


def save_first(connection: Connection, *, tenant_id: int, job_id: UUID, new: Sequence[NewScore]) -> int:
    """Write revision 1 of messages that have none yet, with vectors and sightings; how many were written.

    Observed (outbound) messages get their sightings and no score.
    """
    states = lock_states(connection, [score.message_id for score in new])
    fresh = [s for s in new if states.get(s.message_id, ("", 0))[0] == "accepted"]
    inbound = [s for s in fresh if not s.outbound]
    _copy(
        connection,
        "COPY scores (message_id, revision, tenant_id, job_id, cause, provisional, log_odds, score, verdict, "
        "category, bundle, signal_set, policy_version, basis_pointer, basis_time) FROM STDIN (FORMAT binary)",
        "uuid int4 int4 uuid text bool float8 float8 text text text text int4 int4 timestamptz",
        (
            (s.message_id, 1, tenant_id, job_id, s.cause, s.provisional, s.log_odds, s.score, s.verdict,
             s.category, s.bundle, s.signal_set, s.policy_version, s.basis_pointer, s.basis_time)
            for s in inbound
        ),
    )  # fmt: skip
    _copy(
        connection,
        "COPY vectors (message_id, revision, tenant_id, signal_set, text_log_odds, vector, statuses, context) "
        "FROM STDIN (FORMAT binary)",
        "uuid int4 int4 text float4 bytea bytea bytea",
        ((s.message_id, 1, tenant_id, s.signal_set, s.text_log_odds, s.vector, s.statuses, s.context) for s in inbound),
    )
    _copy(
        connection,
        "COPY sightings (message_id, kind, entity, tenant_id, mailbox_id, received_at, outbound) "
        "FROM STDIN (FORMAT binary)",
        "uuid int2 bytea int4 int4 timestamptz bool",
        (
            (s.message_id, kind, entity, tenant_id, s.mailbox_id, s.received_at, s.outbound)
            for s in fresh
            for kind, entity in s.sightings
        ),
    )
    connection.execute(
        """UPDATE message_state m SET
               state = CASE WHEN n.outbound THEN 'observed' ELSE 'scored' END,
               revision = CASE WHEN n.outbound THEN 0 ELSE 1 END,
               log_odds = CASE WHEN NOT n.outbound THEN n.log_odds END,
               verdict = CASE WHEN NOT n.outbound THEN n.verdict END,
               category = CASE WHEN NOT n.outbound THEN n.category END,
               basis_pointer = n.basis_pointer, basis_time = n.basis_time, scored_at = clock_timestamp(),
               sender = n.sender, sender_domain = n.sender_domain, subject = n.subject,
               header_message_id = n.header_message_id
           FROM unnest(%b::uuid[], %b::float8[], %b::text[], %b::text[], %b::integer[], %b::timestamptz[],
                       %b::text[], %b::text[], %b::text[], %b::text[], %b::boolean[])
                AS n (message_id, log_odds, verdict, category, basis_pointer, basis_time, sender, sender_domain,
                      subject, header_message_id, outbound)
           WHERE m.message_id = n.message_id AND m.message_id = ANY (%b::uuid[])""",
        (
            [s.message_id for s in fresh],
            [s.log_odds for s in fresh],
            [s.verdict for s in fresh],
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
    return len(fresh)


def _copy(connection: Connection, statement: str, types: str, rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types.split())
        for row in rows:
            copy.write_row(row)
