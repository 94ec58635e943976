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

    from scorelane.api.limits import Share

router = APIRouter(tags=["intake"])

GROUP_MESSAGES = 256
GROUP_BYTES = 8 * 1024 * 1024
GROUP_S = 0.1
"""A line waits at most so long for others to share a transaction with."""
AHEAD_BYTES = 8 * 1024 * 1024
"""Of lines read before they are asked for; one that is longer comes alone."""
LINE_COST_BYTES = 128
"""What a line takes beside its text."""
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
        with caller.service.room.growing() as share:
            async for group in _groups(_lines(request.stream(), share)):
                lines = [line_of(text, number + offset) for offset, text in enumerate(group, 1)]
                receipts = await accept_lines(caller, lines, place, None)
                share.give_back(sum(map(_cost, group)))
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


async def _lines(pieces: AsyncIterator[bytes], share: Share) -> AsyncIterator[bytes]:
    """Lines that are not blank, each held in the share until it is given back.

    Raises Problem for one that is longer than the largest message, and where there is no room for more.
    """
    rest = bytearray()
    async for piece in pieces:
        share.add(len(piece))
        rest += piece
        whole: list[bytes] = []
        if b"\n" in piece:  # else nothing is copied: a line may come in pieces of a few bytes
            *whole, last = bytes(rest).split(b"\n")
            rest = bytearray(last)
        if len(rest) > LINE_BYTES:
            raise Problem(413, f"a line is longer than {LINE_BYTES:,} bytes")
        share.give_back(len(whole))  # the ends of lines
        for line in whole:
            if line.strip():
                share.add(LINE_COST_BYTES)
                yield line
            else:
                share.give_back(len(line))
    if rest.strip():
        share.add(LINE_COST_BYTES)
        yield bytes(rest)


def _cost(line: bytes) -> int:
    return len(line) + LINE_COST_BYTES


class _Ahead:
    """Lines between who reads them and who stores them, bounded by bytes."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self._bytes = 0
        self._taken = asyncio.Event()

    async def put(self, line: bytes) -> None:
        """Wait until there is room for a line."""
        while self._bytes and self._bytes + _cost(line) > AHEAD_BYTES:
            self._taken.clear()
            await self._taken.wait()
        self._bytes += _cost(line)
        self._queue.put_nowait(line)

    def end(self, fault: Exception | None = None) -> None:
        """Say that no more comes, and why where that is a fault."""
        self._queue.put_nowait(fault)

    async def get(self) -> bytes | Exception | None:
        """The next line, or what ended them."""
        item = await self._queue.get()
        if isinstance(item, bytes):
            self._bytes -= _cost(item)
            self._taken.set()
        return item


async def _groups(lines: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Lines that come close together, so that they share a transaction."""
    ahead = _Ahead()
    feeding = asyncio.create_task(_feed(lines, ahead))
    try:
        while True:
            group, end = await _next_group(ahead)
            if group:
                yield group
            if isinstance(end, Exception):
                raise end
            if end is None:
                return
    finally:
        feeding.cancel()


async def _feed(lines: AsyncIterator[bytes], ahead: _Ahead) -> None:
    try:
        async for line in lines:
            await ahead.put(line)
    except Exception as fault:  # noqa: BLE001 - raised again where the groups are read
        ahead.end(fault)
    else:
        ahead.end()


async def _next_group(ahead: _Ahead) -> tuple[list[bytes], bytes | Exception | None]:
    """(lines, what ended the group): None or an exception where the stream ends after it."""
    item = await ahead.get()
    group: list[bytes] = []
    size = 0
    while isinstance(item, bytes):
        group.append(item)
        size += len(item)
        if len(group) == GROUP_MESSAGES or size > GROUP_BYTES:
            break
        try:
            item = await asyncio.wait_for(ahead.get(), GROUP_S)
        except TimeoutError:
            break
    return group, item
