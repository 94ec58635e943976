"""Messages to verdicts, a chunk at a time: the same function without a database, in a task and in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from scorelane.scoring.category import categorise
from scorelane.scoring.text_model import log_odds_of
from scorelane.signals import compute_chunk
from scorelane.signals.context import Directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scorelane.mail import Message
    from scorelane.scoring.bundle import Bundle
    from scorelane.scoring.policy import Policy
    from scorelane.signals.context import History
    from scorelane.signals.reference import Lists

NO_DIRECTORY = Directory()


def own_columns(bundle: Bundle, matrix: npt.NDArray[np.float32], names: Sequence[str]) -> npt.NDArray[np.float32]:
    """A bundle's columns, in its order, of vectors that hold at least these; `names` are the columns of `matrix`."""
    if tuple(names) == bundle.signal_set.names:
        return matrix
    at = {name: column for column, name in enumerate(names)}
    return np.take(matrix, [at[name] for name in bundle.signal_set.names], axis=1)


class Scored(NamedTuple):
    """Results of a chunk, in the order of its messages."""

    matrix: npt.NDArray[np.float32]
    """(messages, signals); NaN is missing."""
    statuses: list[bytes]
    text_log_odds: npt.NDArray[np.float64]
    log_odds: npt.NDArray[np.float64]
    """Calibrated."""
    score: npt.NDArray[np.float64]
    """Probability, 0 to 1."""
    categories: list[str | None]
    """None for clean mail and where no category has support."""
    verdicts: list[str]


@dataclass(frozen=True)
class Scorer:
    """A bundle under a policy."""

    bundle: Bundle
    policy: Policy

    def score(
        self,
        messages: Sequence[Message],
        *,
        directory: Directory = NO_DIRECTORY,
        histories: Sequence[History | None] | None = None,
        lists: Lists | None = None,
    ) -> Scored:
        """Score parsed messages of one tenant; bit-equal in any chunking."""
        matrix, statuses = compute_chunk(
            messages, directory=directory, histories=histories, set_=self.bundle.signal_set, lists=lists
        )
        return self.judge(matrix, statuses, log_odds_of(self.bundle.text_model, messages))

    def judge(self, matrix: npt.NDArray[np.float32], statuses: list[bytes], text: npt.NDArray[np.float64]) -> Scored:
        """Score vectors of the bundle's own columns, as `own_columns` picks them from wider ones."""
        log_odds = self.bundle.predict(matrix, text)
        categories: list[str | None] = [None] * len(matrix)
        suspects = np.flatnonzero(log_odds >= self.policy.suspect)
        for at, category in zip(suspects.tolist(), categorise(matrix[suspects], self.bundle.signal_set), strict=True):
            categories[at] = category
        return Scored(
            matrix=matrix,
            statuses=statuses,
            text_log_odds=text,
            log_odds=log_odds,
            score=1 / (1 + np.exp(-log_odds)),
            categories=categories,
            verdicts=[self.policy.verdict(v, c) for v, c in zip(log_odds.tolist(), categories, strict=True)],
        )
