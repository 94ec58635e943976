"""What a rescan found: flips as pages, as a sheet and summed, with the reasons that moved."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from db import rescans as queries
from db.session import Connection
from scorelane import rescans
from scorelane.api.accepts import best
from scorelane.api.caller import Analyst, Caller
from scorelane.api.fields import PAGE, Limit, Page, Verdict
from scorelane.api.pages import next_page
from scorelane.api.rescans import find

router = APIRouter(tags=["rescans"])

JSON, CSV, LINES = "application/json", "text/csv", "application/x-ndjson"
_TEXT = {"schema": {"type": "string"}}


class Reason(BaseModel):
    """One signal that moved the score, in log-odds, or the category, in support for it."""

    name: str
    before: float
    after: float
    moved: float
    of: Literal["score", "category"]


class FlipOut(BaseModel):
    """A message whose verdict differs."""

    message_id: UUID
    mailbox: str
    received_at: datetime
    sender: str | None
    subject: str | None
    before_verdict: Verdict
    verdict: Verdict
    before_log_odds: float
    log_odds: float
    before_category: str | None
    category: str | None
    work: str
    reasons: list[Reason] = Field(description="What moved most; empty where what it needs is gone.")


class FlipsPage(Page):
    """Flips by message id, oldest first."""

    items: list[FlipOut]


class FlipsSummed(BaseModel):
    """Flips of one kind in one mailbox."""

    mailbox: str
    before_verdict: Verdict
    verdict: Verdict
    category: str | None
    messages: int


class WantedFlips(BaseModel):
    """What a reading of flips asks for."""

    after: UUID | None = Field(default=None, description="Go on above this message id, as `next` of a page says.")
    limit: Limit | None = Field(
        default=None, description=f"Most items of a page, {PAGE} in JSON; CSV and JSON lines without it are whole."
    )


@router.get("/rescans/{rescan_id}/summary", response_model=list[FlipsSummed])
def sum_flips(caller: Analyst, rescan_id: UUID) -> list[dict[str, Any]]:
    """Flips counted by mailbox, verdict before and after, and category, most first."""
    with caller.database() as opened:
        find(opened.raw, rescan_id)
        rows = queries.summary(opened.raw, rescan_id)
        caller.note(opened, "rescan.summary", rescan_id)
    return [dict(zip(FlipsSummed.model_fields, row, strict=True)) for row in rows]


@router.get(
    "/rescans/{rescan_id}/flips", response_model=FlipsPage, responses={200: {"content": {CSV: _TEXT, LINES: _TEXT}}}
)
def list_flips(request: Request, caller: Analyst, rescan_id: UUID, wanted: Annotated[WantedFlips, Query()]) -> Any:
    """Messages whose verdict differs, with what moved: a page of JSON, or the whole as CSV or JSON lines, by Accept."""
    media = best(request, (JSON, CSV, LINES))
    with caller.database() as opened:
        bundle = find(opened.raw, rescan_id).rescan.bundle
        caller.note(opened, "rescan.flips", rescan_id, form=media)
    if media == JSON:
        limit = wanted.limit or PAGE
        rows = _page(caller, rescan_id, bundle, wanted.after, limit)
        return {"items": rows, "next": next_page(request, rows, limit, rows and rows[-1]["message_id"], name="after")}
    form = rescans.CSV if media == CSV else rescans.JSON_LINES
    name = f'attachment; filename="flips-{rescan_id}.{form}"'
    found = rescans.pages(lambda: _opened(caller), rescan_id, bundle, after=wanted.after, limit=wanted.limit)
    return StreamingResponse(rescans.sheet(found, form), media_type=media, headers={"Content-Disposition": name})


def _page(caller: Caller, rescan_id: UUID, bundle: str, after: UUID | None, limit: int) -> list[dict[str, Any]]:
    """Flips above a message id; reasons that nobody has read yet are computed here and kept."""
    with caller.database() as opened:
        reader = rescans.reader(opened.raw, bundle)
        return list(rescans.flips(opened.raw, rescan_id, after=after, limit=limit, reasons=reader))


@contextlib.contextmanager
def _opened(caller: Caller) -> Iterator[Connection]:
    with caller.database() as opened:
        yield opened.raw
