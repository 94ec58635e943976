"""Which reasons moved between two scores of one message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scorelane.scoring.explain import explain

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from scorelane.scoring.bundle import Bundle

MOST = 6
LEAST = 0.01


def moved(
    before: tuple[Bundle, npt.NDArray[np.float32], float], after: tuple[Bundle, npt.NDArray[np.float32], float]
) -> list[dict[str, Any]]:
    """Terms whose log-odds differ most, as {name, before, after, moved}, the largest move first.

    Each side is a bundle, its own columns of the message's vector, and its text log-odds.
    """
    old = {term.name: term for term in explain(*before, "").terms}
    new = {term.name: term for term in explain(*after, "").terms}
    rows = []
    for name in {**old, **new}:
        was = old[name].log_odds if name in old else 0.0
        now = new[name].log_odds if name in new else 0.0
        if abs(now - was) >= LEAST:
            rows.append({"name": name, "before": round(was, 4), "after": round(now, 4), "moved": round(now - was, 4)})
    rows.sort(key=lambda row: (-abs(float(str(row["moved"]))), str(row["name"])))
    return rows[:MOST]
