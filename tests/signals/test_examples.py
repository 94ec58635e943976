"""Every signal speaks where it should and rests where it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorelane.signals import all_signals


def test_a_signal_speaks_on_one_message_and_rests_on_another(example, value):
    name, speaks, gives, rests, gives_at_rest = example
    assert gives != gives_at_rest, "the two messages must tell something apart"
    for spec, expected in ((speaks, gives), (rests, gives_at_rest)):
        found = value(name, **spec)
        assert found == (None if expected is None else pytest.approx(expected, rel=1e-4))


def test_every_signal_has_an_example_or_a_test_of_its_own(all_examples):
    shown = {row[0] for row in all_examples}
    own = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert [signal.name for signal in all_signals() if signal.name not in shown | own] == []


def test_no_example_names_a_signal_that_is_gone(all_examples):
    known = {signal.name for signal in all_signals()}
    assert [row[0] for row in all_examples if row[0] not in known] == []
