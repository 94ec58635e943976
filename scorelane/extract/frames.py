"""Length-prefixed frames over pipes, with deadlines."""

from __future__ import annotations

import os
import select
import struct
import time

from scorelane.extract.errors import ServerGone

LENGTH = struct.Struct("<I")
_CHUNK = 1 << 20


def _wait(fd: int, event: int, deadline: float | None) -> None:
    poller = select.poll()
    poller.register(fd, event)
    left_ms = None if deadline is None else max(0.0, (deadline - time.monotonic()) * 1000)
    if not poller.poll(left_ms):
        raise TimeoutError


def write_frame(fd: int, body: bytes, deadline: float | None = None) -> None:
    """Write one frame; TimeoutError past the deadline (monotonic), OSError when the reader is gone.

    The descriptor must be non-blocking when a deadline is given.
    """
    view = memoryview(LENGTH.pack(len(body)) + body)
    while view:
        _wait(fd, select.POLLOUT, deadline)
        try:
            view = view[os.write(fd, view[:_CHUNK]) :]
        except BlockingIOError:
            continue


def read_exactly(fd: int, size_bytes: int, deadline: float | None = None) -> bytes:
    """Read that many bytes; ServerGone at an early end, TimeoutError past the deadline."""
    received = bytearray()
    while len(received) < size_bytes:
        _wait(fd, select.POLLIN, deadline)
        try:
            chunk = os.read(fd, min(_CHUNK, size_bytes - len(received)))
        except BlockingIOError:
            continue
        if not chunk:
            raise ServerGone("the pipe ended inside a frame")
        received += chunk
    return bytes(received)


def read_frame(fd: int, limit_bytes: int, deadline: float | None = None) -> bytes:
    """Read one frame's body; ServerGone when it claims more than the limit."""
    (size_bytes,) = LENGTH.unpack(read_exactly(fd, LENGTH.size, deadline))
    if size_bytes > limit_bytes:
        raise ServerGone(f"a frame of {size_bytes} bytes is over the limit of {limit_bytes}")
    return read_exactly(fd, size_bytes, deadline)
