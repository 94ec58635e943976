"""How long a tenant keeps what, erasing a mailbox with proof, and what is held about an address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from db import erasures, exports, retention
from scorelane import exporting
from scorelane.api.caller import Admin, Caller
from scorelane.api.fields import Address
from scorelane.api.problems import missing

router = APIRouter(tags=["privacy"])

Days = Annotated[int, Field(ge=1, le=36_500)]


class Periods(BaseModel):
    """Days that each kind is kept, counted from acceptance; nothing outlives the scores."""

    model_config = ConfigDict(extra="forbid")

    raw_days: Days
    vector_days: Days
    score_days: Days


class ErasureIn(BaseModel):
    """The mailbox to erase."""

    model_config = ConfigDict(extra="forbid")

    address: Address


class ErasureOut(BaseModel):
    """The record of an erasure. It keeps the address's SHA-256 alone; records of a tenant are chained by digest."""

    id: UUID
    address_sha256: str
    requested_by: str
    requested_at: datetime
    counts: dict[str, int] = Field(description="Rows deleted by table.")
    messages_sha256: str
    finished_at: datetime | None
    previous: str | None
    digest: str | None


class ErasuresOut(BaseModel):
    """Every record of the tenant, and whether the chain holds."""

    items: list[ErasureOut]
    broken: list[UUID] = Field(description="Records that are not what they were.")


class WantedErasures(BaseModel):
    """What a listing of erasures asks for."""

    address: Address | None = None


class Exported(BaseModel):
    """Whose data, and how much of it."""

    address: Address
    raw: bool = Field(default=False, description="With each message as it was received, base64.")


@router.get("/retention", response_model=Periods)
def read_retention(caller: Admin) -> Any:
    """How long the tenant keeps what."""
    with caller.database() as opened:
        kept = retention.periods(opened.raw, caller.tenant_id)
    assert kept is not None
    return kept._asdict()


@router.put("/retention", response_model=Periods)
def set_retention(caller: Admin, wanted: Periods) -> Any:
    """Keep raw mail, vectors and scores for so many days; what is older goes within minutes."""
    with caller.database() as opened:
        retention.set_periods(opened.raw, caller.tenant_id, retention.Periods(**wanted.model_dump()))
        caller.note(opened, "retention.set", **wanted.model_dump())
    return wanted


@router.post("/erasures", status_code=202, response_model=ErasureOut)
def erase_mailbox(caller: Admin, wanted: ErasureIn) -> Any:
    """Erase a mailbox with all that was written about its messages. Answers the record; it is done once finished."""
    with caller.database() as opened:
        erasure_id = erasures.request(opened.raw, caller.tenant_id, wanted.address, author=caller.actor)
        if erasure_id is None:
            raise missing("mailbox", wanted.address)
        record = erasures.find(opened.raw, erasure_id)
    assert record is not None
    return _shown(record)


@router.get("/erasures", response_model=ErasuresOut)
def list_erasures(caller: Admin, wanted: Annotated[WantedErasures, Query()]) -> Any:
    """Every erasure of the tenant, or those of one address, and whether the chain of records holds."""
    with caller.database() as opened:
        every = erasures.listing(opened.raw, caller.tenant_id)
    digest = None if wanted.address is None else erasures.address_digest(wanted.address)
    shown = [_shown(record) for record in every if digest in (None, bytes(record["address_sha256"]))]
    return {"items": shown, "broken": erasures.broken(every)}


@router.get("/erasures/{erasure_id}", response_model=ErasureOut)
def read_erasure(caller: Admin, erasure_id: Annotated[UUID, Path()]) -> Any:
    """One record."""
    with caller.database() as opened:
        record = erasures.find(opened.raw, erasure_id)
    if record is None:
        raise missing("erasure", erasure_id)
    return _shown(record)


@router.get(
    "/exports",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}},
)
def export_address(caller: Admin, wanted: Annotated[Exported, Query()]) -> StreamingResponse:
    """All that is held about an address: its mailbox and every message that it received or sent, a JSON line each."""
    with caller.database() as opened:
        caller.note(opened, "address.export", erasures.address_digest(wanted.address).hex(), raw=wanted.raw)
    return StreamingResponse(_lines(caller, wanted), media_type="application/x-ndjson")


def _lines(caller: Caller, wanted: Exported) -> Iterator[bytes]:
    with caller.database() as opened:
        mailbox = exports.mailbox(opened.raw, caller.tenant_id, wanted.address)
    if mailbox is not None:
        yield exporting.line(mailbox)
    after: UUID | None = None
    while True:
        with caller.database() as opened:
            records, after = exports.page(
                opened.raw, caller.tenant_id, wanted.address, after=after, with_raw=wanted.raw
            )
        for record in records:
            yield exporting.line(record)
        if after is None:
            return


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    return {name: bytes(value).hex() if isinstance(value, bytes) else value for name, value in record.items()}
