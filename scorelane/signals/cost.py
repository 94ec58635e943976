"""What each signal costs, measured: for the table of `make bench` and `scorelane signals list`."""

from __future__ import annotations

from collections import Counter
from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple

from scorelane.signals.context import Directory, History
from scorelane.signals.reference import shipped_lists
from scorelane.signals.registry import SignalSet, signal_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scorelane.mail.message import Message

NS_PER_US = 1_000.0


class Cost(NamedTuple):
    """Time of one signal or shared value, without what it needs."""

    name: str
    is_signal: bool
    mean_us: float
    worst_us: float


def measure(messages: Sequence[Message], set_: SignalSet | None = None) -> list[Cost]:
    """Cost of every step of a set over some messages, dearest first. Includes about 0.1 us of the clock."""
    wanted = signal_set() if set_ is None else set_
    plan = wanted.plan(has_history=True, has_facts=True)
    start = plan.start(Directory(), shipped_lists(), lambda _name, _error: None)
    total: Counter[str] = Counter()
    worst: Counter[str] = Counter()
    for message in messages:
        for name, spent_ns in plan.timed(start, message, History(), {}, perf_counter_ns):
            total[name] += spent_ns
            worst[name] = max(worst[name], spent_ns)
    names = set(wanted.names)
    return [
        Cost(name, name in names, spent_ns / len(messages) / NS_PER_US, worst[name] / NS_PER_US)
        for name, spent_ns in total.most_common()
    ]
