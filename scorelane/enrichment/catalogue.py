"""The providers that are on, found by their files and made from settings."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from scorelane.enrichment import providers
from scorelane.enrichment.errors import Misconfigured
from scorelane.enrichment.provider import Provider, Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scorelane.enrichment.entities import Carried

MOST_OF_PROVIDER = 5
"""Most entities of one message that one provider is asked about."""
MOST_OF_MESSAGE = 24


@cache
def known_providers() -> Mapping[str, type[Provider]]:
    """Every provider class by name: those that the files of `providers` declare."""
    found: dict[str, type[Provider]] = {}
    for module in pkgutil.iter_modules(providers.__path__):
        for thing in vars(importlib.import_module(f"{providers.__name__}.{module.name}")).values():
            if isinstance(thing, type) and issubclass(thing, Provider) and hasattr(thing, "name"):
                found[thing.name] = thing
    return dict(sorted(found.items()))


class Catalogue:
    """Providers that are on. Empty unless settings turn some on; then nothing is ever wanted."""

    def __init__(self, active: Mapping[str, Provider]) -> None:
        self._active = dict(active)

    @classmethod
    def of(cls, settings: Mapping[str, Mapping[str, Any]]) -> Catalogue:
        """Providers by name with their options. Raises Misconfigured with one line that says what is wrong."""
        active: dict[str, Provider] = {}
        for name, options in settings.items():
            if name not in known_providers():
                raise Misconfigured(f"enrichment: no provider {name!r}; there are {', '.join(known_providers())}")
            kind = known_providers()[name]
            try:
                active[name] = kind(msgspec.convert(options, kind.Settings))
            except (msgspec.ValidationError, ValueError) as fault:
                raise Misconfigured(f"enrichment: {name}: {fault}") from fault
        return cls(active)

    def __bool__(self) -> bool:
        """Whether any provider is on."""
        return bool(self._active)

    def __iter__(self) -> Iterator[Provider]:
        """Providers in the settings' order."""
        return iter(self._active.values())

    def __getitem__(self, name: str) -> Provider:
        """The provider of a name. Raises KeyError for one that is off."""
        return self._active[name]

    def get(self, name: str) -> Provider | None:
        """The provider of a name, or None when it is off."""
        return self._active.get(name)

    def wanted(self, message: Carried) -> tuple[Request, ...]:
        """What to ask about a message: pure, each entity once a provider, bounded in number."""
        found: list[Request] = []
        for provider in self:
            entities = dict.fromkeys(entity for entity in provider.wants(message) if entity)
            found.extend(Request(provider.name, entity) for entity in list(entities)[:MOST_OF_PROVIDER])
        return tuple(found[:MOST_OF_MESSAGE])

    async def close(self) -> None:
        """Let go of every provider's connections."""
        for provider in self:
            await provider.close()
