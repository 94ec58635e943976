"""What a message's words say: logistic regression on hashed words and word pairs.

Weights are integers and sums of them exact, so the log-odds are the same bits in a chunk of 1 or 512.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from scorelane.scoring import tokens
from scorelane.scoring.errors import BundleMismatch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scorelane.mail.message import Message

STEPS = 32000
"""A weight is a whole number of steps, at most this many."""

_SUBJECT_HABITS = re.compile(
    r"^(?:\s*(?:(?:re|fwd?|aw|wg|sv|vs|antw|tr|rv|odp)(?:\[\d+\])?:|\[[^\]]{1,60}\]))+\s*", re.IGNORECASE
)
"""Reply marks and list tags: habits of a source, not words of the author."""


class Said(NamedTuple):
    """What one word or pair adds to the text model's log-odds."""

    token: str
    log_odds: float


def read_by_model(message: Message) -> str:
    """The text that the model reads: subject without reply marks and list tags, then what a reader sees."""
    return f"{_SUBJECT_HABITS.sub('', message.subject)} \n{message.text[: tokens.LIMIT_CHARS]}"


@dataclass(frozen=True, eq=False)
class TextModel:
    """Weights of the buckets, and what turns their sum into log-odds."""

    weights: npt.NDArray[np.int16]
    """In steps, one a bucket."""
    step: float
    """Log-odds of one step."""
    intercept: float

    @cached_property
    def digest(self) -> str:
        """Hex digest of all that determines the log-odds of a text."""
        digest = hashlib.sha256(f"{tokens.EDITION} {self.step!r} {self.intercept!r} ".encode())
        digest.update(self.weights.astype("<i2").tobytes())
        return digest.hexdigest()

    def log_odds(self, found: tokens.Tokens) -> npt.NDArray[np.float64]:
        """Log-odds of each message's tokens; the intercept alone for a message without words."""
        counts = np.diff(found.starts)
        sums = np.concatenate((np.zeros(1, np.int64), np.cumsum(self.weights[found.buckets], dtype=np.int64)))
        total = sums[found.starts[1:]] - sums[found.starts[:-1]]
        return total * self.step / np.sqrt(np.maximum(counts, 1)) + self.intercept

    def explain(self, text: str) -> list[Said]:
        """What each distinct word and pair adds, strongest first; together with the intercept the log-odds.

        Words that share a bucket are named together, as the model cannot tell them apart.
        """
        names: dict[int, list[str]] = {}
        for name, bucket in tokens.spelled(text):
            spellings = names.setdefault(bucket, [])
            if name not in spellings:
                spellings.append(name)
        scale = self.step / math.sqrt(max(len(names), 1))
        said = [Said(" / ".join(spellings), int(self.weights[at]) * scale) for at, spellings in names.items()]
        return sorted(said, key=lambda one: (-abs(one.log_odds), one.token))

    def save(self, path: Path) -> None:
        """Write the weights; the two numbers stand in the bundle's manifest."""
        path.write_bytes(self.weights.astype("<i2").tobytes())

    @classmethod
    def read(cls, raw: bytes, *, step: float, intercept: float) -> TextModel:
        """Weights as `save` wrote them.

        Raises:
            BundleMismatch: when there is not one weight a bucket.
        """
        if len(raw) != 2 * tokens.BUCKETS:
            raise BundleMismatch(f"text.bin: {len(raw)} bytes, expected {2 * tokens.BUCKETS}; the file is damaged")
        return cls(np.frombuffer(raw, "<i2").astype(np.int16), step, intercept)


def quantised(weights: npt.NDArray[np.float64], intercept: float) -> TextModel:
    """A model of these weights, each rounded to the nearest step."""
    step = max(float(np.abs(weights).max()), 1e-9) / STEPS
    return TextModel(np.rint(weights / step).astype(np.int16), step, float(intercept))


def log_odds_of(model: TextModel, messages: Sequence[Message]) -> npt.NDArray[np.float64]:
    """Text log-odds of each message."""
    return model.log_odds(tokens.tokens_of([read_by_model(message) for message in messages]))
