"""From declarations to an evaluation plan: a flat list of steps that runs once a message.

Overhead matters: a vector has over a hundred signals, and a message has half a millisecond for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from scorelane.signals.declaration import CONTEXT, Derived, Missing, Registry, Signal, place
from scorelane.signals.errors import DependencyCycle, UnknownDependency
from scorelane.signals.straight import Line, Settled, compile_lines

if TYPE_CHECKING:
    from scorelane.mail.message import Message
    from scorelane.signals.context import Directory, Fact, History
    from scorelane.signals.reference import Lists

FIXED = frozenset({"directory", "lists"})
"""Context that is the same for a whole chunk: what needs nothing else is computed once a chunk."""

OPTIONAL = ("history", "facts")
"""Context that may be unknown (None): all that needs it directly, or through derived values, is absent."""

PER_MESSAGE = ("message", "history", "facts")
"""The context that each message brings, in the order of `CONTEXT`."""

OnFailure = Callable[[str, Exception], None]


class Step(NamedTuple):
    """Call `fn` with one slot, or with several, and keep the result in a slot."""

    fn: Callable[..., object]
    only: int
    """The slot of the one argument; -1 when `many` picks several."""
    many: Callable[[Sequence[object]], tuple[object, ...]]
    slot: int


class Start(NamedTuple):
    """What many messages share."""

    slots: list[object]
    """All slots, those of a message empty."""
    fixed: tuple[object, ...]
    settled: Settled
    has_failed: bool
    """Something fixed could not be computed, so that each step must ask for its needs."""


class Plan:
    """Steps in an order in which every dependency comes first."""

    def __init__(self, signals: Sequence[Signal], registry: Registry, absent: frozenset[str]) -> None:
        """Compile the signals, and all that they need, with some optional context absent."""
        order = resolve([signal.name for signal in signals], registry)
        without = self._without(order, registry, absent)
        # Wanted signals come first, in vector order, so that the vector is one slice of the slots.
        wanted = [signal.name for signal in signals]
        rest = [name for name in order if name not in set(wanted)]
        self.slots = {name: at for at, name in enumerate((*wanted, *rest, *CONTEXT))}
        self.width = len(wanted)
        self.names = wanted
        self._context_at = [self.slots[name] for name in CONTEXT]
        fixed = self._fixed(order, registry)
        self.fixed_steps = [self._step(name, registry) for name in order if name in fixed]
        self._started: tuple[Directory, Lists, Start] | None = None
        self.steps = [self._step(name, registry) for name in order if name not in fixed and name not in without]
        self._needs = {self.slots[name]: [self.slots[n] for n in declared(name, registry).needs] for name in order}
        self._name_of = {at: name for name, at in self.slots.items()}
        self._fixed_at = [*(step.slot for step in self.fixed_steps), self.slots["directory"], self.slots["lists"]]
        self._straight = compile_lines(
            [Line(step.slot, step.fn, tuple(self._needs[step.slot])) for step in self.steps],
            width=self.width,
            context=self._context_at[: len(PER_MESSAGE)],
            fixed=self._fixed_at,
            may_open=frozenset(self.slots[name] for name in order if name in registry.derived),
        )

    @staticmethod
    def _without(order: Sequence[str], registry: Registry, absent: frozenset[str]) -> set[str]:
        out: set[str] = set()
        for name in order:
            lost = absent.union(gone for gone in out if gone in registry.derived)
            if not lost.isdisjoint(declared(name, registry).needs):
                out.add(name)
        return out

    @staticmethod
    def _fixed(order: Sequence[str], registry: Registry) -> set[str]:
        out: set[str] = set()
        for name in order:
            needs = declared(name, registry).needs
            if name in registry.derived and all(n in FIXED or n in out for n in needs):
                out.add(name)
        return out

    def _step(self, name: str, registry: Registry) -> Step:
        item = declared(name, registry)
        at = [self.slots[need] for need in item.needs]
        if len(at) == 1:
            return Step(item.fn, at[0], _nothing, self.slots[name])
        many: Callable[[Sequence[object]], tuple[object, ...]] = itemgetter(*at) if at else _nothing
        return Step(item.fn, -1, many, self.slots[name])

    def start(self, directory: Directory, lists: Lists, on_failure: OnFailure) -> Start:
        """What is fixed for a chunk, computed.

        Kept for the next chunk with the same directory and lists.
        """
        kept = self._started
        if kept is not None and kept[1] is lists and (kept[0] is directory or kept[0] == directory):
            return kept[2]
        slots: list[object] = [None] * len(self.slots)
        slots[self.slots["directory"]] = directory
        slots[self.slots["lists"]] = lists
        self._run_carefully(self.fixed_steps, slots, on_failure)
        has_failed = any(slots[slot] is Missing.FAILED for slot in self._fixed_at)
        fixed = tuple([slots[slot] for slot in self._fixed_at])
        start = Start(slots, fixed, Settled(self._straight.groups, slots), has_failed)
        self._started = (directory, lists, start)
        return start

    def run(
        self,
        start: Start,
        message: Message,
        history: History | None,
        facts: Mapping[str, tuple[Fact, ...]] | None,
        on_failure: OnFailure,
    ) -> list[object]:
        """Values of the wanted signals in order: a number, None, or a `Missing`. Never raises."""
        if not start.has_failed:
            try:
                return self._straight.run((message, history, facts), start.fixed, start.settled)
            except Exception:  # noqa: BLE001, S110 - one failing signal must not take the others with it
                pass  # all steps are pure, so the careful way may begin again
        slots = list(start.slots)
        for at, value in zip(self._context_at, (message, history, facts), strict=False):
            slots[at] = value
        self._run_carefully(self.steps, slots, on_failure)
        return slots[: self.width]

    def timed(
        self,
        start: Start,
        message: Message,
        history: History,
        facts: Mapping[str, tuple[Fact, ...]],
        clock_ns: Callable[[], int],
    ) -> Iterator[tuple[str, int]]:
        """Run step by step; gives each name with the nanoseconds it took. Raises what a step raises."""
        slots = list(start.slots)
        for at, value in zip(self._context_at, (message, history, facts), strict=False):
            slots[at] = value
        for fn, only, many, slot in self.steps:
            before = clock_ns()
            slots[slot] = fn(slots[only]) if only >= 0 else fn(*many(slots))
            yield self._name_of[slot], clock_ns() - before

    def _run_carefully(self, steps: Sequence[Step], slots: list[object], on_failure: OnFailure) -> None:
        for fn, only, many, slot in steps:
            if any(slots[need] is Missing.FAILED for need in self._needs[slot]):
                slots[slot] = Missing.FAILED
                continue
            try:
                slots[slot] = fn(slots[only]) if only >= 0 else fn(*many(slots))
            except Exception as error:  # noqa: BLE001 - becomes a status and a metric
                slots[slot] = Missing.FAILED
                on_failure(self._name_of[slot], error)


def _nothing(_slots: Sequence[object]) -> tuple[object, ...]:
    return ()


def declared(name: str, registry: Registry) -> Signal | Derived:
    """The declaration of a name that `resolve` returned."""
    return registry.signals.get(name) or registry.derived[name]


def resolve(names: Sequence[str], registry: Registry) -> list[str]:
    """Names with all that they need, each after its own needs.

    Raises:
        UnknownDependency: naming the function and the parameter.
        DependencyCycle: naming the way round.
    """
    order: dict[str, None] = {}
    path: list[str] = []

    def visit(name: str, asked_by: str) -> None:
        if name in order or name in CONTEXT:
            return
        if name in path:
            way = " -> ".join([*path[path.index(name) :], name])
            raise DependencyCycle(f"these need each other: {way}; break the circle with a derived value")
        item = registry.signals.get(name) or registry.derived.get(name)
        if item is None:
            known = ", ".join(CONTEXT)
            raise UnknownDependency(
                f"{asked_by}: parameter {name!r} is neither context ({known}), nor a derived value, "
                "nor a signal; is it misspelt, or its module not imported?"
            )
        path.append(name)
        for need in item.needs:
            visit(need, place(item.fn))
        path.pop()
        order[name] = None

    for name in names:
        visit(name, "the signal set")
    return list(order)
