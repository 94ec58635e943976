"""What a model is worth, from scores of mail that it did not see: rates with their confidence intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from scorelane.scoring.training.fit import GENERATED, quantile

if TYPE_CHECKING:
    from scorelane.scoring.training.corpus import Dataset
    from scorelane.scoring.training.fit import Fitted

RATES = (0.001, 0.01)
Z95 = 1.959963984540054

Floats = npt.NDArray[np.float64]


def wilson(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    share, square = hits / of, Z95**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = Z95 / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, middle - half), 1.0 if hits == of else min(1.0, middle + half)


def rate(flags: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Share of true values with its interval; None of no messages."""
    hits, of = int(flags.sum()), len(flags)
    low, high = wilson(hits, of)
    return {"rate": round(hits / of, 5) if of else None, "low": round(low, 5), "high": round(high, 5), "of": of}


def lost_area(wanted: Floats, unwanted: Floats) -> float | None:
    """1 - AUC in percent; None with one class."""
    if not len(wanted) or not len(unwanted):
        return None
    labels = np.concatenate((np.zeros(len(wanted)), np.ones(len(unwanted))))
    return round(100 * (1 - float(roc_auc_score(labels, np.concatenate((wanted, unwanted))))), 4)


def report(data: Dataset, fitted: Fitted) -> dict[str, Any]:
    """Metrics of a training run: each source while it was left out, and campaigns not seen, at thresholds of others."""
    return {
        "leave_one_source_out": {
            str(source): _left_out(data, fitted, str(source))
            for source in np.unique(data.sources)
            if source != GENERATED
        },
        "unseen_campaigns_at_flag": _by_label(data, fitted.by_campaign, fitted.thresholds["flag"]),
        "later_mail_at_flag": _by_label(data, fitted.by_time, fitted.thresholds["flag"]),
        "unseen_sources_at_flag": _by_label(data, fitted.by_source, fitted.thresholds["flag"]),
    }


def _left_out(data: Dataset, fitted: Fitted, source: str) -> dict[str, Any]:
    mine = data.sources == source
    real = data.sources != GENERATED
    # Wanted mail of the others from models that saw their sources but not their campaigns, as a running system has.
    others = fitted.by_campaign[~mine & ~data.unwanted & real]
    good, bad = fitted.by_source[mine & ~data.unwanted], fitted.by_source[mine & data.unwanted]
    out: dict[str, Any] = {"wanted": len(good), "unwanted": len(bad), "lost_area_percent": None}
    if np.isnan(fitted.by_source[mine]).any():
        return out  # without it there is no mail of both classes
    out["lost_area_percent"] = lost_area(good, bad)
    for budget in RATES:
        if len(others):
            threshold = quantile(others, budget)
            out[f"at_{budget:g}_of_other_wanted"] = {"recall": rate(bad > threshold), "flagged": rate(good > threshold)}
        if len(good) and len(bad):
            out[f"at_{budget:g}_of_own_wanted"] = {"recall": rate(bad > quantile(good, budget))}
    return out


def _by_label(data: Dataset, scores: Floats, threshold: float) -> dict[str, Any]:
    known = ~np.isnan(scores)
    kinds = sorted({(s, label) for s, label, k in zip(data.sources, data.labels, known, strict=True) if k})
    return {
        f"{source} {label}": rate(scores[known & (data.sources == source) & (data.labels == label)] >= threshold)
        for source, label in kinds
    }


def source_probe(data: Dataset, trees: tuple[str, ...]) -> list[dict[str, Any]]:
    """How well one signal that the trees see tells two sources of wanted mail apart: AUC from 0.5, strongest first."""
    from scipy.stats import rankdata  # noqa: PLC0415 - only here

    real = [str(s) for s in np.unique(data.sources[~data.unwanted]) if s != GENERATED]
    found = []
    for name in trees:
        values = np.nan_to_num(data.matrix[:, data.names.index(name)].astype(np.float64), nan=-1e6)
        for at, one in enumerate(real):
            for other in real[at + 1 :]:
                a = values[(data.sources == one) & ~data.unwanted]
                b = values[(data.sources == other) & ~data.unwanted]
                ranks = rankdata(np.concatenate((a, b)))
                area = (ranks[len(a) :].sum() - len(b) * (len(b) + 1) / 2) / (len(a) * len(b))
                found.append({"signal": name, "sources": [one, other], "area": round(abs(area - 0.5) + 0.5, 4)})
    return sorted(found, key=lambda row: (-row["area"], row["signal"]))[:12]
