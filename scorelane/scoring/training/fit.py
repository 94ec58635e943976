"""Fits the whole model, and says what it would have said of each message without that message's source or campaign."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from scorelane.scoring import additive
from scorelane.scoring.errors import TrainingRejected
from scorelane.scoring.training.leaks import seen_by_trees
from scorelane.scoring.training.models import Recipe, Words, fit_text, fit_trees, raw_of, text_log_odds
from scorelane.scoring.training.weights import weights_of
from scorelane.signals import signal_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    import lightgbm

    from scorelane.scoring.additive import Table
    from scorelane.scoring.text_model import TextModel
    from scorelane.scoring.training.corpus import Dataset

FOLDS = 3
"""Groups of campaign clusters."""
FLAG_RATE = 0.002
"""False positives that a verdict of attack or spam may cost, of wanted mail in campaigns not seen in training."""
SUSPECT_RATE = 0.01
LEAST_KNOWN = 200
"""Messages with a value of a signal from which on the trees speak for it, and its row of the additive table goes."""
LATER = 0.2
"""Part of each source, the last in time, that is judged by a model of the earlier mail."""
GENERATED = "generated"
"""Source of the project's own sample mail: trained on, never measured on, and no threshold comes from it."""

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Model(NamedTuple):
    """Text model and trees."""

    text_model: TextModel
    boosters: tuple[lightgbm.Booster, ...]


class Fitted(NamedTuple):
    """A model, its calibration, and held-out scores of the training mail."""

    model: Model
    recipe: Recipe
    trees: tuple[str, ...]
    """Signals that the trees read."""
    empty: tuple[str, ...]
    """Of these, signals without a value in any message: nothing was learnt of them."""
    additive: Table
    """What no data trained."""
    slope: float
    intercept: float
    thresholds: dict[str, float]
    by_campaign: Floats
    """Calibrated log-odds, each from a model that saw no mail of the message's campaign."""
    by_source: Floats
    """The same from a model that saw no mail of the message's source; NaN where it could not be left out."""
    by_time: Floats
    """The same of each source's later mail, from a model of all earlier mail of other campaigns; NaN of the rest."""


class Trainer:
    """Fits on chosen rows of one data set, reading its words and columns once."""

    def __init__(self, data: Dataset, recipe: Recipe = Recipe()) -> None:  # noqa: B008 - immutable
        """Check the data. Raises TrainingRejected for what cannot give a model."""
        self.data, self.recipe = data, recipe
        self.trees = data.names if recipe.sees_everything else seen_by_trees(signal_set(data.names))
        self.seen = data.matrix[:, [data.names.index(name) for name in self.trees]]
        empty = [bool(np.isnan(column).all()) for column in self.seen.T]
        if all(empty):
            raise TrainingRejected("no signal has a value in any message; there is nothing to learn from")
        self.empty = tuple(name for name, is_empty in zip(self.trees, empty, strict=True) if is_empty)
        known = (~np.isnan(self.seen)).sum(axis=0) >= LEAST_KNOWN
        learnt = {name for name, enough in zip(self.trees, known, strict=True) if enough}
        self.additive = additive.SHIPPED.without(learnt | (additive.SHIPPED.signals - set(data.names)))
        self.words = Words.of(data.words)
        self._texts: dict[bytes, tuple[TextModel, Floats]] = {}

    def text(self, rows: Mask) -> tuple[TextModel, Floats]:
        """A text model of these rows and what it says of every message; kept, as folds ask again."""
        key = np.packbits(rows).tobytes()
        if key not in self._texts:
            need_both(self.data, rows)
            model = fit_text(self.words, rows, self.data.unwanted, weights_of(self.data, rows))
            self._texts[key] = model, text_log_odds(model, self.words)
        return self._texts[key]

    def fit(self, rows: Mask) -> tuple[Model, Floats]:
        """The model of these rows, and its raw score of every message.

        The trees learn from a text score that saw no mail of the row's source, and judge by one that saw all rows.
        """
        data = self.data
        need_both(data, rows)
        learnt = np.zeros(len(data.unwanted))
        known = np.isin(data.sources, np.unique(data.sources[rows]))
        for group in self._judged_apart(known):
            # Campaigns held out of the rows may teach words here: the trees judge them by the text model below.
            learnt[known & group] = self.text(known & ~group)[1][known & group]
        model, said = self.text(rows)
        weights = weights_of(data, rows)
        boosters = fit_trees(
            self.trees, self.seen[rows], learnt[rows], data.unwanted[rows], weights, recipe=self.recipe
        )
        return Model(model, boosters), raw_of(boosters, self.seen, said)

    def _judged_apart(self, rows: Mask) -> Iterator[Mask]:
        """Groups whose words are judged by all others: sources, or campaigns of a source that no other can judge."""
        data = self.data
        folds = folds_of(data.clusters)
        for source in np.unique(data.sources[rows]):
            mine = data.sources == source
            if has_both(data, rows & ~mine):
                yield mine
            else:
                yield from (mine & (folds == fold) for fold in np.unique(folds[rows & mine]))


def fit(data: Dataset, recipe: Recipe = Recipe()) -> Fitted:  # noqa: B008 - immutable
    """The whole model. Raises TrainingRejected for mail that cannot give one."""
    trainer = Trainer(data, recipe)
    everything = np.ones(len(data.unwanted), bool)
    by_campaign = held_out(trainer, folds_of(data.clusters))
    real = data.sources != GENERATED
    calibration = LogisticRegression(C=1e6).fit(
        by_campaign[:, np.newaxis], data.unwanted, sample_weight=weights_of(data, everything)
    )
    slope, intercept = float(calibration.coef_[0, 0]), float(calibration.intercept_[0])
    wanted = (slope * by_campaign + intercept)[~data.unwanted & real]
    if not len(wanted):
        wanted = (slope * by_campaign + intercept)[~data.unwanted]
    model, _ = trainer.fit(everything)
    return Fitted(
        model=model,
        recipe=recipe,
        trees=trainer.trees,
        empty=trainer.empty,
        additive=trainer.additive,
        slope=slope,
        intercept=intercept,
        thresholds={"flag": quantile(wanted, FLAG_RATE), "suspect": quantile(wanted, SUSPECT_RATE)},
        by_campaign=slope * by_campaign + intercept,
        by_source=slope * held_out(trainer, data.sources, skip=GENERATED) + intercept,
        by_time=slope * held_later(trainer) + intercept,
    )


def held_out(trainer: Trainer, groups: npt.NDArray[Any], skip: str | None = None) -> Floats:
    """Raw score of each message from a model that saw no mail of its group; NaN where that cannot be."""
    out = np.full(len(groups), np.nan)
    for group in np.unique(groups):
        mine = groups == group
        if group == skip or not has_both(trainer.data, ~mine):
            continue
        out[mine] = trainer.fit(~mine)[1][mine]
    return out


def held_later(trainer: Trainer) -> Floats:
    """Raw score of each source's later mail by a model of the earlier mail of other campaigns; NaN of the rest."""
    data = trainer.data
    later = later_of(data)
    earlier = ~later & ~np.isin(data.clusters, np.unique(data.clusters[later]))
    out = np.full(len(later), np.nan)
    if later.any() and has_both(data, earlier):
        out[later] = trainer.fit(earlier)[1][later]
    return out


def later_of(data: Dataset) -> Mask:
    """The last part of each real source, whose messages stand in order of time."""
    out = np.zeros(len(data.unwanted), bool)
    for source in np.unique(data.sources[data.sources != GENERATED]):
        mine = np.flatnonzero(data.sources == source)
        out[mine[len(mine) - int(len(mine) * LATER) :]] = True
    return out


def folds_of(clusters: npt.NDArray[np.str_], folds: int = FOLDS) -> npt.NDArray[np.intp]:
    """Group of each message; a campaign is never in two."""
    return np.array([zlib.crc32(cluster.encode()) % folds for cluster in clusters.tolist()], np.intp)


def quantile(wanted: Floats, rate: float) -> float:
    """Threshold that at most this share of the wanted mail lies above."""
    return float(np.quantile(wanted, 1 - rate, method="higher"))


def has_both(data: Dataset, rows: Mask) -> bool:
    """Whether wanted and unwanted mail are among the rows."""
    return len(np.unique(data.unwanted[rows])) == 2  # noqa: PLR2004 - wanted and unwanted


def need_both(data: Dataset, rows: Mask) -> None:
    """Raise TrainingRejected unless both classes are among the rows."""
    if not has_both(data, rows):
        raise TrainingRejected(
            "too little mail: with some campaigns held out only one class is left; "
            f"give more than {FOLDS} campaigns of wanted and of unwanted mail"
        )
