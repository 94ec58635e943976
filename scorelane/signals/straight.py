"""A plan's steps as one Python function: a value is a local variable, a step one line.

Over four hundred small steps, looking each up and unpacking its arguments cost more than many of them compute.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BUILT_IN = frozenset({type(None), str, tuple, list, dict, frozenset, set, Counter})
"""Types whose empty values are all the same value, so that pure functions of one give the same results."""

LEAST = 4
"""Steps that are worth a question whether they can be left out."""


class Line(NamedTuple):
    """One step: which slot it fills from which others."""

    slot: int
    fn: Callable[..., object]
    needs: tuple[int, ...]


class Group(NamedTuple):
    """Steps that need nothing of a message but the value in one slot, so that an empty one settles them."""

    slot: int
    lines: tuple[Line, ...]


class Straight(NamedTuple):
    """`run(context, fixed, blank)` gives the wanted values; `blank(group number, value)` those of a group."""

    run: Callable[..., list[object]]
    groups: tuple[Group, ...]


def compile_lines(
    lines: Sequence[Line], width: int, context: Sequence[int], fixed: Sequence[int], may_open: frozenset[int]
) -> Straight:
    """One function for these steps, in their order.

    Args:
        lines: every step but those of the fixed slots.
        width: the first slots, which are wanted.
        context: slots that each call gives.
        fixed: slots that are the same for many calls.
        may_open: slots whose empty value may settle others.
    """
    writer = _Writer(frozenset(line.slot for line in lines) | {*context, *fixed}, frozenset(fixed), may_open)
    body = list(writer.block(lines, "    "))
    known = {line.slot for line in lines}
    source = "\n".join(
        [
            "def run(context, fixed, blank):",
            f"    {_targets(context)} = context",
            *([f"    {_targets(fixed)} = fixed"] if fixed else []),
            *body,
            f"    return [{', '.join(f'v{at}' if at in known else 'None' for at in range(width))}]",
        ]
    )
    names: dict[str, object] = {f"f{line.slot}": line.fn for line in lines} | {"BUILT_IN": BUILT_IN}
    exec(compile(source, "<signals>", "exec"), names)  # noqa: S102 - made of numbers alone
    run: Callable[..., list[object]] = names["run"]  # type: ignore[assignment] # as the source says
    return Straight(run, tuple(writer.groups))


class _Writer:
    """Source lines, and the groups that they ask about."""

    def __init__(self, known: frozenset[int], fixed: frozenset[int], may_open: frozenset[int]) -> None:
        self.known = known
        self.fixed = fixed
        self.may_open = may_open
        self.groups: list[Group] = []

    def block(self, lines: Sequence[Line], indent: str) -> Iterator[str]:
        done: set[int] = set()
        for at, line in enumerate(lines):
            if line.slot in done:
                continue
            arguments = ", ".join(f"v{need}" if need in self.known else "None" for need in line.needs)
            yield f"{indent}v{line.slot} = f{line.slot}({arguments})"
            settled = self._settled(line.slot, lines[at + 1 :]) if line.slot in self.may_open else []
            if len(settled) < LEAST:
                continue
            done.update(inner.slot for inner in settled)
            number = len(self.groups)
            self.groups.append(Group(line.slot, tuple(settled)))
            yield f"{indent}if v{line.slot} or type(v{line.slot}) not in BUILT_IN:"
            yield from self.block(settled, indent + "    ")
            yield f"{indent}else:"
            yield f"{indent}    {_targets([inner.slot for inner in settled])} = blank({number}, v{line.slot})"

    def _settled(self, slot: int, later: Sequence[Line]) -> list[Line]:
        """Later steps that need this slot and, beside it, only what is fixed or settled by it."""
        settled = {slot}
        found: list[Line] = []
        for line in later:
            own = [need for need in line.needs if need in self.known and need not in self.fixed]
            if own and settled.issuperset(own):
                settled.add(line.slot)
                found.append(line)
        return found


def _targets(slots: Sequence[int]) -> str:
    return f"({', '.join(f'v{slot}' for slot in slots)},)"


class Settled:
    """What the steps of each group give for empty values, computed when first met."""

    def __init__(self, groups: Sequence[Group], slots: Sequence[object]) -> None:
        """Keep the slots that are fixed."""
        self._groups = groups
        self._slots = slots
        self._known: dict[tuple[int, type], tuple[object, ...]] = {}

    def __call__(self, number: int, empty: object) -> tuple[object, ...]:
        """Values of the steps of a group where its slot holds this empty value. Raises what a step raises."""
        found = self._known.get((number, type(empty)))
        if found is None:
            group = self._groups[number]
            slots = list(self._slots)
            slots[group.slot] = empty
            for line in group.lines:
                slots[line.slot] = line.fn(*[slots[need] for need in line.needs])
            found = tuple([slots[line.slot] for line in group.lines])
            self._known[number, type(empty)] = found
        return found
