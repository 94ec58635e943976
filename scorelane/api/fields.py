"""Types of fields that several routes share, each saying what would be right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import Header
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from scorelane.enqueuer import is_address

BIGINT = 2**63 - 1
PAGE, MOST_PAGE = 50, 500
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


def _printable(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    return value


def _address(value: str) -> str:
    if not is_address(value):
        raise ValueError(f"{value[:80]!r} is not an address like ann@acme.test")
    return value.lower()


def _plausible(value: datetime) -> datetime:
    if not EARLIEST <= value <= datetime.now(UTC) + timedelta(days=1):
        raise ValueError("is a time between 1990 and tomorrow, with its zone, like 2026-11-24T09:30:00Z")
    return value


Words = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_printable)]
Address = Annotated[str, Field(min_length=3, max_length=320), AfterValidator(_printable), AfterValidator(_address)]
Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]
RowId = Annotated[int, Field(ge=1, le=BIGINT)]
Limit = Annotated[int, Field(ge=1, le=MOST_PAGE, description="Most items of a page.")]
Verdict = Literal["attack", "suspicious", "spam", "clean"]
State = Literal["accepted", "scored", "observed", "dead", "cancelled"]
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")
]
IntakeLane = Literal["interactive", "realtime", "backfill"]
Direction = Literal["inbound", "outbound"]


class Page(BaseModel):
    """What every page of a listing carries beside its items."""

    next: str | None = Field(description="Address of the next page; null on the last.")
