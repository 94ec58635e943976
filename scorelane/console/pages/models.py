"""Which model is live, which in shadow, and where the two part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from db import bundles, comparison
from scorelane.console.visit import MAIL, page
from scorelane.scoring.policy import VERDICTS

if TYPE_CHECKING:
    from starlette.responses import Response

    from scorelane.console.visit import Visit

DISAGREEMENTS = 25
MOST_METRICS_BYTES = 1 << 20


def _show(visit: Visit) -> Response:
    cells: list[comparison.Cell] = []
    differing: list[dict[str, Any]] = []
    with visit.reading() as opened:
        pointer = bundles.current(opened.raw)
        known = comparison.listing(opened.raw)
        flips = bundles.history(opened.raw)[:10]
        if pointer is not None and pointer.shadow is not None:
            cells = comparison.cells(opened.raw, pointer.live, pointer.shadow)
            if visit.may(MAIL):
                differing = comparison.disagreements(opened.raw, pointer.live, pointer.shadow, DISAGREEMENTS)
    names = {bundle.digest: bundle.name for bundle in known}
    total = sum(cell.messages for cell in cells)
    agreed = sum(cell.messages for cell in cells if cell.live == cell.shadow)
    return visit.page(
        "models.html",
        pointer=pointer,
        names=names,
        known=known,
        flips=flips,
        cells={(cell.live, cell.shadow): cell for cell in cells},
        verdicts=VERDICTS,
        total=total,
        agreed=agreed,
        differing=differing,
        most_compared=comparison.MOST_COMPARED,
        metrics=_metrics(pointer),
    )


def _metrics(pointer: bundles.Pointer | None) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(source, live, shadow) of the evaluation that each bundle carries, by source; nothing where it carries none."""
    if pointer is None:
        return []
    live = _read(pointer.live_path)
    shadow = _read(pointer.shadow_path) if pointer.shadow_path else {}
    return [(source, live.get(source, {}), shadow.get(source, {})) for source in sorted(live.keys() | shadow.keys())][
        :40
    ]


def _read(path: str) -> dict[str, dict[str, Any]]:
    try:
        file = Path(path) / "metrics.json"
        content = json.loads(file.read_bytes()[:MOST_METRICS_BYTES])
    except (OSError, ValueError):
        return {}
    return {name: row for name, row in content.items() if isinstance(row, dict) and "recall_at_0.001" in row}


ROUTES = [Route("/models", page(_show))]
