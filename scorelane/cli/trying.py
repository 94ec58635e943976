"""One signal over labelled mail, in processes of their own: values, cost, and what went wrong."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scorelane.extract import open_all
from scorelane.mail import parse
from scorelane.scoring.training.corpus import extractor, received
from scorelane.signals import SignalSet, compute_chunk, signal_set
from scorelane.signals.backtest import Tried
from scorelane.signals.cost import measure
from scorelane.signals.declaration import DECLARED, Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from scorelane.scoring.training.corpus import Labelled
    from scorelane.signals import Signal

BATCH = 200
MEASURED = 50
"""Messages of a batch on which the cost is measured."""
MOST_FAULTS = 3
PROCESSES = 2


class Computed(NamedTuple):
    """The signal over all messages; `former` the same with its former code."""

    tried: Tried
    cost_us: float
    faults: list[str]
    former: Tried | None


class _Part(NamedTuple):
    values: npt.NDArray[np.float32]
    codes: npt.NDArray[np.uint8]
    others: npt.NDArray[np.float32]
    cost_us: float
    faults: list[str]
    former_values: npt.NDArray[np.float32] | None
    former_codes: npt.NDArray[np.uint8] | None


def chosen(messages: Iterable[Labelled], most: int, done: Callable[[int], None]) -> list[Labelled]:
    """At most so many of each source and class, any of them as likely as another, always the same ones."""
    kept: dict[tuple[str, str], list[Labelled]] = {}
    seen: dict[tuple[str, str], int] = {}
    draw = Random(0)  # noqa: S311 - a sample, no secret
    for count, one in enumerate(messages, 1):
        key = one.source, one.label
        held = kept.setdefault(key, [])
        seen[key] = seen.get(key, 0) + 1
        if len(held) < most:
            held.append(one)
        elif (at := draw.randrange(seen[key])) < most:
            held[at] = one
        done(count)
    return [one for key in sorted(kept) for one in sorted(kept[key], key=lambda m: m.member)]


def compute(
    signal: Signal, messages: list[Labelled], former: str | None, done: Callable[[int], None] = lambda _: None
) -> Computed:
    """The signal over messages, beside all others; with `former`, the source its module had, by that one, too."""
    batches = [messages[at : at + BATCH] for at in range(0, len(messages), BATCH)]
    parts: list[_Part] = []
    with ProcessPoolExecutor(min(PROCESSES, len(batches)), mp_context=get_context("spawn")) as pool:
        work = partial(_part, signal.name, signal.fn.__module__, former)
        for part in pool.map(work, batches):
            parts.append(part)
            done(sum(len(one.values) for one in parts))
    every = signal_set()
    tried = Tried(
        names=[one.member for one in messages],
        sources=np.array([one.source for one in messages], np.str_),
        labels=np.array([one.label for one in messages], np.str_),
        unwanted=np.array([one.unwanted for one in messages], np.bool_),
        values=np.concatenate([part.values for part in parts]),
        statuses=np.concatenate([part.codes for part in parts]),
        others=np.concatenate([part.others for part in parts]),
        other_names=[name for name in every.names if name != signal.name],
    )
    before = None
    if former is not None:
        before = tried._replace(
            values=np.concatenate([part.former_values for part in parts if part.former_values is not None]),
            statuses=np.concatenate([part.former_codes for part in parts if part.former_codes is not None]),
        )
    faults = list(dict.fromkeys(fault for part in parts for fault in part.faults))[:MOST_FAULTS]
    return Computed(tried, float(np.mean([part.cost_us for part in parts])), faults, before)


def _part(name: str, module: str, former: str | None, batch: list[Labelled]) -> _Part:
    opened = open_all([parse(one.raw, received_at=received(one.date)) for one in batch], extractor())
    every = signal_set()
    column = every.names.index(name)
    faults: list[str] = []

    def failed(step: str, fault: Exception) -> None:
        if step == name and len(faults) < MOST_FAULTS:
            faults.append(f"{type(fault).__name__}: {fault}")

    matrix, statuses = compute_chunk(opened, set_=every, on_failure=failed)
    codes = np.frombuffer(b"".join(statuses), np.uint8).reshape(len(batch), len(every))
    former_values = former_codes = None
    if former is not None:
        own, own_statuses = compute_chunk(opened, set_=_former_set(name, module, former))
        former_values = own[:, 0]
        former_codes = np.frombuffer(b"".join(own_statuses), np.uint8)
    cost_us = 0.0
    if not faults:
        measure(opened[:5], signal_set([name]))  # the first calls fill caches
        cost_us = next(one.mean_us for one in measure(opened[:MEASURED], signal_set([name])) if one.name == name)
    return _Part(
        matrix[:, column], codes[:, column], np.delete(matrix, column, axis=1), cost_us, faults,
        former_values, former_codes,
    )  # fmt: skip


@cache
def _former_set(name: str, module: str, source: str) -> SignalSet:
    """The signal as its module's former source declares it, over today's derived values and signals."""
    today = dict(DECLARED.signals), dict(DECLARED.derived)
    try:
        exec(compile(source, f"<{module} before>", "exec"), {"__name__": module})  # noqa: S102 - the author's own code
        former = DECLARED.signals[name]
    finally:
        DECLARED.signals, DECLARED.derived = today
    registry = Registry()
    registry.signals, registry.derived = {**DECLARED.signals, name: former}, DECLARED.derived
    return SignalSet([former], registry)
