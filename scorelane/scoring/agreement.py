"""Two bundles over the same messages: how often they agree, what flips, and whether the scores moved as a whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FLAGGED = frozenset({"attack", "spam"})
STABLE, MOVED = 0.1, 0.25
"""Of the population stability index: below the first, scores are distributed alike; above the second, they are not."""


class Pair(NamedTuple):
    """How many messages got two verdicts; `unwanted` and `legitimate` of them are labelled so."""

    live: str
    shadow: str
    messages: int
    mean_shift: float
    unwanted: int = 0
    legitimate: int = 0


class Flips(NamedTuple):
    """Messages that one bundle flags and the other does not, and what people said of them."""

    messages: int
    unwanted: int
    legitimate: int


class Agreement(NamedTuple):
    """Over the messages that both scored."""

    messages: int
    agreed: int
    """The same verdict."""
    only_shadow: Flips
    """Flagged (attack or spam) by the shadow alone."""
    only_live: Flips
    mean_shift: float | None
    """Of the log-odds, from live to shadow."""
    stability: float | None
    """Population stability index of the log-odds, over the tenths of the live bundle's."""

    @property
    def share(self) -> float | None:
        """Part of the messages with the same verdict."""
        return self.agreed / self.messages if self.messages else None


def agreement(pairs: Sequence[Pair], bins: Iterable[tuple[int, int]]) -> Agreement:
    """What counts of verdicts and of scores by bin say together; None where nothing was scored by both."""
    total = sum(pair.messages for pair in pairs)
    shift = sum(pair.messages * pair.mean_shift for pair in pairs)
    return Agreement(
        messages=total,
        agreed=sum(pair.messages for pair in pairs if pair.live == pair.shadow),
        only_shadow=_flips(pair for pair in pairs if pair.shadow in FLAGGED and pair.live not in FLAGGED),
        only_live=_flips(pair for pair in pairs if pair.live in FLAGGED and pair.shadow not in FLAGGED),
        mean_shift=shift / total if total else None,
        stability=stability(list(bins)) if total else None,
    )


def stability(bins: Sequence[tuple[int, int]]) -> float:
    """Population stability index of counts before and after, by bin: the sum of (b - a) ln(b / a) over their shares.

    An empty bin counts half a message, so that one value outside of all that was seen is no infinity.
    """
    before, after = (max(sum(one[side] for one in bins), 1) for side in (0, 1))
    shares = [(max(one[0], 0.5) / before, max(one[1], 0.5) / after) for one in bins]
    return math.fsum((b - a) * math.log(b / a) for a, b in shares)


def told(value: float) -> str:
    """What a stability index means, in words."""
    if value < STABLE:
        return "scores are distributed alike"
    return "scores moved somewhat" if value < MOVED else "scores are distributed otherwise"


def _flips(pairs: Iterable[Pair]) -> Flips:
    found = list(pairs)
    return Flips(
        sum(pair.messages for pair in found), sum(pair.unwanted for pair in found), sum(p.legitimate for p in found)
    )
