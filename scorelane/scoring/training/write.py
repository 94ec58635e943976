"""Writes a bundle: models, calibrator, signal set, thresholds, golden rows, metrics and card; the manifest last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import numpy.typing as npt

from scorelane.scoring import tokens
from scorelane.scoring.bundle import TEXT_MOST, columns, raw_score, write_manifest
from scorelane.scoring.errors import TrainingRejected
from scorelane.scoring.training import card
from scorelane.scoring.training.models import SEED, TEXT_SHARE
from scorelane.signals import signal_set

if TYPE_CHECKING:
    from pathlib import Path

    from scorelane.scoring.training.corpus import Dataset
    from scorelane.scoring.training.fit import Fitted

GOLDEN_ROWS = 64


def write(folder: Path, fitted: Fitted, data: Dataset, metrics: dict[str, Any]) -> None:
    """Write the bundle; its name is the folder's. Raises TrainingRejected for a folder that holds something else."""
    need_new(folder)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = signal_set(data.names)
    boosters = []
    for number, booster in enumerate(fitted.model.boosters):
        file = f"trees-{number}.txt"
        (folder / file).write_text(booster.model_to_string())
        boosters.append(file)
    fitted.model.text_model.save(folder / "text.bin")
    matrix, text, log_odds = _golden(folder, boosters, fitted, data)
    np.savez(folder / "golden.npz", matrix=matrix, text_log_odds=text, log_odds=log_odds)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
    (folder / "MODEL_CARD.md").write_text(card.written(folder.name, fitted, data, metrics))
    write_manifest(
        folder,
        {
            "name": folder.name,
            "seed": SEED,
            "text": {"step": fitted.model.text_model.step, "intercept": fitted.model.text_model.intercept},
            "text_share": TEXT_SHARE,
            "data_digest": data.digest,
            "signals": [{"name": s.name, "version": s.version} for s in chosen.signals],
            "signal_set": chosen.hash,
            "trees": list(fitted.trees),
            "boosters": boosters,
            "additive": [
                {"signal": row.signal, "below": row.below, "edges": [list(edge) for edge in row.edges]}
                for row in fitted.additive.rows
            ],
            "calibration": {"slope": fitted.slope, "intercept": fitted.intercept},
            "thresholds": fitted.thresholds,
        },
    )


def need_new(folder: Path) -> None:
    """Raise TrainingRejected for a folder that holds something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TrainingRejected(f"{folder} is not empty; name a new folder for the bundle")


def _golden(
    folder: Path, boosters: list[str], fitted: Fitted, data: Dataset
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Rows over all sources with what the written files make of them; the additive table says something of a few."""
    chosen = np.linspace(0, len(data.unwanted) - 1, min(GOLDEN_ROWS, len(data.unwanted))).astype(int)
    matrix = data.matrix[chosen].copy()
    for at, row in enumerate(fitted.additive.rows[: len(matrix)]):
        matrix[at, data.names.index(row.signal)] = row.edges[0][0]
    text = fitted.model.text_model.log_odds(tokens.chosen(data.words, chosen))
    loaded = tuple(lightgbm.Booster(model_file=str(folder / file)) for file in boosters)
    seen = columns(matrix[:, [data.names.index(name) for name in fitted.trees]], text)
    words = np.clip(text.astype(np.float32).astype(np.float64), -TEXT_MOST, TEXT_MOST)
    raw = raw_score(loaded, seen) + TEXT_SHARE * words
    said = fitted.additive.parts(matrix, data.names).sum(axis=1)
    return matrix, text, fitted.slope * raw + fitted.intercept + said
