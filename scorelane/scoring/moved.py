"""Which reasons moved between two scores of one message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scorelane.scoring.category import support
from scorelane.scoring.explain import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from scorelane.scoring.bundle import Bundle

MOST, MOST_OF_CATEGORY = 6, 4
LEAST = 0.01
SCORE, CATEGORY = "score", "category"


def moved(
    before: tuple[Bundle, npt.NDArray[np.float32], float], after: tuple[Bundle, npt.NDArray[np.float32], float]
) -> list[dict[str, Any]]:
    """What differs most, as {name, before, after, moved, of}, the largest move first.

    Terms of the score come first, in log-odds. Where the category differs, so may a verdict at the same score: rows
    `of` the category then follow, in support, of what speaks for the category that is left and the one that is
    taken. Each side is a bundle, its own columns of the message's vector, and its text log-odds.
    """
    old, new = explain(*before, ""), explain(*after, "")
    rows = _differences({t.name: t.log_odds for t in old.terms}, {t.name: t.log_odds for t in new.terms}, SCORE)[:MOST]
    if old.category == new.category:
        return rows
    categories = [one for one in (old.category, new.category) if one is not None]
    sides = [
        {name: said for category in categories for name, said in support(row, bundle.signal_set, category).items()}
        for bundle, row, _ in (before, after)
    ]
    return rows + _differences(sides[0], sides[1], CATEGORY)[:MOST_OF_CATEGORY]


def _differences(old: Mapping[str, float], new: Mapping[str, float], of: str) -> list[dict[str, Any]]:
    rows = []
    for name in {**old, **new}:
        was, now = old.get(name, 0.0), new.get(name, 0.0)
        if abs(now - was) >= LEAST:
            said = {"before": round(was, 4), "after": round(now, 4), "moved": round(now - was, 4)}
            rows.append({"name": name, **said, "of": of})
    rows.sort(key=lambda row: (-abs(float(str(row["moved"]))), str(row["name"])))
    return rows
