"""Backfills of signals: the vectors of a chunk's messages, and the columns that they gain."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from db import rescans, scores
from db.parity import Logged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from db.chunks import Claim
    from db.rescans import Result
    from db.session import Connection


class Filling(NamedTuple):
    """A message with its current verdict and all its vectors, by revision."""

    id: UUID
    mailbox_id: int
    revision: int
    verdict: str
    log_odds: float
    category: str | None
    logged: tuple[Logged, ...]


class NewVector(NamedTuple):
    """A stored vector with more columns than before."""

    message_id: UUID
    revision: int
    signal_set: str
    vector: bytes
    statuses: bytes
    context: bytes


def sets(connection: Connection) -> dict[str, dict[str, int]]:
    """Every signal set that a vector may name: hash to version by signal."""
    rows = connection.execute("SELECT hash, names, versions FROM signal_sets").fetchall()
    return {str(row[0]): dict(zip(row[1], row[2], strict=True)) for row in rows}  # type: ignore[call-overload]


def load(connection: Connection, claim: Claim) -> list[Filling]:
    """The chunk's messages that this job has not looked at yet, in id order."""
    rows = connection.execute(
        """SELECT s.message_id, s.mailbox_id, s.revision, s.verdict, s.log_odds, s.category,
                  v.revision, m.tenant_id, b.address, m.received_at, m.envelope, m.size_bytes, r.content,
                  v.signal_set, v.vector, v.statuses, v.context
           FROM message_state s
           JOIN messages m ON m.id = s.message_id
           JOIN mailboxes b ON b.id = s.mailbox_id
           LEFT JOIN vectors v ON v.message_id = s.message_id
           LEFT JOIN raw_mail r ON r.tenant_id = m.tenant_id AND r.month = m.month AND r.sha256 = m.sha256
           WHERE s.message_id = ANY ((SELECT message_ids FROM chunk_bodies WHERE chunk_id = %(chunk)b)::uuid[])
             AND s.state = 'scored'
             AND NOT EXISTS (SELECT FROM rescan_results o
                             WHERE o.rescan_id = %(job)b AND o.message_id = s.message_id)
           ORDER BY s.message_id, v.revision""",
        {"chunk": claim.id, "job": claim.job_id},
        binary=True,
    ).fetchall()
    found = []
    for _, group in groupby(rows, key=itemgetter(0)):
        same: Any = list(group)
        logged = (Logged(r[0], r[6], r[7], r[1], *r[8:]) for r in same if r[6] is not None)
        id_, mailbox_id, revision, verdict, log_odds, category = same[0][:6]
        found.append(Filling(id_, mailbox_id, revision, verdict, log_odds, category, tuple(logged)))
    return found


def save(
    connection: Connection, *, tenant_id: int, job_id: UUID, new: Sequence[NewVector], results: Sequence[Result]
) -> int:
    """Give vectors their new columns and note what became of each message; how many messages.

    Messages' states are locked first, in id order, as every save does: what was erased meanwhile stays so.
    """
    still = scores.lock_states(connection, [result.message_id for result in results]).keys()
    connection.execute(
        """UPDATE vectors v SET signal_set = n.signal_set, vector = n.vector, statuses = n.statuses, context = n.context
           FROM unnest(%b::uuid[], %b::integer[], %b::text[], %b::bytea[], %b::bytea[], %b::bytea[])
                AS n (message_id, revision, signal_set, vector, statuses, context)
           WHERE v.message_id = n.message_id AND v.revision = n.revision AND v.message_id = ANY (%b::uuid[])""",
        (
            [v.message_id for v in new],
            [v.revision for v in new],
            [v.signal_set for v in new],
            [v.vector for v in new],
            [v.statuses for v in new],
            [v.context for v in new],
            [v.message_id for v in new],
        ),
    )
    rescans.save(
        connection, tenant_id=tenant_id, rescan_id=job_id, results=[r for r in results if r.message_id in still]
    )
    return len(results)
