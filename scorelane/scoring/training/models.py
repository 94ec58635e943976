"""The two learners: words by logistic regression, signals and the words' score by trees."""

from __future__ import annotations

from typing import Any, NamedTuple

import lightgbm
import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from scorelane.scoring import tokens
from scorelane.scoring.bundle import TEXT_MOST, columns
from scorelane.scoring.text_model import TextModel, quantised
from scorelane.scoring.training.leaks import FAMILIES
from scorelane.signals import signal_set

Floats = npt.NDArray[np.float64]
SEED = 7
ENRICHED = "enriched"
EVEN = 0.5
TEXT_C = 20.0
TEXT_MOST_WEIGHT = 30.0
RATIO_MOST = 4.0
"""Bound of one word's log ratio of how often unwanted and wanted mail says it."""
RATIO_SHARE = 0.8
"""Part of the ratios beside the regression's weights; it brings both to the same spread over mail not seen."""
TEXT_SHARE = 0.2
"""Part of the text's log-odds that is added to the trees, so that words count where no tree has a leaf for them."""


class Recipe(NamedTuple):
    """What is chosen before fitting."""

    rounds: int = 200
    leaves: int = 31
    least_in_leaf: int = 40
    feature_share: float = 0.35
    """Part of the signals that each tree may read, so that no few of them carry all."""
    ridge: float = 8.0
    """L2 on the leaves."""
    is_monotone: bool = True
    """Whether the trees keep to the directions that all signals declare.

    Authentication, history and facts are kept to theirs in any case, where the trees see them.
    """
    dropout: float = 0.3
    """Part of the messages that lose facts in training, half of them all and half each with even chance, so that the
    trees know mail whose facts are late. Without effect where the trees see no facts."""
    seeds: tuple[int, ...] = (SEED, SEED + 1)
    """One booster each."""
    threads: int = 1
    """Of LightGBM. Several wait for each other where the cores have other work, and a fit takes many times as long."""
    sees_everything: bool = False
    """Whether the trees read signals that tell sources apart, too: for logged vectors of the mail that stays there."""

    def parameters(self, seed: int) -> dict[str, Any]:
        """For LightGBM."""
        return {
            "objective": "binary",
            "num_leaves": self.leaves,
            "learning_rate": 0.06,
            "min_data_in_leaf": self.least_in_leaf,
            "feature_fraction": self.feature_share,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": self.ridge,
            "max_bin": 63,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.threads,
            "seed": seed,
            "verbosity": -1,
        }


class Words(NamedTuple):
    """A sparse matrix of hashed words, a row a message, each row of length 1."""

    features: Any

    @classmethod
    def of(cls, found: tokens.Tokens) -> Words:
        """Rows of messages' words."""
        counts = np.diff(found.starts)
        values = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts)
        return cls(sparse.csr_matrix((values, found.buckets, found.starts), shape=(len(counts), tokens.BUCKETS)))


def fit_text(words: Words, rows: npt.NDArray[np.bool_], unwanted: npt.NDArray[np.bool_], weights: Floats) -> TextModel:
    """A text model over the chosen messages, whose weights are given: the mean of two that err apart.

    Regression weighs words against each other and trusts the sources that it saw; a ratio looks at one word alone
    and is blunter, but holds where nobody saw the source.
    """
    chosen, bad = words.features[rows], unwanted[rows]
    bounded = np.minimum(weights, TEXT_MOST_WEIGHT)
    model = LogisticRegression(C=TEXT_C, solver="lbfgs", max_iter=60, tol=1e-3).fit(chosen, bad, sample_weight=bounded)
    both = (model.coef_[0] + RATIO_SHARE * _ratios(chosen, bad, bounded)) / 2
    return quantised(both, float(model.intercept_[0]) / 2)


def _ratios(chosen: Any, bad: npt.NDArray[np.bool_], weights: Floats) -> Floats:
    """Log ratio of the shares of unwanted and of wanted mail that have each word, smoothed by one message."""
    present = chosen.copy()
    present.data[:] = 1.0
    with_word = [np.asarray(present.T @ (weights * label)) for label in (bad, ~bad)]
    of_unwanted, of_wanted = (
        (hits + 1.0) / (weights[label].sum() + 2.0) for hits, label in zip(with_word, (bad, ~bad), strict=True)
    )
    ratios = np.clip(np.log(of_unwanted) - np.log(of_wanted), -RATIO_MOST, RATIO_MOST)
    return np.asarray(np.where(with_word[0] + with_word[1] > 0, ratios, 0.0))


def text_log_odds(model: TextModel, words: Words) -> Floats:
    """Text log-odds of every message, as the scorer computes them but for the last bits."""
    return np.asarray(words.features @ (model.weights.astype(np.float64) * model.step) + model.intercept)


def fit_trees(
    names: tuple[str, ...],
    matrix: npt.NDArray[np.float32],
    text: Floats,
    unwanted: npt.NDArray[np.bool_],
    weights: Floats,
    *,
    recipe: Recipe,
) -> tuple[lightgbm.Booster, ...]:
    """Trees over signals and the text column on top of a share of the text, one booster a seed."""
    directions = directions_of(names, recipe)
    boosters = []
    for seed in recipe.seeds:
        chosen = recipe.parameters(seed)
        if any(directions):
            chosen["monotone_constraints"] = directions
        seen = without_facts(matrix, names, recipe.dropout, seed)
        data = lightgbm.Dataset(columns(seen, text), unwanted, weight=weights, feature_name=[*names, "text_log_odds"])
        boosters.append(lightgbm.train(chosen, data, recipe.rounds))
    return tuple(boosters)


def directions_of(names: tuple[str, ...], recipe: Recipe) -> list[int]:
    """Way that more of each signal, and of the text's score, may move the trees: 1 up, -1 down, 0 either."""
    every = recipe.is_monotone
    return [*(s.monotone if every or s.family in FAMILIES else 0 for s in signal_set(names).signals), int(every)]


def without_facts(
    matrix: npt.NDArray[np.float32], names: tuple[str, ...], part: float, seed: int
) -> npt.NDArray[np.float32]:
    """The same vectors, of which a part lost its facts: NaN, as where enrichment was late or failed."""
    facts = [at for at, signal in enumerate(signal_set(names).signals) if signal.family == ENRICHED]
    if not facts or not part:
        return matrix
    random = np.random.default_rng(seed)
    chosen = random.random(len(matrix))
    every = chosen < part / 2
    some = (chosen >= part / 2) & (chosen < part)
    lost = every[:, np.newaxis] | (some[:, np.newaxis] & (random.random((len(matrix), len(facts))) < EVEN))
    out = matrix.copy()
    out[:, facts] = np.where(lost, np.float32(np.nan), matrix[:, facts])
    return out


def raw_of(boosters: tuple[lightgbm.Booster, ...], matrix: npt.NDArray[np.float32], text: Floats) -> Floats:
    """Raw score of trees and text share together."""
    seen = columns(matrix, text)
    found = [np.asarray(one.predict(seen, raw_score=True, num_threads=1), np.float64) for one in boosters]
    return np.asarray(sum(found) / len(found) + TEXT_SHARE * np.clip(text, -TEXT_MOST, TEXT_MOST))
