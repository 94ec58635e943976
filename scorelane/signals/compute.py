"""From messages and their context to vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scorelane.signals.context import STATUSES, Directory, Fact, History
from scorelane.signals.declaration import Missing
from scorelane.signals.reference import Lists, shipped_lists
from scorelane.signals.registry import SignalSet, whole_set

if TYPE_CHECKING:
    from scorelane.mail.message import Message
    from scorelane.signals.plan import OnFailure, Start

OK = STATUSES.index("ok")
ABSENT = STATUSES.index("absent")
FAILED = STATUSES.index("failed")

Facts = Mapping[str, tuple[Fact, ...]]
"""Facts of a message by kind."""


class Computed(NamedTuple):
    """A vector with the reason for each value that it lacks."""

    values: np.ndarray
    """float32, one a signal of the set, NaN where missing."""
    statuses: bytes
    """One byte a signal: an index into STATUSES."""


def _ignore(_name: str, _error: Exception) -> None:
    """Failures are in the statuses already; a caller who counts them gives its own function."""


def compute(
    message: Message,
    *,
    history: History | None = None,
    facts: Facts | None = None,
    directory: Directory = Directory(),  # noqa: B008 - frozen
    set_: SignalSet | None = None,
    lists: Lists | None = None,
    on_failure: OnFailure = _ignore,
) -> Computed:
    """Vector of one message. Never raises: a signal that fails is NaN with status `failed`.

    Args:
        message: as parsed.
        history: what earlier sightings say; None where unknown (signals over it are absent).
        facts: what enrichment said, by kind; None before enrichment.
        directory: what the tenant says of itself.
        set_: the wanted signals; all of them unless given.
        lists: an operator's reference lists; the shipped ones unless given.
        on_failure: told the name and the exception of each signal or derived value that failed.
    """
    matrix, statuses = compute_chunk(
        (message,),
        histories=(history,),
        facts=(facts,),
        directory=directory,
        set_=set_,
        lists=lists,
        on_failure=on_failure,
    )
    return Computed(matrix[0], statuses[0])


def compute_chunk(
    messages: Sequence[Message],
    *,
    histories: Sequence[History | None] | None = None,
    facts: Sequence[Facts | None] | None = None,
    directory: Directory = Directory(),  # noqa: B008 - frozen
    set_: SignalSet | None = None,
    lists: Lists | None = None,
    on_failure: OnFailure = _ignore,
) -> tuple[np.ndarray, list[bytes]]:
    """Matrix float32 (messages, signals) and the statuses of each row; arguments as in `compute`.

    A chunk is of one tenant, so it has one directory. A row is bit-equal to that of `compute`.
    """
    wanted = whole_set() if set_ is None else set_
    lists = shipped_lists() if lists is None else lists
    rows: list[list[object]] = []
    starts: dict[int, Start] = {}
    for at, message in enumerate(messages):
        history = histories[at] if histories is not None else None
        known = facts[at] if facts is not None else None
        plan = wanted.plan(has_history=history is not None, has_facts=known is not None)
        start = starts.get(id(plan))
        if start is None:
            start = starts[id(plan)] = plan.start(directory, lists, on_failure)
        rows.append(plan.run(start, message, history, known, on_failure))
    return _filled(rows, wanted.names, on_failure)


def _filled(
    rows: Sequence[list[object]], names: Sequence[str], on_failure: OnFailure
) -> tuple[np.ndarray, list[bytes]]:
    """The matrix and the statuses of each row: at once where there are only numbers and None."""
    try:
        wide = np.array(rows, np.float64).reshape(len(rows), len(names))  # None becomes NaN
    except (TypeError, ValueError, OverflowError):
        pass
    else:
        if not (np.abs(wide) > FLOAT32_MAX).any():
            missing = np.isnan(wide).tobytes()  # False is `ok`, True is `absent`
            width = len(names)
            return wide.astype(np.float32), [missing[at * width : (at + 1) * width] for at in range(len(rows))]
    matrix = np.empty((len(rows), len(names)), np.float32)
    return matrix, [_fill(matrix[at], values, names, on_failure) for at, values in enumerate(rows)]


def _fill(row: np.ndarray, values: list[object], names: Sequence[str], on_failure: OnFailure) -> bytes:
    """Write numbers into a row, NaN for the rest; gives the statuses."""
    statuses = bytearray(len(values))
    for at, value in enumerate(values):
        row[at] = np.nan
        if value is None or value != value:  # noqa: PLR0124 - NaN is absent, too
            statuses[at] = ABSENT
        elif isinstance(value, Missing):
            statuses[at] = value.value
        elif isinstance(value, (int, float)) and abs(value) < FLOAT32_MAX:
            row[at] = value
        else:
            statuses[at] = FAILED
            on_failure(names[at], ValueError(f"gave {type(value).__name__}, not a finite number"))
    return bytes(statuses)


FLOAT32_MAX = float(np.finfo(np.float32).max)
assert (OK, ABSENT) == (0, 1), "statuses of a row come straight from its NaNs"
