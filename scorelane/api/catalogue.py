"""What the house knows whoever asks: signals and models. Nothing here belongs to a tenant."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, TypeAdapter

from db import bundles
from scorelane.api.caller import Anyone
from scorelane.api.etags import etag, unchanged
from scorelane.api.problems import missing
from scorelane.signals import all_signals

if TYPE_CHECKING:
    from scorelane.signals import Signal

router = APIRouter(tags=["catalogue"])


class SignalOut(BaseModel):
    """One measurement, as it is declared."""

    name: str
    family: str
    version: int
    doc: str
    missing: str
    attacks: list[str]
    range: tuple[float, float]
    monotone: int
    needs: list[str]
    hash: str


class PointerOut(BaseModel):
    """Which bundle was live and which in shadow from a time on."""

    version: int
    live: str
    digest: str
    shadow: str | None
    author: str
    flipped_at: datetime


_SIGNALS = TypeAdapter(list[SignalOut])


@router.get("/signals", response_model=list[SignalOut])
def list_signals(request: Request, _: Anyone) -> Response:
    """Every registered signal by family."""
    found = all_signals()
    tag = etag([(signal.name, signal.hash) for signal in found])
    if (same := unchanged(request, tag)) is not None:
        return same
    body = _SIGNALS.dump_json([_shown(signal) for signal in found])
    return Response(body, media_type="application/json", headers={"ETag": tag})


@router.get("/signals/{name}", response_model=SignalOut)
def read_signal(_: Anyone, name: str) -> SignalOut:
    """All that one signal declares."""
    for signal in all_signals():
        if signal.name == name:
            return _shown(signal)
    raise missing("signal", repr(name[:80]))


@router.get("/models", response_model=list[PointerOut])
def list_models(caller: Anyone) -> list[dict[str, Any]]:
    """Promotions and rollbacks, newest first: the first row is in force."""
    columns = ("version", "live", "digest", "shadow", "author", "flipped_at")
    with caller.database() as opened:
        return [dict(zip(columns, row, strict=True)) for row in bundles.history(opened.raw)]


def _shown(signal: Signal) -> SignalOut:
    return SignalOut(**{name: getattr(signal, name) for name in SignalOut.model_fields})
