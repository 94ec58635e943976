"""Why a message has its score: terms in log-odds that sum to it, strongest first, as sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from scorelane.scoring.category import categorise, evidence
from scorelane.scoring.places import place_of, shown_at

if TYPE_CHECKING:
    from scorelane.mail.message import Message
    from scorelane.scoring.bundle import Bundle
    from scorelane.signals.declaration import Signal

LEAST = 0.01
"""Log-odds under which a term makes no sentence; it still counts in the sum."""
TOKENS = 8
MOST_EVIDENCE = 5


class Term(msgspec.Struct, frozen=True):
    """One part of a score."""

    name: str
    family: str
    """A signal's family, or `text`, or `calibration`."""
    value: float | None
    """What was observed; None where missing."""
    log_odds: float
    sentence: str
    place: str = ""
    """The header, part or links where it was seen."""


class Explanation(msgspec.Struct, frozen=True):
    """All terms, strongest first; their log-odds and `base` sum to `log_odds` within 1e-9."""

    log_odds: float
    base: float
    """What the trees say of mail of which nothing is known."""
    terms: tuple[Term, ...]
    tokens: tuple[tuple[str, float], ...]
    """Words and pairs that moved the text model most, in the text model's own log-odds."""
    category: str | None = None
    """The attack that the vector supports best, whatever its score; None where none has enough support."""
    evidence: tuple[str, ...] = ()
    """What speaks for the category, as sentences, strongest first."""

    def reasons(self, most: int = 5) -> list[str]:
        """The strongest sentences; calibration explains no message and is left out."""
        told = [term for term in self.terms if abs(term.log_odds) >= LEAST and term.family != "calibration"]
        return [term.sentence for term in told][:most]

    def families(self) -> dict[str, float]:
        """Sum of the terms of each family, strongest first."""
        sums: dict[str, float] = {}
        for term in self.terms:
            sums[term.family] = sums.get(term.family, 0.0) + term.log_odds
        return dict(sorted(sums.items(), key=lambda item: -abs(item[1])))


def explain(
    bundle: Bundle, row: npt.NDArray[np.float32], text_log_odds: float, text: str, message: Message | None = None
) -> Explanation:
    """Explanation of one vector: a pure function of vector, words and bundle; milliseconds, so computed when read.

    With the message, a sentence also shows what stands where the signal looked.
    """
    matrix, wording = row[np.newaxis, :], np.array([text_log_odds])
    parts = bundle.tree_parts(matrix, wording)[0]
    by_text = float(parts[-2] + bundle.text_part(wording)[0])
    raw = math.fsum((*parts[:-2], by_text, parts[-1]))
    by_signal = dict(zip(bundle.seen_by_trees.tolist(), parts[:-2].tolist(), strict=True))
    names = bundle.signal_set.names
    for added, said in zip(bundle.additive.rows, bundle.additive.parts(matrix, names)[0].tolist(), strict=True):
        column = names.index(added.signal)
        by_signal[column] = by_signal.get(column, 0.0) + said
    values = row.tolist()
    terms = [
        _term(bundle.signal_set.signals[column], values[column], part, message)
        for column, part in by_signal.items()
        if part
    ]
    tokens = tuple((said.token, said.log_odds) for said in bundle.text_model.explain(text)[:TOKENS])
    terms.append(_wording(text_log_odds, by_text, tokens))
    shift = bundle.slope * raw + bundle.intercept - raw
    terms.append(Term("calibration", "calibration", raw, shift, f"{shift:+.2f} calibration of {raw:+.2f}"))
    terms.sort(key=lambda term: (-abs(term.log_odds), term.name))
    total = math.fsum((float(parts[-1]), *(term.log_odds for term in terms)))
    category, seen = _category(bundle, row, message)
    return Explanation(total, float(parts[-1]), tuple(terms), tokens, category, seen)


def _category(
    bundle: Bundle, row: npt.NDArray[np.float32], message: Message | None
) -> tuple[str | None, tuple[str, ...]]:
    """The best-supported category, and what speaks for it."""
    category = categorise(row[np.newaxis, :], bundle.signal_set)[0]
    if category is None:
        return None, ()
    names = bundle.signal_set.names
    places = [names.index(name) for name in evidence(row, bundle.signal_set, category)[:MOST_EVIDENCE]]
    return category, tuple(_seen(bundle.signal_set.signals[at], float(row[at]), message)[1] for at in places)


def _wording(text_log_odds: float, part: float, tokens: tuple[tuple[str, float], ...]) -> Term:
    words = ", ".join(f"“{name}”" for name, said in tokens[:TOKENS] if said * part > 0) or "no words"
    value = None if math.isnan(text_log_odds) else text_log_odds
    return Term("text_log_odds", "text", value, part, f"{part:+.2f} wording: {words}", "text")


def _term(signal: Signal, value: float, part: float, message: Message | None) -> Term:
    place, seen = _seen(signal, value, message)
    observed = None if math.isnan(value) else value
    return Term(signal.name, signal.family, observed, part, f"{part:+.2f} {seen}", place)


def _seen(signal: Signal, value: float, message: Message | None) -> tuple[str, str]:
    """(place, what was observed there and what it means)."""
    what = signal.doc.strip().split("\n", 1)[0].rstrip(".")
    place = place_of(signal.name, signal.family)
    shown = shown_at(message, place) if message is not None else ""
    where = f" in {place}" + (f" ({shown})" if shown else "")
    return place, f"{signal.name} = {'missing' if math.isnan(value) else f'{value:g}'}{where}: {what}"
