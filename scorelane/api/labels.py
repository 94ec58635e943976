"""Labels: what people say of messages. A ledger: nothing is changed, taking back is a row of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from db import labels, messages
from scorelane.api.caller import Analyst
from scorelane.api.fields import PAGE, Limit, Page, RowId, Words
from scorelane.api.pages import next_page
from scorelane.api.problems import Problem, missing

router = APIRouter(tags=["labels"])

Label = Literal["attack", "spam", "legitimate"]


class LabelIn(BaseModel):
    """What a person says of a message."""

    model_config = ConfigDict(extra="forbid")

    label: Label
    origin: Literal["analyst", "user_report"] = "analyst"
    weight: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0


class LabelOut(BaseModel):
    """One row of the ledger. `retracts` names the row that this one takes back."""

    id: int
    message_id: UUID
    label: str
    origin: str
    weight: float
    author: str
    retracts: int | None
    retracted: bool
    labelled_at: datetime


class LabelsPage(Page):
    """Rows of the ledger, newest first."""

    items: list[LabelOut]


class WantedLabels(BaseModel):
    """What a listing of labels asks for."""

    label: Label | None = None
    author: Words | None = None
    before: RowId | None = None
    limit: Limit = PAGE


@router.get("/labels", response_model=LabelsPage)
def list_labels(request: Request, caller: Analyst, wanted: Annotated[WantedLabels, Query()]) -> dict[str, Any]:
    """List the ledger, newest first."""
    with caller.database() as opened:
        rows = labels.listing(opened.raw, **wanted.model_dump())
        caller.note(opened, "labels.list", rows=len(rows))
    return {"items": rows, "next": next_page(request, rows, wanted.limit, rows and rows[-1]["id"])}


@router.get("/messages/{message_id}/labels", response_model=list[LabelOut])
def labels_of(caller: Analyst, message_id: UUID) -> list[dict[str, Any]]:
    """Every label of one message, first to last."""
    with caller.database() as opened:
        if messages.find(opened.raw, message_id) is None:
            raise missing("message", message_id)
        return labels.of_message(opened.raw, message_id)


@router.post("/messages/{message_id}/labels", status_code=201, response_model=list[LabelOut])
def add_label(caller: Analyst, message_id: UUID, said: LabelIn) -> list[dict[str, Any]]:
    """Label a message; said twice, it stands once. Answers the message's ledger."""
    with caller.database() as opened:
        if messages.find(opened.raw, message_id) is None:
            raise missing("message", message_id)
        added = labels.add(
            opened.raw,
            caller.tenant_id,
            message_ids=[message_id],
            labels=[said.label],
            origin=said.origin,
            author=caller.actor,
            weights=[said.weight],
        )
        if added:
            caller.note(opened, "label.add", message_id, label=said.label)
        return labels.of_message(opened.raw, message_id)


@router.post("/labels/{label_id}/retract", status_code=201, response_model=LabelOut)
def retract_label(caller: Analyst, label_id: RowId) -> dict[str, Any]:
    """Take a label back; the row that says so. 409 when it was taken back before."""
    with caller.database() as opened:
        row = labels.find(opened.raw, label_id)
        if row is None:
            raise missing("label", label_id)
        new_id = labels.retract(opened.raw, label_id, caller.actor)
        if new_id is None:
            raise Problem(409, f"label {label_id} is taken back already, or takes one back itself")
        caller.note(opened, "label.retract", label_id)
        made = labels.find(opened.raw, new_id)
        assert made is not None
        return made
