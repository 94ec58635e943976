"""Which signals there are, in which order, and the sets of them that vectors and bundles name."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from functools import cache, cached_property
from typing import TYPE_CHECKING

from scorelane.signals.declaration import CONTEXT, DECLARED, Registry, Signal
from scorelane.signals.errors import UnknownSignal
from scorelane.signals.hashing import code_hash, parser_digest
from scorelane.signals.plan import OPTIONAL, Plan, declared, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FAMILIES = ("attachments", "auth", "content", "enriched", "history", "identity", "route", "urls")


class SignalSet:
    """An ordered list of signals with one hash: the columns of a vector."""

    def __init__(self, signals: Sequence[Signal], registry: Registry = DECLARED) -> None:
        """Take the signals in the order of the vector."""
        self.signals = tuple(signals)
        self.names = tuple(signal.name for signal in signals)
        self.versions = tuple(signal.version for signal in signals)
        self.registry = registry
        self._plans: dict[tuple[bool, ...], Plan] = {}

    def __len__(self) -> int:
        """Width of the vector."""
        return len(self.signals)

    def __repr__(self) -> str:
        """Count and short hash."""
        return f"SignalSet({len(self)} signals, {self.hash[:12]})"

    @cached_property
    def hash(self) -> str:
        """Hex digest of names, versions and code hashes in order."""
        rows = (f"{s.name} {s.version} {full_hash(s, self.registry)}" for s in self.signals)
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    @cached_property
    def context_free(self) -> frozenset[str]:
        """Names of the signals that reach neither history, facts nor directory: raw mail alone gives them."""
        return frozenset(
            name for name in self.names if self.read_by(name).isdisjoint(("history", "facts", "directory"))
        )

    @cached_property
    def reads_lists(self) -> bool:
        """Whether any of the signals reaches the reference lists."""
        return any("lists" in self.read_by(name) for name in self.names)

    def read_by(self, name: str) -> frozenset[str]:
        """What one signal reaches: context, derived values and other signals, however far away."""
        reached = resolve([name], self.registry)
        return frozenset(need for one in reached for need in declared(one, self.registry).needs)

    def plan(self, *, has_history: bool, has_facts: bool) -> Plan:
        """The evaluation plan where this optional context is known or not; compiled once."""
        known = has_history, has_facts
        if known not in self._plans:
            absent = frozenset(name for name, is_known in zip(OPTIONAL, known, strict=True) if not is_known)
            self._plans[known] = Plan(self.signals, self.registry, absent)
        return self._plans[known]


def own_hash(signal: Signal, registry: Registry = DECLARED) -> str:
    """Hex digest of a signal's own code and range, and the code of all it needs; not the parser."""
    names = [name for name in resolve([signal.name], registry) if name not in CONTEXT]
    rows = [f"{name} {code_hash(declared(name, registry).fn)}" for name in sorted(names)]
    rows.append(f"range {signal.range[0]} {signal.range[1]}")
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def full_hash(signal: Signal, registry: Registry = DECLARED) -> str:
    """Hex digest of all that determines a signal's value: `own_hash` and the parser's versions."""
    return hashlib.sha256(f"{own_hash(signal, registry)} {parser_digest()}".encode()).hexdigest()


@cache
def all_signals() -> tuple[Signal, ...]:
    """Every shipped signal, by family, then module, then place in it."""
    for family in FAMILIES:
        package = importlib.import_module(f"scorelane.signals.{family}")
        for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
            importlib.import_module(f"{package.__name__}.{module.name}")
    shipped = (s for s in DECLARED.signals.values() if s.fn.__module__.startswith("scorelane."))
    return tuple(sorted(shipped, key=_order))


def _order(signal: Signal) -> tuple[str, str, int]:
    return signal.family, signal.fn.__module__, signal.fn.__code__.co_firstlineno


@cache
def _named_set(names: tuple[str, ...]) -> SignalSet:
    known = {signal.name: signal for signal in all_signals()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UnknownSignal(
            f"no signal is called {', '.join(map(repr, unknown))}; the bundle that names it needs "
            "another version of Scorelane"
        )
    return SignalSet([known[name] for name in names])


@cache
def whole_set() -> SignalSet:
    """The set of every signal."""
    return _named_set(tuple(signal.name for signal in all_signals()))


def signal_set(names: Iterable[str] | None = None) -> SignalSet:
    """The set of these names in this order, or of every signal; the same object for the same names.

    Raises:
        UnknownSignal: when a name is not registered.
    """
    return whole_set() if names is None else _named_set(tuple(names))
