"""The interface of a provider: a typed request, typed facts, and what it costs to ask.

A provider is a class in a file of its own in `scorelane.enrichment.providers`; nothing else names it. It is on when
the settings give it a table of options, and it knows nothing of queues, retries or storage.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scorelane.enrichment.entities import Carried

DAY_S = 86_400.0


class Request(NamedTuple):
    """What is asked of whom. Two messages with one entity make one request."""

    provider: str
    entity: str


class Finding(msgspec.Struct, frozen=True):
    """One fact that a provider brings of an entity."""

    kind: str
    value: float | None = None
    status: str = "ok"
    """`ok`, or `not_found` where the provider knows that there is nothing."""
    body: Mapping[str, Any] | None = None
    """What a person may want to see beside the number; JSON."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an operator may set of any provider. Subclasses add their own and change defaults."""

    rate_per_s: float = 20.0
    """Lookups a second that all workers together may ask of this provider."""
    burst: int = 20
    registry_rate_per_s: float | None = None
    """The same of each registry behind the provider; None where it has none."""
    registry_burst: int = 5
    timeout_s: float = 5.0
    fresh_s: float = DAY_S
    """How long an answer is as good as new."""
    stale_s: float = 7 * DAY_S
    """How long after that it is still used while it is asked again."""
    negative_s: float = DAY_S / 24
    """How long `not_found` is as good as new."""

    def __post_init__(self) -> None:
        for name in ("rate_per_s", "timeout_s", "fresh_s", "negative_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0")
        if self.burst < 1 or self.registry_burst < 1:
            raise ValueError("a burst is at least 1")


class Provider(ABC):
    """Answers about one kind of entity. Lookups run concurrently in one event loop."""

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]
    """Every kind of fact that one lookup brings."""
    cost: float = 1.0
    """Tokens that a lookup takes from the provider's bucket."""
    Settings: ClassVar[type[Options]] = Options

    def __init__(self, options: Options) -> None:
        self.options = options

    @abstractmethod
    def wants(self, message: Carried) -> Iterable[str]:
        """Entities of a message to ask about, the most telling first. Pure; the catalogue bounds their number."""

    def registry(self, entity: str) -> str:  # noqa: ARG002 - for those that have several
        """Who answers about the entity, where there are several: the failures of one are not the provider's."""
        return ""

    @abstractmethod
    async def look_up(self, entity: str) -> tuple[Finding, ...]:
        """Facts of the entity, at most one a kind.

        Raises Unavailable (asked again later), Blocked (the provider does not serve us) or Rejected (never again).
        """

    async def close(self) -> None:  # noqa: B027 - most keep nothing open
        """Let go of connections; the loop ends."""
