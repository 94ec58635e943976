"""Lanes and dead letters of the caller's tenant: what waits, how long, and what no attempt could score."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from db import dead_letters, lanes
from scorelane.api.caller import Ops, Reader
from scorelane.api.fields import PAGE, Limit, Page, RowId
from scorelane.api.pages import next_page
from scorelane.api.problems import missing

router = APIRouter(tags=["operations"])


class LaneOut(BaseModel):
    """One lane, with the messages of the caller's tenant in it."""

    name: str
    paused: bool
    draining: bool
    window_messages: int
    backlog_limit: int
    ready: int
    published: int
    claimed: int
    held: int
    oldest_s: float | None = Field(description="Age of the oldest message that waits.")
    wait_s: float | None = Field(description="Mean wait in the last minute.")
    run_s: float | None = Field(description="Mean run in the last minute.")
    finished_1m: int = Field(description="Messages finished in the last minute.")


class DeadLetterOut(BaseModel):
    """A message that no attempt could score."""

    id: int
    message_id: UUID
    lane: str
    attempts: int
    error: str
    died_at: datetime
    resolution: str | None
    resolved_by: str | None


class DeadLettersPage(Page):
    """Dead letters, newest first."""

    items: list[DeadLetterOut]


class WantedLetters(BaseModel):
    """What a listing of dead letters asks for."""

    resolved: bool = Field(default=False, description="With those that were replayed or discarded.")
    before: RowId | None = None
    limit: Limit = PAGE


@router.get("/lanes", response_model=list[LaneOut])
def list_lanes(caller: Reader) -> list[dict[str, Any]]:
    """Every lane by urgency, with what waits of this tenant."""
    with caller.database() as opened:
        return [state._asdict() for state in lanes.states(opened.raw)]


@router.get("/dead-letters", response_model=DeadLettersPage)
def list_dead_letters(request: Request, caller: Ops, wanted: Annotated[WantedLetters, Query()]) -> dict[str, Any]:
    """List dead letters, newest first."""
    with caller.database() as opened:
        rows = dead_letters.page(opened.raw, resolved=wanted.resolved, before=wanted.before, limit=wanted.limit)
    return {"items": rows, "next": next_page(request, rows, wanted.limit, rows and rows[-1]["id"])}


@router.post("/dead-letters/{letter_id}/replay", status_code=202, response_model=None)
def replay_dead_letter(caller: Ops, letter_id: RowId) -> dict[str, Any]:
    """Give a dead letter a fresh set of attempts."""
    with caller.database() as opened:
        if not dead_letters.replay(opened.raw, letter_id, caller.actor):
            raise missing("open dead letter", letter_id)
        caller.note(opened, "dead_letter.replay", letter_id)
    return {"id": letter_id, "resolution": "replayed"}


@router.post("/dead-letters/{letter_id}/discard", response_model=None)
def discard_dead_letter(caller: Ops, letter_id: RowId) -> dict[str, Any]:
    """Close a dead letter without another attempt."""
    with caller.database() as opened:
        if not dead_letters.discard(opened.raw, letter_id, caller.actor):
            raise missing("open dead letter", letter_id)
        caller.note(opened, "dead_letter.discard", letter_id)
    return {"id": letter_id, "resolution": "discarded"}
