"""How each signal does on mail that was scored: fired, right and missing how often. Counted in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scorelane.signals.columns import NOT_COMPUTED

if TYPE_CHECKING:
    import numpy.typing as npt

    from scorelane.signals.registry import SignalSet


class Standing(NamedTuple):
    """Counts of one signal; shares are None where there is nothing to share."""

    signal: str
    family: str
    speaks_for: str
    """What its firing says: `legitimate` for a signal that lowers suspicion, else `unwanted`."""
    vectors: int
    """Vectors that hold it at its present version."""
    fired: int
    """Vectors with a value other than 0."""
    missing: int
    labelled: int
    """Labelled vectors among those that hold it."""
    labelled_fired: int
    right: int
    """Of these, messages whose label agrees: attack or spam, or legitimate, as it speaks for."""

    @property
    def fired_share(self) -> float | None:
        """Of the vectors that hold it."""
        return self.fired / self.vectors if self.vectors else None

    @property
    def missing_share(self) -> float | None:
        """Of the vectors that hold it."""
        return self.missing / self.vectors if self.vectors else None

    @property
    def right_share(self) -> float | None:
        """Of the labelled messages on which it fired."""
        return self.right / self.labelled_fired if self.labelled_fired else None


class Board:
    """Counters of every signal of a set."""

    def __init__(self, set_: SignalSet) -> None:
        self._set = set_
        self._counts = np.zeros((6, len(set_)), np.int64)
        self._lowers = np.array([signal.monotone < 0 for signal in set_.signals])

    def add(
        self,
        values: npt.NDArray[np.float32],
        statuses: npt.NDArray[np.uint8],
        unwanted: npt.NDArray[np.bool_],
        labelled: npt.NDArray[np.bool_],
    ) -> None:
        """Count a chunk: values and statuses (rows, signals), and of each row whether it is labelled, and as what."""
        held = statuses != NOT_COMPUTED
        missing = held & np.isnan(values)
        fired = held & ~missing & (values != 0)
        known = labelled[:, None]
        agrees = unwanted[:, None] != self._lowers[None, :]
        for row, marks in enumerate((held, fired, missing, held & known, fired & known, fired & known & agrees)):
            self._counts[row] += marks.sum(axis=0)

    def standings(self) -> list[Standing]:
        """What was counted, in the order of the set."""
        return [
            Standing(
                signal.name,
                signal.family,
                "legitimate" if signal.monotone < 0 else "unwanted",
                *(int(count) for count in self._counts[:, at]),
            )
            for at, signal in enumerate(self._set.signals)
        ]
