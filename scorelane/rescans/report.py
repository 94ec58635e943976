"""How far a rescan is, and what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from db import bases, explanations, rescans
from scorelane.explanations import Gone, load_bundle
from scorelane.scoring import own_columns
from scorelane.scoring.moved import CATEGORY, SCORE, moved
from scorelane.signals import signal_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from db.rescans import Rescan
    from db.session import Connection
    from scorelane.scoring import Bundle


class Progress(NamedTuple):
    """A rescan with what is left of it."""

    rescan: Rescan
    left: int
    seconds_left: float | None
    """None while nothing has been finished lately."""


def progress(connection: Connection, rescan_id: UUID) -> Progress | None:
    """How far one rescan is, or None when there is none."""
    found = rescans.listing(connection, rescan_id=rescan_id, limit=1)
    if not found:
        return None
    return progress_of(found[0])


def progress_of(rescan: Rescan) -> Progress:
    """A rescan with what is left of it."""
    total = max(rescan.messages, int(rescan.preview.get("messages", 0)) if not rescan.planned else 0)
    left = 0 if rescan.state in ("done", "cancelled") else max(0, total - rescan.done - rescan.dead)
    return Progress(rescan, left, left / rescan.rate if left and rescan.rate else (0.0 if not left else None))


def flips(
    connection: Connection,
    rescan_id: UUID,
    *,
    after: UUID | None = None,
    limit: int | None = None,
    reasons: Callable[[dict[str, Any]], list[dict[str, Any]]] | None = None,
) -> Iterator[dict[str, Any]]:
    """Messages whose verdict differs, by id and above `after`, with the reasons that moved.

    Reasons that were not computed with the rescan are computed by `reasons` and stored, where it is given.
    """
    for row in rescans.flips(connection, rescan_id, after=after, limit=limit):
        if row["reasons"] is None and reasons is not None:
            found = reasons(row)
            row["reasons"] = found
            rescans.keep_reasons(connection, rescan_id, row["message_id"], found)
        if row["reasons"] is not None:
            row["reasons"] = decisive_first(row["before_verdict"], row["verdict"], row["reasons"])
        yield {name: value for name, value in row.items() if name not in ("vector", "text_log_odds")}


def decisive_first(before: str, after: str, reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reasons, those of the category first where it alone tells the verdicts apart: flagged mail is attack or spam.

    Reasons that were kept before these were told speak of the score.
    """
    reasons = [{"of": SCORE, **reason} for reason in reasons]
    by_category = {before, after} == {"attack", "spam"}
    return sorted(reasons, key=lambda reason: (reason["of"] == CATEGORY) != by_category)


def reader(connection: Connection, bundle: str) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    """A function that computes the reasons of a flip when it is read; nothing where what it needs is gone."""

    def load(digest: str) -> Bundle | None:
        found = rescans.bundle_path(connection, digest)
        try:
            return None if found is None else load_bundle(connection, digest, found[2])
        except Gone:
            return None

    def reasons(row: dict[str, Any]) -> list[dict[str, Any]]:
        basis = explanations.basis(connection, row["message_id"], row["before_revision"])
        if basis is None or basis.vector is None or basis.signal_set is None:
            return []
        old, new = load(basis.bundle), load(bundle)
        known = bases.signals(connection, basis.signal_set)
        if old is None or new is None or known is None:
            return []
        before = np.frombuffer(basis.vector, "<f4")[np.newaxis, :]
        after, names = before, known[0]
        if row["vector"] is not None:
            after, names = np.frombuffer(row["vector"], "<f4")[np.newaxis, :], signal_set().names
        if after.shape[1] != len(names):
            return []
        return moved(
            (old, own_columns(old, before, known[0])[0], _or_nan(basis.text_log_odds)),
            (new, own_columns(new, after, names)[0], _or_nan(row["text_log_odds"])),
        )

    return reasons


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
