"""Confidence intervals of what was measured, from campaigns drawn again: copies of one mail are one observation.

The cluster bootstrap (Field and Welsh 2007, "Bootstrapping clustered data"): whole campaigns are drawn with
replacement, of wanted and of unwanted mail apart, so that a threshold taken from wanted mail moves with it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 400
SEED = 7
TAILS = (2.5, 97.5)
Z95 = 1.959963984540054

Floats = npt.NDArray[np.float64]
Clusters = npt.NDArray[np.str_]


class Interval(NamedTuple):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Scores(NamedTuple):
    """What a system said of some messages, and the campaign of each."""

    values: Floats
    clusters: Clusters

    def drawn(self, random: np.random.Generator) -> Iterator[Floats]:
        """For each round, how often each message is drawn: as often as its campaign."""
        _, at = np.unique(self.clusters, return_inverse=True)
        count = int(at.max()) + 1 if len(at) else 0
        for _ in range(ROUNDS):
            yield np.bincount(random.integers(0, max(count, 1), count), minlength=count)[at].astype(np.float64)


def wilson(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share of independent trials (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    share, square = hits / of, Z95**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = Z95 / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, middle - half), 1.0 if hits == of else min(1.0, middle + half)


def share(flags: npt.NDArray[np.bool_], clusters: Clusters) -> Interval | None:
    """Share of messages that are flagged at a threshold which is given; None of no messages.

    Where all or none are, drawing again says nothing: then the interval is Wilson's of as many trials as campaigns.
    """
    if not len(flags):
        return None
    value, campaigns = float(flags.mean()), len(np.unique(clusters))
    if value in (0.0, 1.0):
        return Interval(value, *wilson(round(value * campaigns), campaigns))
    drawn = Scores(flags.astype(np.float64), clusters).drawn(np.random.default_rng(SEED))
    return _interval(value, [float(np.average(flags, weights=weights)) for weights in drawn])


def recall(unwanted: Scores, wanted: Scores, budget: float) -> Interval | None:
    """Share of unwanted mail above the threshold that at most `budget` of the wanted mail lies above."""
    if not len(unwanted.values) or not len(wanted.values):
        return None
    order = np.argsort(wanted.values)
    values = wanted.values[order]
    value = float((unwanted.values > _threshold(values, np.ones(len(values)), budget)).mean())
    random = np.random.default_rng(SEED)
    found = []
    for good, bad in zip(wanted.drawn(random), unwanted.drawn(random), strict=True):
        threshold = _threshold(values, good[order], budget)
        found.append(float(np.average(unwanted.values > threshold, weights=bad)))
    if min(found) == max(found) == value in (0.0, 1.0):
        return share(np.full(len(unwanted.values), bool(value)), unwanted.clusters)
    return _interval(value, found)


def lost_area(wanted: Scores, unwanted: Scores) -> Interval | None:
    """1 - AUC in percent: how often wanted mail scores above unwanted, ties counted half; None with one class."""
    if not len(wanted.values) or not len(unwanted.values):
        return None
    order = np.argsort(unwanted.values, kind="stable")
    below = np.searchsorted(unwanted.values[order], wanted.values, side="left")
    upto = np.searchsorted(unwanted.values[order], wanted.values, side="right")

    def lost(good: Floats, bad: Floats) -> float:
        sums = np.concatenate((np.zeros(1), np.cumsum(bad[order])))
        return 100 * float(good @ (sums[below] + sums[upto]) / 2) / float(good.sum() * sums[-1])

    random = np.random.default_rng(SEED)
    found = [lost(a, b) for a, b in zip(wanted.drawn(random), unwanted.drawn(random), strict=True)]
    return _interval(lost(np.ones(len(wanted.values)), np.ones(len(unwanted.values))), found)


def _threshold(values: Floats, weights: Floats, budget: float) -> float:
    """Of ascending values, each counted by its weight: the one that at most `budget` of them lies above."""
    sums = np.cumsum(weights)
    at = int(np.searchsorted(sums, (sums[-1] - 1) * (1 - budget) + 1 - 1e-9))
    return float(values[min(at, len(values) - 1)])


def _interval(value: float, found: list[float]) -> Interval:
    low, high = np.percentile(found, TAILS)
    return Interval(value, min(float(low), value), max(float(high), value))
