"""Why a message has its score: terms in log-odds that sum to it, strongest first, as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scorelane.scoring.bundle import Bundle

LEAST = 0.01
"""Log-odds under which a term makes no sentence; it still counts in the sum."""


class Term(msgspec.Struct, frozen=True):
    """One part of a score."""

    name: str
    family: str
    value: float | None
    """What was observed; None where missing."""
    log_odds: float
    sentence: str


class Explanation(msgspec.Struct, frozen=True):
    """All terms, strongest first; their log-odds and `base` sum to `log_odds` within 1e-9."""

    log_odds: float
    base: float
    terms: tuple[Term, ...]
    tokens: tuple[tuple[str, float], ...]
    """Words and pairs that moved the text model most, in the text model's own log-odds."""

    def reasons(self, most: int = 5) -> list[str]:
        """The strongest sentences."""
        return [term.sentence for term in self.terms if abs(term.log_odds) >= LEAST][:most]


def explain(bundle: Bundle, row: npt.NDArray[np.float32], text_log_odds: float, text: str) -> Explanation:
    """Explanation of one vector. A pure function of vector, text and bundle; milliseconds, so computed when read."""
    parts = bundle.contributions(row[np.newaxis, :], np.array([text_log_odds]))[0]
    tokens = tuple((said.token, said.log_odds) for said in bundle.text_model.explain(text)[:8])
    terms = [
        _term(signal.name, signal.family, signal.doc, value, part)
        for signal, value, part in zip(bundle.signal_set.signals, row.tolist(), parts.tolist(), strict=False)
        if part
    ]
    words = ", ".join(f"“{name}”" for name, _ in tokens[:4]) or "no words"
    terms.append(
        Term(
            "text_log_odds",
            "text",
            None if np.isnan(text_log_odds) else text_log_odds,
            float(parts[-2]),
            f"{parts[-2]:+.2f} wording: {words}",
        )
    )
    terms.sort(key=lambda term: (-abs(term.log_odds), term.name))
    return Explanation(float(parts.sum()), float(parts[-1]), tuple(terms), tokens)


def _term(name: str, family: str, doc: str, value: float, part: float) -> Term:
    missing = value != value  # noqa: PLR0124 - NaN
    what = doc.strip().split("\n", 1)[0].rstrip(".")
    seen = "missing" if missing else f"{value:g}"
    return Term(name, family, None if missing else value, part, f"{part:+.2f} {name} = {seen}: {what}")
