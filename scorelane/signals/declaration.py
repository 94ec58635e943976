"""How a signal is declared: `@signal` on a pure function, and `@derived` for what several share.

A parameter's name is a dependency: one of `CONTEXT`, a derived value's name or another signal's.
The module is the family: `scorelane.signals.identity.sender` belongs to `identity`.
"""

from __future__ import annotations

import enum
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from scorelane.signals.context import STATUSES
from scorelane.signals.errors import DuplicateName, SignalError

CONTEXT = ("message", "history", "facts", "directory", "lists")
"""Dependencies that the caller gives; `lists` are the reference lists."""

F = TypeVar("F", bound=Callable[..., object])


class Missing(enum.Enum):
    """Why there is no value, where it is not plainly absent (None). Returned by signals over facts."""

    TIMEOUT = STATUSES.index("timeout")
    NOT_FOUND = STATUSES.index("not_found")
    BREAKER_OPEN = STATUSES.index("breaker_open")
    FAILED = STATUSES.index("failed")


@dataclass(frozen=True, eq=False)
class Derived:
    """A pure function of the message whose value several signals read, computed once a message."""

    name: str
    fn: Callable[..., object]
    needs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Signal:
    """One named, versioned, pure function that gives one number of a vector."""

    name: str
    family: str
    version: int
    doc: str
    missing: str
    """When there is no value, in words; empty for a signal that always has one."""
    attacks: tuple[str, ...]
    """Attack categories that it helps to tell."""
    range: tuple[float, float]
    """Lowest and highest value, both included."""
    monotone: int
    """+1: more raises suspicion; -1: more lowers it; 0: not certain."""
    needs: tuple[str, ...]
    fn: Callable[..., object]

    @cached_property
    def hash(self) -> str:
        """Hex digest of all that determines the value: code, constants, lists, dependencies, parser."""
        from scorelane.signals.registry import full_hash  # noqa: PLC0415 - the registry reads signals

        return full_hash(self)


class Registry:
    """Declared signals and derived values by name."""

    def __init__(self) -> None:
        """Start empty."""
        self.signals: dict[str, Signal] = {}
        self.derived: dict[str, Derived] = {}

    def add(self, declared: Signal | Derived) -> None:
        """Register a declaration.

        Raises:
            DuplicateName: when another function has the name; the same function, reloaded, replaces.
        """
        old = self.signals.get(declared.name) or self.derived.get(declared.name)
        is_other = old is not None and (place(old.fn) != place(declared.fn) or type(old) is not type(declared))
        if declared.name in CONTEXT or is_other:
            where = "a context value" if old is None else place(old.fn)
            raise DuplicateName(f"{place(declared.fn)}: the name is taken by {where}; choose another")
        kind: dict[str, Signal] | dict[str, Derived]
        kind = self.signals if isinstance(declared, Signal) else self.derived
        kind[declared.name] = declared  # type: ignore[assignment] # the kind was chosen by its class


DECLARED = Registry()
"""Where the decorators put what they see, unless told otherwise."""


def place(fn: Callable[..., object]) -> str:
    """Module and name of a function, for error messages."""
    return f"{fn.__module__}.{fn.__qualname__}"


def signal(
    *,
    version: int,
    missing: str = "",
    attacks: tuple[str, ...] = (),
    range: tuple[float, float] = (0.0, 1.0),  # noqa: A002 - the field's word, part of the contract
    monotone: int = 0,
    registry: Registry = DECLARED,
) -> Callable[[F], F]:
    """Declare the decorated pure function as a signal; the function itself stays callable.

    Args:
        version: counts up with every change of meaning; the lock file holds it against the code.
        missing: when the function returns None, in words.
        attacks: categories that it helps to tell.
        range: lowest and highest value.
        monotone: +1 where more is surely worse, -1 where more is surely better, else 0.
        registry: where to declare; tests use their own.

    Raises:
        SignalError: when the declaration is malformed.
    """

    def declare(fn: F) -> F:
        low, high = range
        if version < 1 or monotone not in (-1, 0, 1) or not low < high or math.isnan(low + high):
            raise SignalError(f"{place(fn)}: version counts from 1, monotone is -1, 0 or 1, low < high")
        registry.add(
            Signal(
                name=fn.__name__,
                family=family_of(fn.__module__),
                version=version,
                doc=inspect.getdoc(fn) or "",
                missing=missing,
                attacks=attacks,
                range=(float(low), float(high)),
                monotone=monotone,
                needs=parameters(fn),
                fn=fn,
            )
        )
        return fn

    return declare


def derived(fn: F | None = None, *, registry: Registry = DECLARED) -> F:
    """Declare a shared intermediate value; used bare (`@derived`) or with a registry of its own."""
    if fn is None:
        return lambda inner: derived(inner, registry=registry)  # type: ignore[return-value]
    registry.add(Derived(fn.__name__, fn, parameters(fn)))
    return fn


def parameters(fn: Callable[..., object]) -> tuple[str, ...]:
    """Dependency names of a function, in order.

    Raises:
        SignalError: for parameters that cannot be given by position.
    """
    found = inspect.signature(fn).parameters.values()
    if any(p.kind is not p.POSITIONAL_OR_KEYWORD or p.default is not p.empty for p in found):
        raise SignalError(f"{place(fn)}: every parameter is a plain dependency name, without default")
    return tuple(p.name for p in found)


def family_of(module: str) -> str:
    """Family that a module belongs to: the name after `scorelane.signals`, else its last name."""
    prefix, _, rest = module.partition("scorelane.signals.")
    return rest.split(".", 1)[0] if not prefix and rest else module.rsplit(".", 1)[-1]
