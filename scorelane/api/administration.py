"""Keys and the audit log of a tenant, and who one is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from db import api_keys, audit
from scorelane import access
from scorelane.api.caller import Admin, Anyone
from scorelane.api.fields import PAGE, Limit, Page, RowId, Words
from scorelane.api.pages import next_page
from scorelane.api.problems import missing

Made = TypeVar("Made")

router = APIRouter(tags=["administration"])

Role = Literal["ingest", "analyst", "ops", "admin"]
KeyId = Annotated[str, Path(pattern="^[a-z2-7]{12}$", description="A key's id: the part after slk_.")]


class CallerOut(BaseModel):
    """Who the key is."""

    key_id: str
    name: str
    tenant: str
    role: Role


class KeyIn(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
    role: Role
    rate_per_s: Annotated[int, Field(ge=1, le=100_000)] | None = None
    lifetime_days: Annotated[int, Field(ge=1, le=3650)] | None = None


class KeyOut(BaseModel):
    """A key without its secret."""

    id: str
    tenant: str
    name: str
    role: Role
    rate_per_s: int
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class Secret(BaseModel):
    """A new secret: shown this once."""

    id: str
    key: str


class Rotation(BaseModel):
    """How a key is rotated."""

    model_config = ConfigDict(extra="forbid")

    grace_s: Annotated[int, Field(ge=0, le=30 * 86_400)] = 86_400


class ActOut(BaseModel):
    """Who saw or changed what."""

    id: int
    at: datetime
    actor: str
    action: str
    object: str | None
    detail: dict[str, Any] | None


class ActsPage(Page):
    """Acts, newest first."""

    items: list[ActOut]


class WantedActs(BaseModel):
    """What a listing of acts asks for."""

    action: Words | None = None
    actor: Words | None = None
    before: RowId | None = None
    limit: Limit = PAGE


@router.get("/whoami", response_model=CallerOut)
async def whoami(caller: Anyone) -> CallerOut:
    """The caller's key, tenant and role."""
    return CallerOut(key_id=caller.key_id, name=caller.name, tenant=caller.tenant, role=caller.role)  # type: ignore[arg-type]


@router.get("/keys", response_model=list[KeyOut])
def list_keys(caller: Admin) -> list[dict[str, Any]]:
    """Every key of the tenant, without secrets."""
    with caller.database() as opened:
        return api_keys.listing(opened.raw)


@router.post("/keys", status_code=201, response_model=Secret)
def create_key(caller: Admin, wanted: KeyIn) -> dict[str, Any]:
    """Make a key; its secret is in this answer and nowhere else."""
    days = wanted.lifetime_days
    with caller.database() as opened:
        return access.create(
            opened.raw,
            caller.tenant_id,
            name=wanted.name,
            role=wanted.role,
            author=caller.actor,
            rate_per_s=wanted.rate_per_s,
            expires_at=None if days is None else datetime.now().astimezone() + timedelta(days=days),
        )._asdict()


@router.post("/keys/{key_id}/rotate", response_model=Secret)
def rotate_key(caller: Admin, key_id: KeyId, how: Rotation) -> dict[str, Any]:
    """Give a key a new secret; the old one works for the grace period."""
    with caller.database() as opened:
        minted = _or_missing(
            lambda: access.rotate(opened.raw, key_id, author=caller.actor, grace=timedelta(seconds=how.grace_s)), key_id
        )
    caller.service.forget_key(key_id)
    return minted._asdict()


@router.delete("/keys/{key_id}", status_code=204)
def revoke_key(caller: Admin, key_id: KeyId) -> None:
    """End a key for good."""
    with caller.database() as opened:
        _or_missing(lambda: access.revoke(opened.raw, key_id, author=caller.actor), key_id)
    caller.service.forget_key(key_id)


@router.get("/audit", response_model=ActsPage)
def list_acts(request: Request, caller: Admin, wanted: Annotated[WantedActs, Query()]) -> dict[str, Any]:
    """Who saw or changed what, newest first."""
    with caller.database() as opened:
        rows = audit.listing(opened.raw, **wanted.model_dump())
    return {"items": rows, "next": next_page(request, rows, wanted.limit, rows and rows[-1]["id"])}


def _or_missing(act: Callable[[], Made], key_id: str) -> Made:
    try:
        return act()
    except access.Rejected as none:
        raise missing("usable key", key_id) from none
