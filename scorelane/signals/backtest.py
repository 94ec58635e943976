"""What one signal does on mail whose class is known: where it fires, how well it tells, what it repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scorelane.signals.context import STATUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

FAILED = STATUSES.index("failed")
FEWEST_PAIRS = 30
"""Messages with both values below which a correlation is not told."""


class Tried(NamedTuple):
    """Messages with the value that the signal gave each, in one order."""

    names: Sequence[str]
    """Where to find each message again."""
    sources: npt.NDArray[np.str_]
    labels: npt.NDArray[np.str_]
    unwanted: npt.NDArray[np.bool_]
    values: npt.NDArray[np.float32]
    statuses: npt.NDArray[np.uint8]
    others: npt.NDArray[np.float32]
    """Values of the other signals, (messages, others)."""
    other_names: Sequence[str]


class Group(NamedTuple):
    """The messages of one source and class; shares are of all of them, the mean of those with a value."""

    source: str
    label: str
    messages: int
    fired_share: float
    missing_share: float
    failed: int
    mean: float | None


class Trial(NamedTuple):
    """What was found; a figure is None where the mail does not give it (one class, no value, never fired)."""

    messages: int
    unwanted: int
    fired_share: float
    """Of all messages; a signal has fired where its value is there and not 0."""
    missing_share: float
    failed: int
    right_share: float | None
    """Of those it fired on, the share of what it speaks for: unwanted mail, or wanted where it lowers suspicion."""
    lift: float | None
    """That share over the share in all messages: 1 tells nothing."""
    auc: float | None
    """Chance that an unwanted message has the higher value than a wanted one, ties half: 0.5 tells nothing."""
    auc_by_source: dict[str, float]
    """The same within each source of both classes: what is left when the source cannot be read."""
    groups: list[Group]
    alike: list[tuple[str, float]]
    """Other signals by the strength of their correlation (Pearson), strongest first."""
    examples: dict[str, list[tuple[str, float | None]]]
    """Names and values of messages: fired on unwanted, fired on wanted, quiet on unwanted, failed."""


def trial(tried: Tried, *, lowers: bool = False, examples: int = 5, alike: int = 5) -> Trial:
    """Figures of a signal over messages; `lowers` for one that speaks for wanted mail."""
    present = ~np.isnan(tried.values)
    fired = present & (tried.values != 0)
    spoken_for = tried.unwanted != lowers
    right = float(spoken_for[fired].mean()) if fired.any() else None
    base = float(spoken_for.mean()) if len(spoken_for) else 0.0
    return Trial(
        messages=len(tried.values),
        unwanted=int(tried.unwanted.sum()),
        fired_share=_share(fired),
        missing_share=_share(~present),
        failed=int((tried.statuses == FAILED).sum()),
        right_share=right,
        lift=right / base if right is not None and 0 < base < 1 else None,
        auc=auc(tried.values[present], tried.unwanted[present]),
        auc_by_source=_auc_by_source(tried, present),
        groups=_groups(tried, present, fired),
        alike=_alike(tried, alike),
        examples=_examples(tried, fired, examples),
    )


def auc(values: npt.NDArray[np.float32], unwanted: npt.NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve by ranks (Mann and Whitney 1947), ties half; None for one class only."""
    positive = int(unwanted.sum())
    negative = len(unwanted) - positive
    if not positive or not negative:
        return None
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return float((ranks[unwanted].sum() - positive * (positive + 1) / 2.0) / (positive * negative))


def _auc_by_source(tried: Tried, present: npt.NDArray[np.bool_]) -> dict[str, float]:
    found = {}
    for source in np.unique(tried.sources).tolist():
        rows = present & (tried.sources == source)
        area = auc(tried.values[rows], tried.unwanted[rows])
        if area is not None:
            found[str(source)] = area
    return found


def _groups(tried: Tried, present: npt.NDArray[np.bool_], fired: npt.NDArray[np.bool_]) -> list[Group]:
    found = []
    for source, label in sorted(set(zip(tried.sources.tolist(), tried.labels.tolist(), strict=True))):
        rows = (tried.sources == source) & (tried.labels == label)
        known = tried.values[rows & present]
        found.append(
            Group(
                source=source,
                label=label,
                messages=int(rows.sum()),
                fired_share=_share(fired[rows]),
                missing_share=_share(~present[rows]),
                failed=int((tried.statuses[rows] == FAILED).sum()),
                mean=float(known.mean(dtype=np.float64)) if known.size else None,
            )
        )
    return found


def _alike(tried: Tried, most: int) -> list[tuple[str, float]]:
    found = []
    own = tried.values.astype(np.float64)
    for at, name in enumerate(tried.other_names):
        other = tried.others[:, at].astype(np.float64)
        both = ~np.isnan(own) & ~np.isnan(other)
        if int(both.sum()) < FEWEST_PAIRS:
            continue
        one, two = own[both], other[both]
        if np.ptp(one) > 0 and np.ptp(two) > 0:
            found.append((name, float(np.corrcoef(one, two)[0, 1])))
    return sorted(found, key=lambda pair: (-abs(pair[1]), pair[0]))[:most]


def _examples(tried: Tried, fired: npt.NDArray[np.bool_], most: int) -> dict[str, list[tuple[str, float | None]]]:
    """The first of each kind; of those that fired, the highest values first."""
    strength = np.where(fired, -np.abs(np.nan_to_num(tried.values)), 0.0)
    kinds = {
        "fired on unwanted": fired & tried.unwanted,
        "fired on wanted": fired & ~tried.unwanted,
        "quiet on unwanted": ~fired & tried.unwanted,
        "failed": tried.statuses == FAILED,
    }
    found = {}
    for kind, rows in kinds.items():
        chosen = np.flatnonzero(rows)
        chosen = chosen[np.argsort(strength[chosen], kind="stable")][:most]
        found[kind] = [
            (tried.names[at], None if np.isnan(tried.values[at]) else float(tried.values[at])) for at in chosen.tolist()
        ]
    return found


def _share(marks: npt.NDArray[np.bool_]) -> float:
    return float(marks.mean()) if len(marks) else 0.0
