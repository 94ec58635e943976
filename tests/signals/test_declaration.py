"""Declaring signals, resolving what they need, and refusing what cannot stand."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scorelane.signals.declaration import Registry, derived, family_of, signal
from scorelane.signals.errors import DependencyCycle, DuplicateName, SignalError, UnknownDependency, UnknownSignal
from scorelane.signals.plan import resolve
from scorelane.signals.registry import FAMILIES, SignalSet, all_signals, signal_set


@pytest.fixture
def registry():
    return Registry()


def test_a_dependency_comes_before_what_needs_it(registry):
    @signal(version=1, registry=registry)
    def last(first, middle): ...

    @derived(registry=registry)
    def middle(first): ...

    @derived(registry=registry)
    def first(message): ...

    assert resolve(["last"], registry) == ["first", "middle", "last"]


def test_a_cycle_is_refused_and_named(registry):
    @signal(version=1, registry=registry)
    def hen(egg): ...

    @signal(version=1, registry=registry)
    def egg(hen): ...

    with pytest.raises(DependencyCycle, match="hen -> egg -> hen"):
        resolve(["hen"], registry)


def test_an_unknown_parameter_is_refused_with_its_place(registry):
    @signal(version=1, registry=registry)
    def lonely(mesage): ...

    with pytest.raises(UnknownDependency, match="lonely: parameter 'mesage'"):
        resolve(["lonely"], registry)


def test_two_functions_may_not_share_a_name(registry):
    @signal(version=1, registry=registry)
    def twin(message): ...

    with pytest.raises(DuplicateName, match="the name is taken by"):

        @derived(registry=registry)
        def twin(message): ...


def test_a_context_name_is_not_free(registry):
    with pytest.raises(DuplicateName, match="a context value"):

        @derived(registry=registry)
        def history(message): ...


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 0},
        {"version": 1, "monotone": 2},
        {"version": 1, "range": (1, 1)},
        {"version": 1, "range": (0, float("nan"))},
    ],
)
def test_a_malformed_declaration_is_refused(registry, wrong):
    with pytest.raises(SignalError):

        @signal(**wrong, registry=registry)
        def odd(message): ...


def test_a_parameter_with_a_default_is_refused(registry):
    with pytest.raises(SignalError, match="without default"):

        @signal(version=1, registry=registry)
        def odd(message, limit=3): ...


def test_the_function_itself_stays_callable(registry):
    @signal(version=3, missing="never", registry=registry)
    def plain(message):
        """Length."""
        return float(len(message))

    assert plain("abc") == 3
    declared = registry.signals["plain"]
    assert (declared.version, declared.missing, declared.doc, declared.needs) == (3, "never", "Length.", ("message",))


def test_the_module_is_the_family():
    assert family_of("scorelane.signals.identity.sender") == "identity"
    assert {signal.family for signal in all_signals()} == set(FAMILIES)


def test_a_set_keeps_the_order_asked_for_and_hashes_it():
    forth, back = signal_set(["html_only", "size_log"]), signal_set(["size_log", "html_only"])
    assert (forth.names, back.names) == (("html_only", "size_log"), ("size_log", "html_only"))
    assert forth.hash != back.hash
    assert signal_set(["html_only", "size_log"]) is forth
    assert len(signal_set()) == len(all_signals())


def test_a_name_that_is_not_there_is_said():
    with pytest.raises(UnknownSignal, match="'sizelog'"):
        signal_set(["sizelog"])


def test_all_signals_come_in_one_order_grouped_by_family():
    families = [signal.family for signal in all_signals()]
    assert families == sorted(families)
    assert len(families) >= 120
    assert isinstance(signal_set(), SignalSet)


def test_the_decorator_keeps_its_name_whatever_is_imported_first():
    script = "import scorelane.signals.derived.texts; from scorelane.signals import derived; assert callable(derived)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
