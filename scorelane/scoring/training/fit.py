"""Fits text model, trees, calibration and thresholds so that nothing is judged by mail of its own source."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import lightgbm
import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from scorelane.scoring import tokens
from scorelane.scoring.bundle import columns, write_manifest
from scorelane.scoring.errors import TrainingRejected
from scorelane.scoring.text_model import TextModel, quantised
from scorelane.signals import signal_set

if TYPE_CHECKING:
    from pathlib import Path

    from scorelane.scoring.training.corpus import Dataset

SEED = 7
TEXT_C = 2.0
TREES: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 24,
    "learning_rate": 0.06,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.35,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 8.0,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 2,
    "seed": SEED,
    "verbosity": -1,
}
ROUNDS = 250
FOLDS = 5
"""Groups of campaign clusters, for calibration and thresholds."""
FLAG_RATE = 0.001
"""False positives that a verdict of attack or spam may cost, of wanted mail in campaigns not seen in training."""
SUSPECT_RATE = 0.01

Floats = npt.NDArray[np.float64]


class Fitted(NamedTuple):
    """A model, and what it said of each training message while that message's source was held out."""

    text_model: TextModel
    booster: lightgbm.Booster
    slope: float
    intercept: float
    thresholds: dict[str, float]
    held_out: Floats
    """Calibrated log-odds, each from a model that saw no mail of the message's source."""


def fit_text(texts: list[str], unwanted: npt.NDArray[np.bool_], weights: Floats) -> TextModel:
    """A text model over the given messages."""
    found = tokens.tokens_of(texts)
    counts = np.diff(found.starts)
    rows = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts)
    features = sparse.csr_matrix((rows, found.buckets, found.starts), shape=(len(texts), tokens.BUCKETS))
    model = LogisticRegression(C=TEXT_C * 10, solver="liblinear", random_state=SEED, max_iter=200)
    model.fit(features, unwanted, sample_weight=weights)
    return quantised(model.coef_[0], float(model.intercept_[0]))


def source_weights(sources: npt.NDArray[np.str_], unwanted: npt.NDArray[np.bool_]) -> Floats:
    """Weights by the root of a source's size, the two classes even, mean 1: a large source is not the world."""
    weights = np.ones(len(sources))
    for label in (True, False):
        for source in np.unique(sources[unwanted == label]):
            same = (sources == source) & (unwanted == label)
            weights[same] = same.sum() ** -0.5
        weights[unwanted == label] /= weights[unwanted == label].sum()
    return np.asarray(weights * len(sources) / weights.sum())


def fit_trees(
    names: tuple[str, ...],
    matrix: npt.NDArray[np.float32],
    text: Floats,
    unwanted: npt.NDArray[np.bool_],
    weights: Floats,
) -> Any:
    """Trees over signals and the text column, monotone where a signal's direction is known."""
    chosen = signal_set(names)
    data = lightgbm.Dataset(
        columns(matrix, text), unwanted, weight=weights, feature_name=[*chosen.names, "text_log_odds"]
    )
    monotone = [signal.monotone for signal in chosen.signals] + [1]
    return lightgbm.train({**TREES, "monotone_constraints": monotone}, data, ROUNDS)


def fit(data: Dataset) -> Fitted:
    """The whole model. Raises TrainingRejected when a single source has all of one class."""
    sources, unwanted = data.sources, data.unwanted
    weights = source_weights(sources, unwanted)
    text = text_held_out(data, weights)
    folds = np.array([zlib.crc32(cluster.encode()) % FOLDS for cluster in data.clusters.tolist()])
    across = raw_held_out(data, text, weights, folds)
    calibration = LogisticRegression(C=1e6).fit(across[:, np.newaxis], unwanted, sample_weight=weights)
    slope, intercept = float(calibration.coef_[0, 0]), float(calibration.intercept_[0])
    wanted = (slope * across + intercept)[~unwanted]
    thresholds = {
        "flag": float(np.quantile(wanted, 1 - FLAG_RATE)),
        "suspect": float(np.quantile(wanted, 1 - SUSPECT_RATE)),
    }
    return Fitted(
        text_model=fit_text(data.texts, unwanted, weights),
        booster=fit_trees(data.names, data.matrix, text, unwanted, weights),
        slope=slope,
        intercept=intercept,
        thresholds=thresholds,
        held_out=slope * raw_held_out(data, text, weights, sources) + intercept,
    )


def raw_held_out(data: Dataset, text: Floats, weights: Floats, groups: npt.NDArray[Any]) -> Floats:
    """Raw score of each message from trees that saw no mail of its group."""
    out = np.zeros(len(data.unwanted))
    for group in np.unique(groups):
        rest = groups != group
        booster = fit_trees(data.names, data.matrix[rest], text[rest], data.unwanted[rest], weights[rest])
        out[~rest] = booster.predict(columns(data.matrix[~rest], text[~rest]), raw_score=True)
    return out


def text_held_out(data: Dataset, weights: Floats) -> Floats:
    """Text log-odds of each message from a model that saw no mail of its source: what the trees learn from."""
    out = np.zeros(len(data.unwanted))
    for source in np.unique(data.sources):
        rest = data.sources != source
        if len(np.unique(data.unwanted[rest])) < 2:  # noqa: PLR2004 - wanted and unwanted
            raise TrainingRejected(f"source {source} holds all mail of one class; no other source can judge it")
        model = fit_text([t for t, r in zip(data.texts, rest, strict=True) if r], data.unwanted[rest], weights[rest])
        out[~rest] = model.log_odds(tokens.tokens_of([t for t, r in zip(data.texts, rest, strict=True) if not r]))
    return out


def report(data: Dataset, held_out: Floats) -> dict[str, Any]:
    """Recall and false positives of each held-out source, at thresholds from the wanted mail of all other sources."""
    rows: dict[str, Any] = {}
    for source in np.unique(data.sources):
        mine = data.sources == source
        others = held_out[~mine & ~data.unwanted]
        bad, good = held_out[mine & data.unwanted], held_out[mine & ~data.unwanted]
        row: dict[str, Any] = {"wanted": len(good), "unwanted": len(bad)}
        for rate in (0.001, 0.01):
            threshold = np.quantile(others, 1 - rate)
            row[f"recall_at_{rate:g}"] = round(float((bad > threshold).mean()), 4) if len(bad) else None
            row[f"false_positives_at_{rate:g}"] = round(float((good > threshold).mean()), 5) if len(good) else None
        rows[str(source)] = row
    return rows


def write(folder: Path, name: str, fitted: Fitted, data: Dataset) -> None:
    """Write the bundle's files; the manifest last."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = signal_set(data.names)
    (folder / "model.txt").write_text(fitted.booster.model_to_string())
    fitted.text_model.save(folder / "text.bin")
    golden = np.linspace(0, len(data.unwanted) - 1, 64).astype(int)
    text = fitted.text_model.log_odds(tokens.tokens_of([data.texts[at] for at in golden]))
    booster = lightgbm.Booster(model_str=fitted.booster.model_to_string())
    raw = np.asarray(booster.predict(columns(data.matrix[golden], text), raw_score=True, num_threads=1))
    np.savez(
        folder / "golden.npz",
        matrix=data.matrix[golden],
        text_log_odds=text,
        log_odds=fitted.slope * raw + fitted.intercept,
    )
    (folder / "metrics.json").write_text(json.dumps(report(data, fitted.held_out), indent=1) + "\n")
    write_manifest(
        folder,
        {
            "name": name,
            "seed": SEED,
            "text": {"step": fitted.text_model.step, "intercept": fitted.text_model.intercept},
            "data_digest": data.digest,
            "signals": [{"name": s.name, "version": s.version} for s in chosen.signals],
            "signal_set": chosen.hash,
            "calibration": {"slope": fitted.slope, "intercept": fitted.intercept},
            "thresholds": fitted.thresholds,
        },
    )
