"""Giving stored vectors the signals that they lack: computed from raw mail and the context of then.

What a vector holds stays as it was logged, bit for bit; a signal whose version is another now is computed anew.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from db import fills
from db.fills import NewVector
from db.rescans import Result
from scorelane.rescans import FILLED, GONE, STORED
from scorelane.scoring import context
from scorelane.signals import signal_set
from scorelane.signals.columns import NOT_COMPUTED, aligned
from tasks.replaying import replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.chunks import Claim
    from db.fills import Filling
    from db.parity import Logged
    from db.session import Connection
    from tasks.session import Standing


class Filled(NamedTuple):
    """One message: its vectors that gained columns, and what is noted of it."""

    vectors: tuple[NewVector, ...]
    result: Result


def load(connection: Connection, claim: Claim) -> list[Filling]:
    """The chunk's messages that this backfill has not looked at yet."""
    return fills.load(connection, claim)


def fill(claim: Claim, messages: Sequence[Filling], standing: Standing) -> list[Filled]:
    """What becomes of messages, in their order. Where raw mail is gone a vector stays as it is."""
    lacking = [
        row
        for message in messages
        for row in message.logged
        if row.signal_set != standing.signals.hash and row.content is not None
    ]
    rebuilds = bool(claim.spec.get("rebuilds_history"))
    made: dict[tuple[object, int], NewVector] = {}
    for _, alike in groupby(sorted(lacking, key=lambda row: row.signal_set), key=lambda row: row.signal_set):
        for vector in _widened(list(alike), standing, rebuilds_history=rebuilds):
            made[vector.message_id, vector.revision] = vector
    return [_filled(message, made, standing) for message in messages]


def save(connection: Connection, claim: Claim, new: Sequence[Filled]) -> int:
    """Write the vectors; how many messages were looked at."""
    return fills.save(
        connection,
        tenant_id=claim.tenant_id,
        job_id=claim.job_id,
        new=[vector for one in new for vector in one.vectors],
        results=[one.result for one in new],
    )


def _widened(rows: list[Logged], standing: Standing, *, rebuilds_history: bool) -> list[NewVector]:
    """Vectors of one stored set as those of today's: what it held at today's versions, and the rest computed."""
    every = standing.signals
    values, codes = aligned(
        [row.signal_set for row in rows], [row.vector for row in rows], [row.statuses for row in rows],
        every, standing.session.columns,
    )  # fmt: skip
    places = np.flatnonzero((codes == NOT_COMPUTED).any(axis=0))
    if places.size:
        wanted = signal_set([every.names[at] for at in places])
        matrix, statuses = replay(standing.session, rows, wanted, rebuilds_history=rebuilds_history)
        values[:, places] = matrix
        codes[:, places] = np.frombuffer(b"".join(statuses), np.uint8).reshape(len(rows), len(wanted))
    stored = values.astype("<f4")
    return [
        NewVector(
            row.message_id, row.revision, every.hash, stored[at].tobytes(), codes[at].tobytes(),
            _marked(row.context) if rebuilds_history else row.context,
        )
        for at, row in enumerate(rows)
    ]  # fmt: skip


def _marked(stored: bytes) -> bytes:
    return context.encode(msgspec.structs.replace(context.decode(stored), reconstructed=True))


def _filled(message: Filling, made: dict[tuple[object, int], NewVector], standing: Standing) -> Filled:
    vectors = tuple(
        made[row.message_id, row.revision] for row in message.logged if (row.message_id, row.revision) in made
    )
    lacks = [row for row in message.logged if row.signal_set != standing.signals.hash]
    work = FILLED if vectors else GONE if lacks or not message.logged else STORED
    said = (message.verdict, message.log_odds, message.category)
    return Filled(vectors, Result(message.id, message.mailbox_id, work, message.revision, *said, *said))
