"""One signal over stored mail of a tenant, before anything of it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import numpy as np

from db import parity
from scorelane.signals import SignalSet, signal_set
from scorelane.signals.backtest import Tried
from scorelane.signals.columns import aligned
from tasks.replaying import replay

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from db.parity import Logged
    from scorelane.signals import Signal
    from scorelane.signals.plan import OnFailure
    from tasks.session import Session

PAGE = 256
UNWANTED_LABELS = ("attack", "spam")
_LAST = UUID(int=2**128 - 1)


class Span(NamedTuple):
    """Which messages of a tenant: the newest `most` that were received in [since, until)."""

    tenant_id: int
    most: int
    since: datetime | None = None
    until: datetime | None = None


class StoredTrial(NamedTuple):
    """What was tried, whether labels say the class (else verdicts do), and the values logged before."""

    tried: Tried
    is_labelled: bool
    logged: dict[int, np.ndarray]
    """By version that stored vectors hold of the signal: its values, NaN where a vector has another version."""


def run(
    session: Session, signal: Signal, span: Span, *, on_failure: OnFailure, done: Callable[[int], None] = lambda _: None
) -> StoredTrial:
    """Compute the signal over stored mail with stored context; the other signals come from stored vectors.

    Where any of the messages has a label, only labelled ones count; else the current verdict stands in for it.
    """
    set_ = signal_set([signal.name])
    rows: list[Logged] = []
    values: list[np.ndarray] = []
    statuses: list[bytes] = []
    before = _LAST
    while len(rows) < span.most:
        page = parity.newest(
            session.connection(), span.tenant_id, before, min(PAGE, span.most - len(rows)),
            since=span.since, until=span.until,
        )  # fmt: skip
        if not page:
            break
        before = page[-1].message_id
        matrix, codes = replay(session, page, set_, on_failure=on_failure)
        rows += [row._replace(content=None, envelope=None) for row in page]
        values.append(matrix[:, 0])
        statuses += codes
        done(len(rows))
    return _gathered(session, signal, rows, np.concatenate(values) if values else np.empty(0, np.float32), statuses)


def _gathered(
    session: Session, signal: Signal, rows: list[Logged], values: np.ndarray, statuses: list[bytes]
) -> StoredTrial:
    is_labelled = any(row.label is not None for row in rows)
    kept = [at for at, row in enumerate(rows) if row.label is not None or not is_labelled]
    chosen = [rows[at] for at in kept]
    others = SignalSet([one for one in signal_set().signals if one.name != signal.name])
    held, _ = aligned(
        [row.signal_set for row in chosen], [row.vector for row in chosen], [row.statuses for row in chosen],
        others, session.columns,
    )  # fmt: skip
    labels = [row.label or row.verdict or "" for row in chosen]
    unwanted = [label in UNWANTED_LABELS if is_labelled else label != "clean" for label in labels]
    tried = Tried(
        names=[str(row.message_id) for row in chosen],
        sources=np.array([row.mailbox for row in chosen], np.str_),
        labels=np.array(labels, np.str_),
        unwanted=np.array(unwanted, np.bool_),
        values=values[kept],
        statuses=np.array([statuses[at][0] for at in kept], np.uint8),
        others=held,
        other_names=others.names,
    )
    return StoredTrial(tried, is_labelled, _logged(session, signal, chosen))


def _logged(session: Session, signal: Signal, rows: list[Logged]) -> dict[int, np.ndarray]:
    found: dict[int, np.ndarray] = {}
    for at, row in enumerate(rows):
        names, versions = session.columns(row.signal_set)
        if names is None or signal.name not in names:
            continue
        column = names.index(signal.name)
        of_version = found.setdefault(versions[column], np.full(len(rows), np.nan, np.float32))
        of_version[at] = np.frombuffer(row.vector, "<f4")[column]
    return found
