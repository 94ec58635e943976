"""Rescans: weighed before they start, watched and steered while they run. The tenant is the key's, always."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from db import bundles, jobs
from db import rescans as queries
from db.session import Connection
from scorelane import rescans
from scorelane.api.caller import Analyst, Caller
from scorelane.api.choice import Choice, named_fields
from scorelane.api.fields import EARLIEST, PAGE, Address, IdempotencyKey, Limit, Page, Verdict, Words
from scorelane.api.pages import next_page
from scorelane.api.problems import Problem, missing
from scorelane.rescans import Asked, Progress

router = APIRouter(tags=["rescans"])

MOST_MAILBOXES, MOST_IDS = 1000, 5000


def _as_of(value: str) -> str:
    if value in ("received", "final", "now"):
        return value
    try:
        if datetime.fromisoformat(value) >= EARLIEST:
            return value
    except (ValueError, TypeError):  # TypeError: a time without its zone cannot be compared
        pass
    raise ValueError("is received, final, now, or a time since 1990 with its zone, like 2026-11-24T09:30:00Z")


class Filter(Choice):
    """Which messages: every field that is given must fit."""

    model_config = ConfigDict(extra="forbid")

    mailboxes: list[Address] = Field(default=[], max_length=MOST_MAILBOXES)
    verdicts: list[Verdict] = Field(default=[], max_length=4)
    scored_by: Words | None = Field(default=None, description="Bundle of the current score, by name or digest.")
    signal_set: Words | None = Field(default=None, description="Hash of the signal set of the current vector.")
    message_ids: list[UUID] = Field(default=[], max_length=MOST_IDS, description="Only these.")


class RescanIn(BaseModel):
    """What to rescan, and how."""

    model_config = ConfigDict(extra="forbid")

    filter: Filter = Filter()
    bundle: Words | None = Field(
        default=None, description="Bundle to score with, by name or digest; else the live one."
    )
    as_of: Annotated[str, Field(max_length=40), AfterValidator(_as_of)] = Field(
        default="received", description="What a score may know: received, final, now, or a time with its zone."
    )


class StartIn(RescanIn):
    """What to rescan, how, and what to do with it."""

    apply: bool = Field(default=False, description="Make the results revisions; an admin's key, the live bundle.")
    confirm: bool = Field(default=False, description="Start it however large it is.")


class PreviewOut(BaseModel):
    """What a rescan would take."""

    messages: int
    works: dict[str, int] = Field(description="Messages by work: stored, text, full; gone where raw mail has expired.")
    seconds: float = Field(description="An estimate for two cores with nothing else to do.")
    needs_confirm: bool


class RescanOut(BaseModel):
    """A rescan and how far it is, in messages."""

    id: UUID
    state: Literal["open", "paused", "done", "cancelled"]
    actor: str
    bundle: str
    as_of: str
    as_of_time: datetime | None = Field(description="Null for received and final, and where `time` means now.")
    applies: bool
    filter: dict[str, Any] = Field(description="As it was understood: scores as log-odds, entities as hashes.")
    messages: int = Field(description="Planned so far.")
    planned: bool
    done: int
    dead: int
    left: int
    rate: float = Field(description="Messages a second, of the last ten seconds or of the whole run once it ended.")
    seconds_left: float | None = Field(description="Null while nothing has been finished lately.")
    flips: int
    created_at: datetime
    finished_at: datetime | None


class RescansPage(Page):
    """Rescans, newest first."""

    items: list[RescanOut]


class WantedRescans(BaseModel):
    """What a listing of rescans asks for."""

    before: UUID | None = None
    limit: Limit = PAGE


@router.post("/rescans/preview", response_model=PreviewOut)
def preview_rescan(caller: Analyst, said: RescanIn) -> dict[str, Any]:
    """How many messages, which work they need, and how long that takes; nothing is started."""
    with caller.database() as opened, _named_fields():
        asked, wanted = _asked(opened.raw, said.filter), _wanted(caller, opened.raw, said.bundle)
        found = rescans.preview(opened.raw, caller.tenant_id, asked, wanted, said.as_of)
    return {**found._asdict(), "needs_confirm": found.needs_yes}


@router.post("/rescans", status_code=201, response_model=RescanOut, responses={200: {"model": RescanOut}})
def start_rescan(
    response: Response, caller: Analyst, said: StartIn, idempotency_key: IdempotencyKey = None
) -> dict[str, Any]:
    """Start a rescan. It reports, unless `apply`; above 100,000 messages it takes `confirm`.

    With an Idempotency-Key a repeated call starts nothing: 200 with the rescan of the first, 409 when it asks for
    something else.
    """
    if said.apply and caller.role != "admin":
        detail = "only an admin's key may let a rescan revise verdicts; without apply it reports"
        raise Problem(403, detail, field="body.apply")
    with caller.database() as opened, _named_fields():
        repeat = None
        if idempotency_key is not None:
            repeat = queries.Repeat(
                f"rescan:{caller.key_id}:{idempotency_key}", sha256(said.model_dump_json().encode()).hexdigest()
            )
            first = queries.started(opened.raw, caller.tenant_id, repeat.key)
            if first is not None:
                response.status_code = 200
                return _repeated(opened.raw, response, first, repeat)
        asked, wanted = _asked(opened.raw, said.filter), _wanted(caller, opened.raw, said.bundle)
        pointer = bundles.current(opened.raw)
        rescan_id, found = rescans.start(
            opened.raw,
            caller.tenant_id,
            asked,
            wanted,
            as_of=said.as_of,
            applies=said.apply,
            actor=caller.actor,
            yes=said.confirm,
            live=None if pointer is None else pointer.live,
            repeat=repeat,
        )
        caller.note(opened, "rescan.start", rescan_id, messages=found.messages, apply=said.apply)
        response.headers["Location"] = f"/v1/rescans/{rescan_id}"
        return _shown(find(opened.raw, rescan_id))


@router.get("/rescans", response_model=RescansPage)
def list_rescans(request: Request, caller: Analyst, wanted: Annotated[WantedRescans, Query()]) -> dict[str, Any]:
    """List rescans with their progress, newest first."""
    with caller.database() as opened:
        found = queries.listing(opened.raw, before=wanted.before, limit=wanted.limit)
        rows = [_shown(rescans.progress_of(one)) for one in found]
    return {"items": rows, "next": next_page(request, rows, wanted.limit, rows and rows[-1]["id"])}


@router.get("/rescans/{rescan_id}", response_model=RescanOut)
def read_rescan(caller: Analyst, rescan_id: UUID) -> dict[str, Any]:
    """One rescan: its progress, rate, what is left, and how many verdicts flipped."""
    with caller.database() as opened:
        return _shown(find(opened.raw, rescan_id))


@router.post("/rescans/{rescan_id}/pause", response_model=RescanOut)
def pause_rescan(caller: Analyst, rescan_id: UUID) -> dict[str, Any]:
    """Stop feeding a rescan; the chunks in hand are finished. 409 when it is not running."""
    return _control(caller, rescan_id, "pause", jobs.pause, "it is not running")


@router.post("/rescans/{rescan_id}/resume", response_model=RescanOut)
def resume_rescan(caller: Analyst, rescan_id: UUID) -> dict[str, Any]:
    """Go on with a paused rescan. 409 when it is not paused."""
    return _control(caller, rescan_id, "resume", jobs.resume, "it is not paused")


@router.post("/rescans/{rescan_id}/cancel", response_model=RescanOut)
def cancel_rescan(caller: Analyst, rescan_id: UUID) -> dict[str, Any]:
    """Give up what a rescan has not finished; what it found so far stays. 409 when it has ended."""
    return _control(caller, rescan_id, "cancel", jobs.cancel, "it has ended already")


def _repeated(
    connection: Connection, response: Response, first: tuple[UUID, str], repeat: queries.Repeat
) -> dict[str, Any]:
    rescan_id, digest = first
    if digest != repeat.digest:
        detail = f"this key started rescan {rescan_id}, which asked for something else; use another key"
        raise Problem(409, detail, field="header.idempotency-key")
    response.headers["Location"] = f"/v1/rescans/{rescan_id}"
    return _shown(find(connection, rescan_id))


def find(connection: Connection, rescan_id: UUID) -> Progress:
    """A rescan of the caller's tenant. Raises Problem 404."""
    found = rescans.progress(connection, rescan_id)
    if found is None:
        raise missing("rescan", rescan_id)
    return found


def _control(
    caller: Caller, rescan_id: UUID, name: str, act: Callable[[Connection, UUID], bool], why_not: str
) -> dict[str, Any]:
    with caller.database() as opened:
        find(opened.raw, rescan_id)
        if not act(opened.raw, rescan_id):
            raise Problem(409, f"rescan {rescan_id}: {why_not}")
        caller.note(opened, f"rescan.{name}", rescan_id)
        return _shown(find(opened.raw, rescan_id))


def _asked(connection: Connection, said: Filter) -> Asked:
    asked = Asked(**said.model_dump())
    if said.scored_by is None:
        return asked
    return asked._replace(scored_by=rescans.digest_of(connection, said.scored_by, "scored_by")[0])


def _wanted(caller: Caller, connection: Connection, bundle: str | None) -> rescans.Wanted:
    return rescans.wanted_by(connection, bundle, caller.service.lists_digest)


def _named_fields() -> AbstractContextManager[None]:
    return named_fields(
        "body.filter", applies="body.apply", yes="body.confirm", as_of="body.as_of", bundle="body.bundle"
    )


def _shown(found: Progress) -> dict[str, Any]:
    rescan = found.rescan
    return {**rescan._asdict(), "filter": rescan.wanted, "left": found.left, "seconds_left": found.seconds_left}
