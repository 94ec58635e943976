"""Limits of a caller: the size of a body, calls a second of a key, bytes of intake in memory."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from scorelane.api.problems import Problem, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BUCKETS = 10_000


class BodyLimit:
    """ASGI middleware: a body over the limit of its path is refused as soon as that is known."""

    def __init__(self, app: ASGIApp, *, limit_of: Callable[[str], int | None]) -> None:
        self._app = app
        self._limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on with its body counted."""
        limit = self._limit_of(scope["path"]) if scope["type"] == "http" else None
        if limit is None:
            await self._app(scope, receive, send)
            return
        stated = dict(scope["headers"]).get(b"content-length", b"0")
        if stated.isdigit() and int(stated) > limit:
            refused = _too_large(limit)
            await answer(refused.status, refused.detail)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _too_large(limit)
            return message

        await self._app(scope, counted, send)


def _too_large(limit: int) -> Problem:
    return Problem(413, f"the body is larger than the {limit:,} bytes that this address takes")


class Buckets:
    """A token bucket a key: `rate` calls a second, with two seconds' worth at once."""

    def __init__(self, processes: int = 1, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._processes = processes
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, key: str, rate_per_s: int) -> None:
        """Take one call. Raises Problem 429 with the seconds until there is one."""
        rate = rate_per_s / self._processes
        most = max(1.0, 2 * rate)
        now = self._clock()
        level, at = self._levels.get(key, (most, now))
        level = min(most, level + (now - at) * rate)
        if level < 1:
            wait_s = (1 - level) / rate
            raise Problem(
                429,
                f"this key may make {rate_per_s:,} calls a second",
                headers={"Retry-After": str(max(1, round(wait_s)))},
            )
        if len(self._levels) >= MOST_BUCKETS:
            self._levels.clear()
        self._levels[key] = (level - 1, now)


class Room:
    """Bytes of intake that may be in memory at once."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held = 0

    @contextlib.contextmanager
    def hold(self, stated: str | None, *, unknown_bytes: int) -> Iterator[None]:
        """Reserve a body's stated size, or a guess where none is stated. Raises Problem 429 when there is no room."""
        size = int(stated) if stated is not None and stated.isdigit() else unknown_bytes
        with self.growing() as share:
            share.add(size)
            yield

    @contextlib.contextmanager
    def growing(self) -> Iterator[Share]:
        """A share that grows and shrinks while a call lasts, as what it holds does."""
        share = Share(self)
        try:
            yield share
        finally:
            share.give_back(share.size_bytes)

    def fits(self, size: int, own: int) -> bool:
        """Whether so much more fits; a call that is alone always may, its own limits bound it."""
        return self._held == own or self._held + size <= self._most

    def change(self, size: int) -> None:
        """Count so much more, or less."""
        self._held += size


class Share:
    """What one call holds of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.size_bytes = 0

    def add(self, size: int) -> None:
        """Hold more. Raises Problem 429 when there is no room."""
        if not self._room.fits(size, self.size_bytes):
            raise Problem(429, "too much mail is being taken in at once; try again", headers={"Retry-After": "1"})
        self._room.change(size)
        self.size_bytes += size

    def give_back(self, size: int) -> None:
        """Hold less."""
        size = min(size, self.size_bytes)
        self._room.change(-size)
        self.size_bytes -= size
