"""Which model is live, which in shadow, and where the two part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.routing import Route

from db import bundles, comparison
from scorelane.console.visit import MAIL, page
from scorelane.scoring.agreement import Pair, agreement, told
from scorelane.scoring.policy import VERDICTS

if TYPE_CHECKING:
    from starlette.responses import Response

    from scorelane.console.visit import Visit

DISAGREEMENTS, MOST_KINDS = 25, 60
MOST_METRICS_BYTES = 1 << 20


class Rate(NamedTuple):
    """A share with its 95 % interval, of so many messages."""

    rate: float
    low: float
    high: float
    of: float


def _show(visit: Visit) -> Response:
    cells: list[comparison.Cell] = []
    bins: list[comparison.Bin] = []
    differing: list[dict[str, Any]] = []
    with visit.reading() as opened:
        pointer = bundles.current(opened.raw)
        known = comparison.listing(opened.raw)
        flips = bundles.history(opened.raw)[:10]
        if pointer is not None and pointer.shadow is not None:
            scope = comparison.Scope(pointer.live, pointer.shadow)
            cells, bins = comparison.cells(opened.raw, scope), comparison.bins(opened.raw, scope)
            if visit.may(MAIL):
                differing = comparison.disagreements(opened.raw, scope, DISAGREEMENTS)
    names = {bundle.digest: bundle.name for bundle in known}
    found = agreement([Pair(*cell) for cell in cells], bins)
    return visit.page(
        "models.html",
        pointer=pointer,
        names=names,
        known=known,
        flips=flips,
        cells={(cell.live, cell.shadow): cell for cell in cells},
        verdicts=VERDICTS,
        agreement=found,
        told="" if found.stability is None else told(found.stability),
        differing=differing,
        most_compared=comparison.MOST_COMPARED,
        metrics=_metrics(pointer),
    )


def _metrics(pointer: bundles.Pointer | None) -> list[tuple[str, Rate | None, Rate | None]]:
    """(kind of mail, live, shadow): shares flagged, as each bundle carries them; nothing where it carries none."""
    if pointer is None:
        return []
    live = _read(pointer.live_path)
    shadow = _read(pointer.shadow_path) if pointer.shadow_path else {}
    kinds = sorted(live.keys() | shadow.keys())[:MOST_KINDS]
    return [(kind, live.get(kind), shadow.get(kind)) for kind in kinds]


def _read(path: str) -> dict[str, Rate]:
    """Shares of mail flagged by a model that saw nothing of that mail's source, by kind."""
    try:
        content = json.loads((Path(path) / "metrics.json").read_bytes()[:MOST_METRICS_BYTES])
        rows = content["unseen_sources_at_flag"]
        return {str(kind)[:80]: Rate(*(float(row[name]) for name in Rate._fields)) for kind, row in rows.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


ROUTES = [Route("/models", page(_show))]
