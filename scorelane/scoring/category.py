"""Which attack a message is best explained by: the tags of the signals that fired, and nothing hidden."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scorelane.signals import SignalSet

CATEGORIES = ("credential_phishing", "bec", "callback", "advance_fee", "extortion", "malware", "spam")
LEAST_SUPPORT = 1.5
"""About two signals of one category, or several shared ones."""


@lru_cache(maxsize=8)
def _tags(signal_set: SignalSet) -> npt.NDArray[np.float64]:
    """(signals, categories): a signal's voice, split over the categories that it is tagged with."""
    table = np.zeros((len(signal_set), len(CATEGORIES)))
    for row, signal in enumerate(signal_set.signals):
        known = [name for name in signal.attacks if name in CATEGORIES]
        for name in known:
            table[row, CATEGORIES.index(name)] = 1 / len(known)
    return table


def categorise(matrix: npt.NDArray[np.float32], signal_set: SignalSet) -> list[str | None]:
    """Best-supported category of each row, or None where no category has enough signals that fired (above 0)."""
    fired = np.nan_to_num(matrix, nan=0.0) > 0
    support = fired @ _tags(signal_set)
    best = support.argmax(axis=1)
    return [
        CATEGORIES[index] if support[row, index] >= LEAST_SUPPORT else None for row, index in enumerate(best.tolist())
    ]


def evidence(row: npt.NDArray[np.float32], signal_set: SignalSet, category: str) -> list[str]:
    """Names of the signals that speak for a category in one vector."""
    return [
        signal.name
        for signal, value in zip(signal_set.signals, row.tolist(), strict=True)
        if value > 0 and category in signal.attacks
    ]
