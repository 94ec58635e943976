"""Vectors: values, missing values with their reasons, and nothing that a failing signal takes with it."""

# ruff: noqa: ARG001 - a parameter declares a dependency, used or not

from __future__ import annotations

import numpy as np
import pytest

from scorelane.signals import Missing, compute, compute_chunk, derived, signal, signal_set
from scorelane.signals.context import STATUSES, Directory, Fact, History
from scorelane.signals.declaration import Registry
from scorelane.signals.registry import SignalSet


@pytest.fixture
def registry():
    return Registry()


def set_of(registry):
    return SignalSet(tuple(registry.signals.values()), registry)


def read(registry, message="text", **context):  # noqa: ANN003 - context of `compute`
    failures = []
    found = compute(
        message, set_=set_of(registry), on_failure=lambda name, error: failures.append((name, repr(error))), **context
    )
    names = [STATUSES[code] for code in found.statuses]
    return found.values.tolist(), names, failures


def test_none_is_nan_and_absent(registry):
    @signal(version=1, registry=registry)
    def nothing(message):
        return None

    @signal(version=1, registry=registry)
    def something(message):
        return 2.5

    values, statuses, _ = read(registry)
    assert np.isnan(values[0])
    assert values[1] == 2.5
    assert statuses == ["absent", "ok"]


def test_a_failing_signal_is_failed_and_counted_and_the_others_stand(registry):
    @signal(version=1, registry=registry)
    def before(message):
        return 1.0

    @signal(version=1, registry=registry)
    def broken(message):
        return 1 / 0

    @signal(version=1, registry=registry)
    def after(message):
        return 3.0

    values, statuses, failures = read(registry)
    assert (values[0], values[2]) == (1, 3)
    assert statuses == ["ok", "failed", "ok"]
    assert failures == [("broken", "ZeroDivisionError('division by zero')")]


def test_what_needs_a_failed_value_is_failed_but_counted_once(registry):
    @derived(registry=registry)
    def shared(message):
        raise KeyError(message)

    @signal(version=1, registry=registry)
    def reader(shared):
        return 1.0

    _, statuses, failures = read(registry)
    assert statuses == ["failed"]
    assert [name for name, _ in failures] == ["shared"]


def test_a_failing_directory_value_fails_its_readers_only(registry):
    @derived(registry=registry)
    def people(directory):
        raise ValueError("bad directory")

    @signal(version=1, registry=registry)
    def reader(people):
        return 1.0

    @signal(version=1, registry=registry)
    def other(message):
        return 1.0

    _, statuses, failures = read(registry)
    assert statuses == ["failed", "ok"]
    assert failures == [("people", "ValueError('bad directory')")]


@pytest.mark.parametrize("odd", [float("inf"), 1e39, -float("inf"), "much", 10**400])
def test_what_is_no_finite_float32_is_failed(registry, odd):
    @signal(version=1, registry=registry)
    def strange(message):
        return odd

    values, statuses, failures = read(registry)
    assert np.isnan(values[0])
    assert statuses == ["failed"]
    assert failures[0][0] == "strange"


def test_a_missing_fact_says_why(registry):
    @signal(version=1, registry=registry)
    def slow(facts):
        return Missing.TIMEOUT

    @signal(version=1, registry=registry)
    def open_(facts):
        return Missing.BREAKER_OPEN

    assert read(registry, facts={})[1] == ["timeout", "breaker_open"]


def test_unknown_history_makes_its_signals_absent_without_calling_them(registry):
    @derived(registry=registry)
    def past(history):
        return history.address_count

    @signal(version=1, registry=registry)
    def count(past):
        return float(past)

    @signal(version=1, registry=registry)
    def other(message, count):
        return 0.0 if count is None else 1.0

    assert read(registry)[1] == ["absent", "ok"]
    assert read(registry, history=History(address_count=4))[0] == [4, 1]


def test_a_shared_value_is_computed_once_a_message(registry):
    calls = []

    @derived(registry=registry)
    def shared(message):
        calls.append(message)
        return 1.0

    @signal(version=1, registry=registry)
    def one(shared):
        return shared

    @signal(version=1, registry=registry)
    def two(shared, one):
        return shared + one

    assert read(registry, "m")[0] == [1, 2]
    assert calls == ["m"]


def test_what_needs_the_directory_alone_is_computed_once_a_chunk(registry):
    calls = []

    @derived(registry=registry)
    def size(directory):
        calls.append(directory)
        return float(len(directory.domains))

    @signal(version=1, registry=registry)
    def domains(size):
        return size

    chosen, directory = set_of(registry), Directory(domains=frozenset({"a.test"}))
    for _ in range(2):
        matrix, _ = compute_chunk(["a", "b", "c"], directory=directory, set_=chosen)
        assert matrix[:, 0].tolist() == [1, 1, 1]
    assert len(calls) == 1
    assert compute("a", set_=chosen).values.tolist() == [0]


def test_a_chunk_gives_the_same_bits_as_its_messages_alone(letter):
    messages = [letter(), letter(text="Please verify your account: https://evil.test/login"), letter(html="<p>Hi</p>")]
    pasts = [History(address_count=2), None, History()]
    facts = [None, {"url_listed": (Fact("1", "url_listed", "x", "timeout"),)}, {}]
    directory = Directory(domains=frozenset({"example.org"}))
    matrix, statuses = compute_chunk(messages, histories=pasts, facts=facts, directory=directory)
    assert matrix.dtype == np.float32
    assert matrix.shape == (3, len(signal_set()))
    for at, message in enumerate(messages):
        alone = compute(message, history=pasts[at], facts=facts[at], directory=directory)
        assert alone.values.tobytes() == matrix[at].tobytes()
        assert alone.statuses == statuses[at]
    url_listed = signal_set().names.index("url_listed")
    assert [STATUSES[row[url_listed]] for row in statuses] == ["absent", "timeout", "absent"]


def test_an_empty_chunk_is_an_empty_matrix():
    matrix, statuses = compute_chunk([])
    assert matrix.shape == (0, len(signal_set()))
    assert statuses == []
