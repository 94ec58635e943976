"""What a bundle says of labelled mail that it may never have seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scorelane.scoring.policy import Policy
from scorelane.scoring.training import corpus
from scorelane.scoring.training.fit import quantile
from scorelane.scoring.training.report import RATES, lost_area, rate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scorelane.scoring.bundle import Bundle
    from scorelane.scoring.training.corpus import Labelled


def evaluate(bundle: Bundle, messages: Iterable[Labelled]) -> list[dict[str, Any]]:
    """A row a source and class: flagged at the bundle's thresholds with its 95 % interval, and against its own ham.

    Raises TrainingRejected when there is no mail.
    """
    data = corpus.vectors(messages, bundle.signal_set.names)
    log_odds = bundle.predict(data.matrix, bundle.text_model.log_odds(data.words))
    policy = Policy.from_bundle(bundle)
    rows = []
    for source in np.unique(data.sources):
        mine = data.sources == source
        wanted = log_odds[mine & ~data.unwanted]
        for label in np.unique(data.labels[mine]):
            scores = log_odds[mine & (data.labels == label)]
            found = rate(scores >= policy.flag, data.clusters[mine & (data.labels == label)])
            is_bad = bool(data.unwanted[mine & (data.labels == label)][0])
            row: dict[str, Any] = {
                "source": str(source),
                "class": str(label),
                "messages": len(scores),
                "flagged": found["rate"],
                "low": found["low"],
                "high": found["high"],
                "suspected": round(float((scores >= policy.suspect).mean()), 5),
                "lost_area_percent": lost_area(wanted, scores) if is_bad else None,
            }
            for budget in RATES:
                known = is_bad and len(wanted) > 0
                recall = float((scores > quantile(wanted, budget)).mean()) if known else None
                row[f"recall_at_{budget:g}"] = None if recall is None else round(recall, 5)
            rows.append(row)
    return rows
