"""Intake: one message, many, or a stream; each answer is a receipt, given once the message is durable.

The tenant is the key's. Nothing in a body or an address can name another.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, IPvAnyAddress
from starlette.concurrency import run_in_threadpool

from scorelane.api.bodies import Line, lines_of, parts_of
from scorelane.api.caller import Caller, Ingest
from scorelane.api.fields import Address, Direction, IdempotencyKey, IntakeLane, Moment, Words
from scorelane.api.problems import Problem
from scorelane.enqueuer import Envelope, Incoming, Receipt
from scorelane.enqueuer.lanes import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

router = APIRouter(tags=["intake"])

MOST_MESSAGES = 5000
"""Messages of one batch."""


class ReceiptOut(BaseModel):
    """What became of one message. `duplicate`: the mailbox holds this copy already, as `message_id`."""

    status: Literal["accepted", "duplicate", "rejected"]
    sha256: str
    message_id: UUID | None
    reason: str | None = Field(default=None, description="Why a message was rejected.")


class ReceiptsOut(BaseModel):
    """Receipts in the order of the messages."""

    receipts: list[ReceiptOut]


class Place(BaseModel):
    """Where messages belong and how soon they are scored."""

    mailbox: Address = Field(description="The address that received the message.")
    lane: IntakeLane = Field(default="realtime", description="How soon it is scored.")


class Session(Place):
    """What the SMTP session said of one message."""

    direction: Direction = "inbound"
    received_at: Moment | None = Field(default=None, description="When the protected side received it; else now.")
    mail_from: Annotated[str, Field(max_length=320, pattern=r"^[^\x00-\x1f]*$")] | None = None
    client_ip: IPvAnyAddress | None = None
    helo: Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f]*$")] | None = None
    source: Words | None = Field(default=None, description="Where it was read from, for people.")

    def envelope(self) -> Envelope | None:
        """The envelope where the caller knows it."""
        if self.mail_from is None and self.client_ip is None and self.helo is None:
            return None
        address = None if self.client_ip is None else str(self.client_ip)
        return Envelope(self.mail_from, (self.mailbox,), address, self.helo)


MESSAGE_BODY = {
    "requestBody": {
        "required": True,
        "content": {"message/rfc822": {"schema": {"type": "string", "format": "binary"}}},
    }
}
BATCH_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {"schema": {"type": "string", "description": "A JSON object a line, as `Line`."}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"message": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            },
        },
    }
}


@router.post("/messages", status_code=202, response_model=ReceiptOut, openapi_extra=MESSAGE_BODY)
async def accept_one(
    request: Request, caller: Ingest, said: Annotated[Session, Query()], idempotency_key: IdempotencyKey = None
) -> Response:
    """Accept one message: 202 when it is new, 200 when the mailbox holds it already, 422 when it is no mail."""
    room = caller.service.room
    with room.hold(request.headers.get("content-length"), unknown_bytes=MESSAGE_BYTES):
        raw = await request.body()
        incoming = Incoming(raw, said.received_at, said.envelope(), said.direction, said.source)
        if idempotency_key is None:
            waiting = caller.service.linger(said.lane).submit(
                incoming, tenant=caller.tenant, mailbox=said.mailbox, actor=caller.actor
            )
            receipt = await asyncio.wrap_future(waiting)
        else:
            (receipt,) = await _accept(caller, [incoming], said.mailbox, said.lane, idempotency_key)
    if receipt.status == "rejected":
        raise Problem(422, str(receipt.reason), field="body")
    status = 202 if receipt.status == "accepted" else 200
    return Response(msgspec.json.encode(receipt._asdict()), status, media_type="application/json")


@router.post("/messages/batch", response_model=ReceiptsOut, openapi_extra=BATCH_BODY)
async def accept_many(
    request: Request, caller: Ingest, place: Annotated[Place, Query()], idempotency_key: IdempotencyKey = None
) -> Response:
    """Accept many messages at once: NDJSON lines with base64, or the files of a form.

    A body that does not parse is refused whole. Messages for other mailboxes than the address names are stored a
    mailbox at a time: after a 429 or 503, send the same batch again, nothing is stored twice.
    """
    limit = caller.service.config.batch_bytes
    with caller.service.room.hold(request.headers.get("content-length"), unknown_bytes=limit):
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            lines = await parts_of(request, MOST_MESSAGES)
        elif kind in ("application/x-ndjson", "application/jsonl", "application/ndjson"):
            lines = await run_in_threadpool(lines_of, await request.body(), MOST_MESSAGES)
        else:
            raise Problem(415, "a batch is application/x-ndjson or multipart/form-data", field="header.content-type")
        receipts = await accept_lines(caller, lines, place, idempotency_key)
    return Response(
        msgspec.json.encode({"receipts": [receipt._asdict() for receipt in receipts]}), media_type="application/json"
    )


async def accept_lines(caller: Caller, lines: Sequence[Line], place: Place, key: str | None) -> list[Receipt]:
    """Receipts in the order of the lines; each mailbox's messages are one transaction."""
    groups: dict[str, list[int]] = {}
    for position, line in enumerate(lines):
        groups.setdefault(line.mailbox or place.mailbox, []).append(position)
    receipts: dict[int, Receipt] = {}
    for mailbox, positions in groups.items():
        incoming = [lines[position].incoming(mailbox) for position in positions]
        done = await _accept(caller, incoming, mailbox, place.lane, key)
        receipts.update(zip(positions, done, strict=True))
    return [receipts[position] for position in range(len(lines))]


async def _accept(
    caller: Caller, incoming: Sequence[Incoming], mailbox: str, lane: str, key: str | None
) -> list[Receipt]:
    def accept() -> list[Receipt]:
        return caller.service.batches.accept(
            incoming,
            tenant=caller.tenant,
            mailbox=mailbox,
            lane=lane,
            # Two clients that choose the same word do not meet in one job.
            idempotency_key=None if key is None else f"{caller.key_id}:{key}",
            actor=caller.actor,
        )

    return await run_in_threadpool(accept)
