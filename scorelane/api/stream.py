"""A stream of messages over one call: NDJSON in, NDJSON out, each receipt written once its message is durable."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from scorelane.api.bodies import line_of
from scorelane.api.caller import Caller, Ingest
from scorelane.api.intake import Place, accept_lines
from scorelane.api.problems import Problem
from scorelane.enqueuer import EnqueuerError
from scorelane.enqueuer.errors import Busy
from scorelane.enqueuer.lanes import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

router = APIRouter(tags=["intake"])

GROUP_MESSAGES = 256
GROUP_BYTES = 8 * 1024 * 1024
GROUP_S = 0.1
"""A line waits at most so long for others to share a transaction with."""
LINES_AHEAD = 4
"""Lines read before they are asked for: each may be as long as the largest message."""
LINE_BYTES = MESSAGE_BYTES * 4 // 3 + 65_536

STREAM = {
    "requestBody": {
        "required": True,
        "content": {"application/x-ndjson": {"schema": {"type": "string", "description": "A `Line` a line."}}},
    },
    "responses": {
        "200": {
            "description": "A line an accepted, duplicate or rejected message; a last line with status `stopped` "
            "when the rest was not taken.",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        }
    },
}


class Duplex(StreamingResponse):
    """A response that leaves reading the request to its own body, also while it is being sent."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send what the body gives; a caller who has gone away ends the body's reading of the request."""
        await self.stream_response(send)


@router.post("/messages/stream", response_class=Duplex, openapi_extra=STREAM)
async def accept_stream(request: Request, caller: Ingest, place: Annotated[Place, Query()]) -> Duplex:
    """Accept messages for as long as the call lasts. Read receipts while you write.

    A line that cannot be taken ends the stream with a line of status `stopped`, its number, and, where the system is
    full or the database away, the seconds to wait; what has a receipt is durable, the rest was not stored.
    """
    return Duplex(_receipts(request, caller, place), media_type="application/x-ndjson")


async def _receipts(request: Request, caller: Caller, place: Place) -> AsyncIterator[bytes]:
    number = 0
    try:
        async for group in _groups(_lines(request)):
            lines = [line_of(text, number + offset) for offset, text in enumerate(group, 1)]
            with caller.service.room.hold(str(sum(map(len, group))), unknown_bytes=GROUP_BYTES):
                receipts = await accept_lines(caller, lines, place, None)
            for receipt in receipts:
                number += 1
                yield msgspec.json.encode({"line": number, **receipt._asdict()}) + b"\n"
    except Problem as wrong:
        again = wrong.headers.get("Retry-After") if wrong.headers else None
        yield _stopped(number, wrong.detail, **({} if again is None else {"retry_after_s": int(again)}))
    except Busy as busy:
        yield _stopped(number, str(busy), retry_after_s=math.ceil(busy.retry_after_s))
    except EnqueuerError as fault:
        yield _stopped(number, str(fault), retry_after_s=5)


def _stopped(done: int, reason: str, **more: Any) -> bytes:
    return msgspec.json.encode({"line": done + 1, "status": "stopped", "reason": reason, **more}) + b"\n"


async def _lines(request: Request) -> AsyncIterator[bytes]:
    """Lines that are not blank. Raises Problem for one that is longer than the largest message."""
    rest = bytearray()
    async for piece in request.stream():
        rest += piece
        whole: list[bytes] = []
        if b"\n" in piece:  # else nothing is copied: a line may come in pieces of a few bytes
            *whole, last = bytes(rest).split(b"\n")
            rest = bytearray(last)
        if len(rest) > LINE_BYTES:
            raise Problem(413, f"a line is longer than {LINE_BYTES:,} bytes")
        for line in whole:
            if line.strip():
                yield line
    if rest.strip():
        yield bytes(rest)


async def _groups(lines: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Lines that come close together, so that they share a transaction."""
    queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(maxsize=LINES_AHEAD)
    feeding = asyncio.create_task(_feed(lines, queue))
    try:
        while True:
            group, end = await _next_group(queue)
            if group:
                yield group
            if isinstance(end, Exception):
                raise end
            if end is None:
                return
    finally:
        feeding.cancel()


async def _feed(lines: AsyncIterator[bytes], queue: asyncio.Queue[bytes | Exception | None]) -> None:
    try:
        async for line in lines:
            await queue.put(line)
    except Exception as fault:  # noqa: BLE001 - raised again where the groups are read
        await queue.put(fault)
    else:
        await queue.put(None)


async def _next_group(queue: asyncio.Queue[bytes | Exception | None]) -> tuple[list[bytes], bytes | Exception | None]:
    """(lines, what ended the group): None or an exception where the stream ends after it."""
    item = await queue.get()
    group: list[bytes] = []
    size = 0
    while isinstance(item, bytes):
        group.append(item)
        size += len(item)
        if len(group) == GROUP_MESSAGES or size > GROUP_BYTES:
            break
        try:
            item = await asyncio.wait_for(queue.get(), GROUP_S)
        except TimeoutError:
            break
    return group, item
