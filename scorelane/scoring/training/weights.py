"""How much each training message counts, so that no source and no habit of a source stands for a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scorelane.scoring.training.corpus import Dataset

Floats = npt.NDArray[np.float64]
EVENNESS = 0.5
"""1 brings both classes to the same shares, 0 leaves them as they are."""
MOST_FACTOR = 8.0
"""Bound of the correction for habits: a few messages must not speak for a whole kind of mail."""


def weights_of(data: Dataset, rows: npt.NDArray[np.bool_]) -> Floats:
    """Weights of the chosen messages, mean 1, the two classes even.

    Within each class, mail with and without HTML and links is brought closer to the same shares: the wanted mail of
    public lists has neither, and a model would learn that alone.
    """
    unwanted, shape = data.unwanted[rows], _shape(data)[rows]
    weights = np.array(data.weights[rows], np.float64)
    share = {
        label: np.array([weights[(unwanted == label) & (shape == kind)].sum() for kind in range(4)])
        / max(weights[unwanted == label].sum(), 1e-12)
        for label in (True, False)
    }
    wanted = (share[True] + share[False]) / 2
    for label in (True, False):
        factor = np.minimum((wanted / np.maximum(share[label], 1e-12)) ** EVENNESS, MOST_FACTOR)
        mine = unwanted == label
        weights[mine] *= factor[shape[mine]]
        weights[mine] /= weights[mine].sum()
    return np.asarray(weights * len(weights) / weights.sum())


def _shape(data: Dataset) -> npt.NDArray[np.intp]:
    """0 to 3: with HTML counts two, with links one."""
    html, links = (
        data.matrix[:, data.names.index(name)] > 0 if name in data.names else np.zeros(len(data.matrix), bool)
        for name in ("has_html", "link_count")
    )
    return np.asarray(html * 2 + links * 1, np.intp)
