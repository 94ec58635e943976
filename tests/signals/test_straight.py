"""Steps left out because an empty value settles them give what they would have given."""

from __future__ import annotations

from scorelane.mail import parse
from scorelane.sample import sample_mailbox
from scorelane.signals import signal_set
from scorelane.signals.context import Directory, History
from scorelane.signals.reference import shipped_lists
from scorelane.signals.straight import Line, Settled, compile_lines


def straight(lines, *, width, fixed=()):
    found = compile_lines(lines, width=width, context=[10], fixed=[11, *fixed], may_open=frozenset({0}))
    return found, Settled(found.groups, [None] * 20)


def counting(calls, fn):
    def step(*values):  # noqa: ANN002 - whatever a step needs
        calls.append(values)
        return fn(*values)

    return step


def lines_over(files, calls):
    names = [Line(at, counting(calls, len), (0,)) for at in range(1, 5)]
    return [Line(0, files, (10,)), *names]


def test_an_empty_value_settles_its_steps_once():
    calls = []
    compiled, settled = straight(lines_over(tuple, calls), width=5)
    for _ in range(3):
        assert compiled.run(("",), (None,), settled) == [(), 0, 0, 0, 0]
    assert calls == [((),)] * 4
    assert compiled.run(("ab",), (None,), settled) == [("a", "b"), 2, 2, 2, 2]


def test_empty_values_of_two_types_are_two_values():
    lines = [Line(0, lambda message: None if message is None else [], (10,))]
    lines += [Line(at, lambda found: found is None, (0,)) for at in range(1, 5)]
    compiled, settled = straight(lines, width=5)
    assert compiled.run((None,), (None,), settled)[1:] == [True] * 4
    assert compiled.run(("",), (None,), settled)[1:] == [False] * 4


def test_a_false_value_of_another_type_settles_nothing():
    class Silent:
        def __init__(self, word) -> None:
            self.word = word

        def __bool__(self) -> bool:
            return False

    lines = [Line(0, Silent, (10,)), *(Line(at, lambda found: found.word, (0,)) for at in range(1, 5))]
    compiled, settled = straight(lines, width=5)
    assert [compiled.run((word,), (None,), settled)[1] for word in "ab"] == ["a", "b"]


def test_steps_that_need_more_than_the_empty_value_are_computed():
    calls = []
    lines = [*lines_over(tuple, calls), Line(5, lambda found, message: (found, message), (0, 10))]
    compiled, settled = straight(lines, width=6)
    assert [compiled.run((message,), (None,), settled)[5] for message in ("", ())] == [((), ""), ((), ())]


def test_the_function_gives_what_its_steps_give_one_by_one():
    plan = signal_set().plan(has_history=True, has_facts=True)
    start = plan.start(Directory(), shipped_lists(), print)
    for one in sample_mailbox(3, 150):
        message = parse(one.raw)
        slots = list(start.slots)
        for name, value in (("message", message), ("history", History()), ("facts", {})):
            slots[plan.slots[name]] = value
        for fn, only, many, slot in plan.steps:
            slots[slot] = fn(slots[only]) if only >= 0 else fn(*many(slots))
        assert plan.run(start, message, History(), {}, print) == slots[: plan.width]
