"""Splits an mbox stream into messages without an index, in memory that one message bounds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 1 << 20
FROM_LINE_BYTES = 1000

_SEPARATOR = re.compile(rb"\n\r?\n(From [^\n]{1,%d})\n" % FROM_LINE_BYTES)
_CLOCK = re.compile(rb"\d:\d\d.*(?:19|20)\d\d|(?:19|20)\d\d.*\d:\d\d")
_LONE_SENDER = re.compile(rb"From [^\s]+\s*$")
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:[ \t]")
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_ASCTIME = re.compile(
    r"(?:[A-Z][a-z]{2}),?\s+(?P<month>[A-Z][a-z]{2})\s+(?P<day>\d{1,2})\s+"
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?\s+"
    r"(?:[A-Z]{1,5}\s+|(?P<before>[+-]\d{4})\s+)?(?P<year>\d{4})(?:\s+(?P<after>[+-]\d{4}))?"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Entry(NamedTuple):
    """One message of an mbox; `raw` is None when it is larger than the limit."""

    from_line: bytes
    raw: bytes | None


def split(stream: BinaryIO, *, limit_bytes: int) -> Iterator[Entry]:
    """Messages of an mbox in order, quoted "From " lines restored (mboxrd).

    A message starts at a "From " line that follows a blank line and carries a date, or a lone sender
    before a header: prose that begins with "From " does not split a message.
    """
    window = _Window(stream, limit_bytes)
    from_line = window.first_line()
    while True:
        separator = window.next_separator()
        yield Entry(from_line, window.take(separator))
        if separator is None:
            return
        from_line = separator.group(1)


class _Window:
    """What is read of the stream and not yet given out: at most the limit and some blocks."""

    def __init__(self, stream: BinaryIO, limit_bytes: int) -> None:
        self._stream = stream
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()
        self._over = False
        self._ended = False

    def first_line(self) -> bytes:
        """The "From " line that opens the stream, removed from the window."""
        self._read()
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        line = bytes(self._buffer[:end]).rstrip()
        # The line's own newline stays, so that a message without content still meets a separator.
        del self._buffer[: max(0, end - 1)]
        return line

    def next_separator(self) -> re.Match[bytes] | None:
        """The next "From " line; None at the end of the stream."""
        start = 0
        while True:
            for match in _SEPARATOR.finditer(self._buffer, start):
                following = bytes(self._buffer[match.end() : match.end() + 80])
                if _starts_message(match.group(1), following):
                    return match
            if self._ended:
                return None
            keep = FROM_LINE_BYTES + 100
            if len(self._buffer) > self._limit_bytes + keep:
                self._over = True
                del self._buffer[:-keep]
            start = max(0, len(self._buffer) - keep)
            self._read()

    def take(self, separator: re.Match[bytes] | None) -> bytes | None:
        """The message up to a separator (None: all that is left), or None when it passed the limit."""
        if separator is None:
            end, after = len(self._buffer), len(self._buffer)
            if self._buffer.endswith(b"\n\n"):
                end -= 1
            elif self._buffer.endswith(b"\n\r\n"):
                end -= 2
        else:
            # The newline of the "From " line stays in front of the next message, see `first_line`.
            end, after = separator.start() + 1, separator.end() - 1
        raw = None
        if not self._over and end - 1 <= self._limit_bytes:
            raw = bytes(self._buffer[1:end])
            if b">From " in raw:
                raw = _ESCAPED.sub(rb"\1", raw)
        self._over = False
        del self._buffer[:after]
        return raw

    def _read(self) -> None:
        block = self._stream.read(BLOCK_BYTES)
        self._ended = not block
        self._buffer += block


def _starts_message(from_line: bytes, following: bytes) -> bool:
    if _CLOCK.search(from_line):
        return True
    return bool(_LONE_SENDER.match(from_line) and _HEADER.match(following))


def from_line_time(from_line: bytes) -> datetime | None:
    """Time of a "From " line, UTC where it names no zone; None when it has none."""
    found = _ASCTIME.search(from_line.decode("ascii", "replace"))
    if found is None or found["month"] not in _MONTHS:
        return None
    zone = found["before"] or found["after"] or "+0000"
    text = (
        f"{found['year']}-{_MONTHS.index(found['month']) + 1:02}-{int(found['day']):02} "
        f"{int(found['hour']):02}:{found['minute']}:{found['second'] or '00'}{zone}"
    )
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S%z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
