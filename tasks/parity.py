"""Logged vectors, computed again from raw mail and stored context: the same bits, or the signals that differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from db import parity
from scorelane.scoring import context
from scorelane.signals.hashing import parser_digest
from tasks.replaying import replay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from db.parity import Logged
    from scorelane.signals import SignalSet
    from tasks.session import Session

PAGE = 512


@dataclass
class Report:
    """What became of the vectors that were looked at."""

    equal: int = 0
    differing: int = 0
    gone: int = 0
    """Without raw mail: parity ends there."""
    other_code: int = 0
    """Computed by another signal set, parser or reference lists than this code has."""
    reconstructed: int = 0
    """Put together later, with another history than the logged one."""
    signals: dict[str, int] = field(default_factory=dict)
    """Vectors that differ, by signal."""
    examples: list[tuple[UUID, str, float, float]] = field(default_factory=list)
    """(message, signal, logged value, computed value) of the first differences."""

    @property
    def looked_at(self) -> int:
        """All of them."""
        return self.equal + self.differing + self.gone + self.other_code + self.reconstructed


MOST_EXAMPLES = 20


def check(
    session: Session, tenant_id: int | None, *, messages: int, chunk: int, done: Callable[[int], None] = lambda _: None
) -> Report:
    """Compute up to `messages` logged vectors again, `chunk` at a time, and compare every bit."""
    report = Report()
    after = UUID(int=0)
    while report.looked_at < messages:
        rows = parity.page(session.connection(), tenant_id, after, min(PAGE, messages - report.looked_at))
        if not rows:
            break
        after = rows[-1].message_id
        usable = [row for row in rows if _is_ours(row, session, report)]
        for _, alike in groupby(sorted(usable, key=_place), key=_place):
            same = list(alike)
            for at in range(0, len(same), chunk):
                _compare(session, same[at : at + chunk], report)
        done(report.looked_at)
    return report


def _place(row: Logged) -> tuple[int, int]:
    return row.tenant_id, context.decode(row.context).directory


def _is_ours(row: Logged, session: Session, report: Report) -> bool:
    logged = context.decode(row.context)
    if row.content is None:
        report.gone += 1
    elif logged.reconstructed:
        report.reconstructed += 1
    elif (row.signal_set, logged.parser, logged.lists) != (
        session.signals().hash,
        parser_digest(),
        session.reference().digest,
    ):
        report.other_code += 1
    else:
        return True
    return False


def _compare(session: Session, rows: Sequence[Logged], report: Report) -> None:
    every = session.signals()
    matrix, statuses = replay(session, rows, every)
    computed = matrix.astype("<f4")
    for at, row in enumerate(rows):
        if computed[at].tobytes() == row.vector and statuses[at] == row.statuses:
            report.equal += 1
            continue
        report.differing += 1
        _name(row, computed[at], statuses[at], every, report)


def _name(row: Logged, computed: np.ndarray, statuses: bytes, every: SignalSet, report: Report) -> None:
    """Note which signals differ in a bit or a status."""
    logged = np.frombuffer(row.vector, "<f4")
    differs = logged.view("<u4") != np.ascontiguousarray(computed).view("<u4")
    differs |= np.frombuffer(row.statuses, np.uint8) != np.frombuffer(statuses, np.uint8)
    for at in np.flatnonzero(differs).tolist():
        name = every.names[at]
        report.signals[name] = report.signals.get(name, 0) + 1
        if len(report.examples) < MOST_EXAMPLES:
            report.examples.append((row.message_id, name, float(logged[at]), float(computed[at])))
