"""Where a tenant's events go, and what became of each delivery."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from db import outbox
from scorelane import outbox as rules
from scorelane.api.caller import Admin, Ops
from scorelane.api.fields import PAGE, Limit, Page, RowId, Verdict
from scorelane.api.pages import next_page
from scorelane.api.problems import Problem, missing

router = APIRouter(tags=["outbox"])

SmallId = Annotated[int, Field(ge=1, le=2**31 - 1)]


class DestinationIn(BaseModel):
    """A webhook to make. Files are made by the command on the machine itself."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=80)]
    url: Annotated[str, Field(min_length=8, max_length=2000)]
    verdicts: list[Verdict] | None = Field(default=None, description="Only these, before or after; else all.")


class DestinationMade(BaseModel):
    """A new destination; the secret that signs is shown this once."""

    id: int
    secret: str


class DestinationOut(BaseModel):
    """Where events go."""

    id: int
    name: str
    kind: Literal["webhook", "file"]
    target: str
    verdicts: list[Verdict] | None
    created_by: str
    created_at: datetime
    failures: int = Field(description="Failed rounds since the last delivery.")
    rests_until: datetime | None
    waiting: int
    dead: int


class DeliveryOut(BaseModel):
    """One event on its way to one destination."""

    id: int
    event_id: int
    destination: str
    message_id: UUID | None
    kind: str
    state: Literal["waiting", "delivered", "dead"]
    attempts: int
    next_attempt_at: datetime
    status: int | None = Field(description="What the receiver answered last.")
    error: str | None
    created_at: datetime
    delivered_at: datetime | None


class DeliveriesPage(Page):
    """Deliveries, newest first."""

    items: list[DeliveryOut]


class WantedDeliveries(BaseModel):
    """What a listing of deliveries asks for."""

    state: Literal["waiting", "delivered", "dead"] | None = None
    before: RowId | None = None
    limit: Limit = PAGE


@router.get("/destinations", response_model=list[DestinationOut])
def list_destinations(caller: Ops) -> list[dict[str, Any]]:
    """Where events of the tenant go."""
    with caller.database() as opened:
        return outbox.list_destinations(opened.raw)


@router.post("/destinations", status_code=201, response_model=DestinationMade)
def add_destination(caller: Admin, wanted: DestinationIn) -> dict[str, Any]:
    """Send events to a webhook from now on."""
    with caller.database() as opened:
        try:
            made = rules.add(
                opened.raw,
                caller.tenant_id,
                name=wanted.name,
                kind="webhook",
                target=wanted.url,
                verdicts=wanted.verdicts,
                author=caller.actor,
            )
        except rules.Rejected as fault:
            raise Problem(422, str(fault), field="body") from fault
    return made._asdict()


@router.delete("/destinations/{destination_id}", status_code=204)
def remove_destination(caller: Admin, destination_id: SmallId) -> None:
    """Send nothing more there."""
    with caller.database() as opened:
        if outbox.remove_destination(opened.raw, destination_id) is None:
            raise missing("destination", destination_id)
        caller.note(opened, "destination.remove", destination_id)


@router.get("/outbox", response_model=DeliveriesPage)
def list_deliveries(request: Request, caller: Ops, wanted: Annotated[WantedDeliveries, Query()]) -> dict[str, Any]:
    """List deliveries, newest first."""
    with caller.database() as opened:
        rows = outbox.listing(opened.raw, **wanted.model_dump())
    return {"items": rows, "next": next_page(request, rows, wanted.limit, rows and rows[-1]["id"])}


@router.post("/outbox/{delivery_id}/replay", status_code=202, response_model=None)
def replay_delivery(caller: Ops, delivery_id: RowId) -> dict[str, Any]:
    """Deliver again, what is dead or was delivered before."""
    with caller.database() as opened:
        if outbox.replay(opened.raw, delivery_id) is None:
            raise missing("ended delivery", delivery_id)
        caller.note(opened, "outbox.replay", delivery_id)
    return {"id": delivery_id, "state": "waiting"}
