"""Content in, extraction out: chooses the reader, bounds the nesting, keeps what a reader found before it broke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from scorelane.extract.kinds import (
    archives,
    calendars,
    images,
    mails,
    markup,
    office,
    onenote,
    pdf,
    shortcuts,
)
from scorelane.extract.kinds.reading import Reading, clean
from scorelane.extract.limits import DEFAULT, Budget, Limits
from scorelane.extract.sniff import true_type
from scorelane.mail.opened import Extraction, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Reader = Callable[[bytes, Reading], Mapping[str, Any]]

READERS: Mapping[str, Reader] = {
    **archives.READERS,
    **office.READERS,
    **images.READERS,
    **markup.READERS,
    **mails.READERS,
    **calendars.READERS,
    **shortcuts.READERS,
    "application/onenote": onenote.read,
    "application/pdf": pdf.read,
}


def analyze(content: bytes, *, kind: str, limits: Limits = DEFAULT) -> Extraction:
    """The extraction of one attachment of a true type; MemoryError is the only thing that may escape.

    Deterministic for equal arguments. Status limit when any cap was met, also inside;
    status unsupported, with findings, when a member could be named but not unpacked.
    """
    budget = Budget(limits)
    found = _one(content, kind, "", 0, budget)
    if found.status != "ok" or not (budget.cut or budget.missing):
        return found
    status: Status = "limit" if budget.cut else "unsupported"
    return msgspec.structs.replace(found, status=status, detail=budget.cut or budget.missing)


def _one(content: bytes, kind: str, name: str, depth: int, budget: Budget) -> Extraction:
    name = clean(name, budget.limits.item_chars)
    reader = READERS.get(kind)
    if reader is None:
        return Extraction(status="unsupported", true_type=clean(kind, 100), name=name)
    reading = Reading(name, kind, depth, budget)

    def descend(inner: str, inner_content: bytes, inner_type: str = "") -> Extraction | None:
        if depth + 1 > budget.limits.depth:
            budget.refuse("depth")
            return None
        child = _one(inner_content, true_type(inner_content, inner_type, inner), inner, depth + 1, budget)
        reading.children.append(child)
        return child

    reading.descend = descend  # type: ignore[assignment]
    status: Status = "ok"
    detail = ""
    findings: Mapping[str, Any] = {}
    try:
        findings = reader(content, reading)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - libraries raise anything on hostile bytes; told in the status
        status, detail = "crashed", type(error).__name__
    return Extraction(
        status=status,
        true_type=findings.pop("true_type", kind) if isinstance(findings, dict) else kind,
        name=name,
        urls=tuple(reading.urls),
        url_pages=tuple(reading.urls.values()) if any(reading.urls.values()) else (),
        text=" ".join(reading.texts)[: budget.limits.text_chars],
        children=tuple(reading.children),
        detail=detail,
        **findings,
    )


def warm() -> None:
    """Run every reader once, so that a forked job imports nothing and opens nothing."""
    from scorelane.extract import warmth  # noqa: PLC0415 - samples are needed by the server alone

    for name, content in warmth.samples():
        analyze(content, kind=true_type(content, "", name))
