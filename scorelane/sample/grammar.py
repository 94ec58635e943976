"""A small grammar of texts: ``{this|that}`` picks one, ``<name>`` puts a value in its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

_CHOICE = re.compile(r"\{([^{}]*)\}")
_SLOT = re.compile(r"<([a-z_0-9]+)>")
_START = re.compile(r"((?:^|[.!?]\s+))([a-z])")


def say(
    rng: Random,
    template: str,
    slots: Mapping[str, str | Sequence[str] | Callable[[], str]] | None = None,
) -> str:
    """One sentence of the template's language. A slot is a text, a list to pick of, or a call.

    Raises KeyError for a slot that is not given.
    """
    values = slots or {}

    def fill(match: re.Match[str]) -> str:
        value = values[match[1]]
        if callable(value):
            return value()
        if isinstance(value, str):
            return value
        return rng.choice(value)

    for _ in range(8):
        before = template
        while _CHOICE.search(template):
            template = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), template)
        template = _SLOT.sub(fill, template)
        if template == before:
            break
    return template


def capitalised(text: str) -> str:
    """The text with a capital at the start of each sentence."""
    return _START.sub(lambda match: match[1] + match[2].upper(), text)


def some(rng: Random, templates: Sequence[str], low: int, high: int) -> list[str]:
    """Between `low` and `high` different templates in random order."""
    return rng.sample(list(templates), min(len(templates), rng.randint(low, high)))
