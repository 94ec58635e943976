"""From score to verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scorelane.scoring.bundle import Bundle

VERDICTS = ("attack", "suspicious", "spam", "clean")


@dataclass(frozen=True)
class Policy:
    """Log-odds from which a message is flagged, and from which it is worth a look."""

    flag: float
    suspect: float

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> Policy:
        """The thresholds that the bundle was given at its stated false-positive budget."""
        return cls(flag=bundle.thresholds["flag"], suspect=bundle.thresholds["suspect"])

    def verdict(self, log_odds: float, category: str | None) -> str:
        """One of VERDICTS: flagged mail is an attack unless its best category is spam or none."""
        if log_odds >= self.flag:
            return "spam" if category in (None, "spam") else "attack"
        return "suspicious" if log_odds >= self.suspect else "clean"
