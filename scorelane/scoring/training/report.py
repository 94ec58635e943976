"""What a model is worth, from scores of mail that it did not see: rates with their confidence intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from scorelane.scoring.training import intervals
from scorelane.scoring.training.fit import GENERATED, quantile
from scorelane.scoring.training.intervals import Scores

if TYPE_CHECKING:
    from scorelane.scoring.training.corpus import Dataset
    from scorelane.scoring.training.fit import Fitted

RATES = (0.001, 0.01)

Floats = npt.NDArray[np.float64]


def rate(flags: npt.NDArray[np.bool_], clusters: npt.NDArray[np.str_]) -> dict[str, Any]:
    """Share of true values with its interval over campaigns; None of no messages."""
    return told(intervals.share(flags, clusters), len(flags))


def told(found: intervals.Interval | None, of: int) -> dict[str, Any]:
    """An interval of a share as it stands in a bundle's metrics; None of no messages."""
    if found is None:
        return {"rate": None, "low": 0.0, "high": 1.0, "of": of}
    return {name: round(value, 5) for name, value in zip(("rate", "low", "high"), found, strict=True)} | {"of": of}


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
    rest = ~mine & ~data.unwanted & real
    others = Scores(fitted.by_campaign[rest], data.clusters[rest])
    good, bad = fitted.by_source[mine & ~data.unwanted], fitted.by_source[mine & data.unwanted]
    of_good, of_bad = data.clusters[mine & ~data.unwanted], data.clusters[mine & data.unwanted]
    out: dict[str, Any] = {"wanted": len(good), "unwanted": len(bad), "lost_area_percent": None}
    if np.isnan(fitted.by_source[mine]).any():
        return out  # without it there is no mail of both classes
    out["lost_area_percent"] = lost_area(good, bad)
    area = intervals.lost_area(Scores(good, of_good), Scores(bad, of_bad))
    out["lost_area_interval"] = None if area is None else [round(area.low, 4), round(area.high, 4)]
    for budget in RATES:
        if len(others.values):
            threshold = quantile(others.values, budget)
            out[f"at_{budget:g}_of_other_wanted"] = {
                "recall": told(intervals.recall(Scores(bad, of_bad), others, budget), len(bad)),
                "flagged": rate(good > threshold, of_good),
            }
        if len(good) and len(bad):
            own = intervals.recall(Scores(bad, of_bad), Scores(good, of_good), budget)
            out[f"at_{budget:g}_of_own_wanted"] = {"recall": told(own, len(bad))}
    return out


def _by_label(data: Dataset, scores: Floats, threshold: float) -> dict[str, Any]:
    known = ~np.isnan(scores)
    kinds = sorted({(s, label) for s, label, k in zip(data.sources, data.labels, known, strict=True) if k})
    out = {}
    for source, label in kinds:
        mine = known & (data.sources == source) & (data.labels == label)
        out[f"{source} {label}"] = rate(scores[mine] >= threshold, data.clusters[mine])
    return out


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
