"""Why a score is what it is, as a waterfall: each reason moves the log-odds from where the last one left them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from scorelane.scoring import Explanation, Term

SHOWN = 14
WIDTH = 1000.0


class Bar(NamedTuple):
    """One row: `x` and `width` in a box of WIDTH, `log_odds` what it adds."""

    name: str
    family: str
    meaning: str
    value: float | None
    log_odds: float
    x: float
    width: float
    after: float
    """Where the running sum stands after this row, in the box."""
    kind: str
    """base, term, rest or sum."""


class Waterfall(NamedTuple):
    """Rows whose log-odds, but for the last, sum to the last one's."""

    bars: tuple[Bar, ...]
    zero: float
    """Where log-odds 0 stands in the box."""
    category: str | None
    """What the evidence speaks for."""
    evidence: tuple[str, ...]


def waterfall(explanation: Explanation, shown: int = SHOWN) -> Waterfall:
    """The base, the strongest terms, the rest as one, and the sum. Nothing is left out of the sum."""
    strong, rest = explanation.terms[:shown], explanation.terms[shown:]
    steps: list[tuple[str, str, str, float | None, float, str]] = [
        ("base", "", "Where every message starts", None, explanation.base, "base")
    ]
    steps += [(term.name, term.family, _meaning(term), term.value, term.log_odds, "term") for term in strong]
    if rest:
        steps.append(
            (f"{len(rest)} weaker signals", "", "Everything else", None, sum(term.log_odds for term in rest), "rest")
        )
    edges = [0.0]
    for step in steps:
        edges.append(edges[-1] + step[4])
    total = explanation.log_odds
    low, high = min(*edges, total, 0.0), max(*edges, total, 0.0)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round(WIDTH * (value - low) / span, 2)

    bars = []
    for (name, family, meaning, value, part, kind), before, after in zip(steps, edges, edges[1:], strict=False):
        left, right = sorted((place(before), place(after)))
        bars.append(Bar(name, family, meaning, value, part, left, max(2.0, right - left), place(after), kind))
    left, right = sorted((place(0.0), place(total)))
    bars.append(
        Bar("sum", "", "Log-odds of this revision", None, total, left, max(2.0, right - left), place(total), "sum")
    )
    return Waterfall(tuple(bars), place(0.0), explanation.category, explanation.evidence)


def _meaning(term: Term) -> str:
    """The sentence without the figures, which have columns of their own."""
    return term.sentence.partition(": ")[2] or term.sentence
