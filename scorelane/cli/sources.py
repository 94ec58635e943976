"""Reads mail from every form of PATH that the command takes, as one stream of flat memory.

Call `read`. A PATH is a message file, an mbox, a Maildir, a folder of those, a tar, each plain or compressed, or
"-" for a list of paths on standard input, one a line.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections import Counter
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

from scorelane.cli import mbox, output
from scorelane.cli.recognise import HEAD_BYTES, looks_like_mail, recognise
from scorelane.cli.streams import DAMAGE, decompressed, look, tar_members
from scorelane.cli.walking import spoken, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ReceivedAt = Literal["mbox", "header", "now"]

LIMIT_BYTES = 50 * 1024 * 1024
MAX_DEPTH = 4
"""Archives inside archives: a compressed tar of compressed mboxes is three."""

_RECEIVED = re.compile(rb"^Received[ \t]*:((?:[^\n]|\n[ \t])*)", re.IGNORECASE | re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ONE_MESSAGE = re.compile(r"\.eml$|[/:](?:cur|new)/[^/]+$", re.IGNORECASE)
"""Names of files that hold a single message, with or without a "From " line in front."""
_WANTED = (
    "expected a message (.eml), an mbox, a Maildir, a folder of those, or a tar, "
    "each plain or compressed (.gz, .bz2, .xz, .zst)"
)
_MAIL_ITSELF = re.compile(r"From |[A-Za-z][A-Za-z0-9-]*:[ \t]")
"""How the first line of a message or mbox begins, and hardly a path."""
LONGEST_LINE_BYTES = 1 << 16
_OPEN_ALREADY = ("/dev/", "/proc/")
"""Where pipes stand that a shell made: their writers are there."""


class Source(NamedTuple):
    """One message as it was found."""

    name: str
    """Path; with "#n" for the n-th of an mbox, ":member" for a member of an archive."""
    raw: bytes
    received_at: datetime | None
    """Timezone-aware; None when the source does not say, or when the caller wants the time of acceptance."""


class Rejected(NamedTuple):
    """Something that is not mail: a line that says what is wrong and what would be right."""

    name: str
    reason: str


Found = Source | Rejected


def read(
    paths: Iterable[str],
    *,
    received_at: ReceivedAt = "header",
    limit_bytes: int = LIMIT_BYTES,
    listing: Iterable[str] | None = None,
    say: Callable[[str], None] = output.note,
) -> Iterator[Found]:
    """Every message under the paths in order, and a `Rejected` for all that is not one. Raises nothing.

    `received_at`: "mbox" takes the time of the "From " line, else as "header", the time of the newest Received
    header; "now" leaves it to the enqueuer. `listing` stands in for standard input. `say` hears what a person
    would want to know and what is no fault: which links were not followed, which pipe is waited for.
    """
    reader = _Reader(received_at, limit_bytes, say)
    for path in paths:
        if path == "-":
            yield from _listed(reader, _standard_input() if listing is None else listing)
        else:
            yield from reader.path(path)


def _listed(reader: _Reader, listing: Iterable[str]) -> Iterator[Found]:
    first = True
    for line in listing:
        name = line.rstrip("\r\n")
        if first and ("\0" in name or (_MAIL_ITSELF.match(name) and not os.path.lexists(name))):
            yield Rejected("-", "reads paths, one a line, and this is no path; for mail itself give its file's name")
            return
        first = False
        if name:
            yield from reader.path(name)


def _standard_input() -> Iterator[str]:
    """Lines as names of files, which need not be text; a line that never ends is cut."""
    while line := sys.stdin.buffer.readline(LONGEST_LINE_BYTES):
        yield os.fsdecode(line)


def header_time(raw: bytes) -> datetime | None:
    """Time of the newest Received header (RFC 5321 section 4.4), or None; never that of Date."""
    end = re.search(rb"\n\r?\n", raw)
    found = _RECEIVED.search(raw, 0, end.start() + 1 if end else len(raw))
    if found is None:
        return None
    text = found.group(1).rpartition(b";")[2].decode("ascii", "replace").strip()
    try:
        time = parsedate_to_datetime(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


class _Reader:
    def __init__(self, received_at: ReceivedAt, limit_bytes: int, say: Callable[[str], None]) -> None:
        self._received_at = received_at
        self._limit_bytes = limit_bytes
        self._say = say

    def path(self, path: str) -> Iterator[Found]:
        """Everything under one path that a person named."""
        if not path:
            yield Rejected("''", f"an empty text is no path; {_WANTED}")
            return
        try:
            mode = Path(path).stat().st_mode
        except (OSError, ValueError) as error:
            yield Rejected(_printable(path), _why(error))
            return
        if stat.S_ISDIR(mode):
            yield from self._folder(path)
        elif stat.S_ISREG(mode):
            yield from self._file(path)
        elif stat.S_ISFIFO(mode):
            if not path.startswith(_OPEN_ALREADY):
                self._say(f"{_printable(path)}: a pipe; waiting until something is written to it")
            yield from self._file(path)
        else:
            yield Rejected(_printable(path), f"neither a file nor a folder; {_WANTED}")

    def _folder(self, path: str) -> Iterator[Found]:
        passed_over: Counter[str] = Counter()
        empty = True
        for place in walk(path, passed_over):
            empty = False
            if place.fault is None:
                yield from self._file(place.path)
            else:
                yield Rejected(_printable(place.path), _why(place.fault))
        left_out = spoken(passed_over)
        if empty:
            held = f"holds only {left_out}" if left_out else "is empty"
            yield Rejected(_printable(path), f"the folder {held}; {_WANTED}")
        elif left_out:
            self._say(f"{_printable(path)}: passed over {left_out}")

    def _file(self, path: str) -> Iterator[Found]:
        name = _printable(path)
        try:
            with Path(path).open("rb") as file:
                yield from self._stream(name, file, 0)
        except OSError as error:
            yield Rejected(name, _why(error))

    def _stream(self, name: str, stream: BinaryIO, depth: int) -> Iterator[Found]:
        head, stream = look(stream, HEAD_BYTES)
        kind, looks = recognise(head)
        if kind == "other" and name.endswith(".tar"):
            kind = "tar"  # older archives have no magic
        if kind == "mbox" and _ONE_MESSAGE.search(name):
            kind = "mail"  # kept byte for byte, whatever its text looks like
        if kind == "mail":
            yield self._message(name, stream)
        elif kind == "mbox":
            yield from self._mbox(name, stream)
        elif kind == "empty":
            yield Rejected(name, f"the file is empty; {_WANTED}")
        elif kind == "other":
            yield Rejected(name, f"not mail but {looks}; {_WANTED}")
        elif depth >= MAX_DEPTH:
            yield Rejected(name, f"archives nested more than {MAX_DEPTH} deep; unpack it first")
        elif kind == "tar":
            yield from self._tar(name, stream, depth)
        else:
            try:
                yield from self._stream(name, decompressed(stream, kind), depth + 1)
            except DAMAGE as error:
                yield Rejected(name, f"damaged {kind} data ({_detail(error)}); make the file again")

    def _message(self, name: str, stream: BinaryIO) -> Found:
        raw = stream.read(self._limit_bytes + 1)
        if len(raw) > self._limit_bytes:
            return Rejected(name, self._over())
        from_line = raw[: raw.find(b"\n") + 1] if raw.startswith(b"From ") else b""
        return Source(name, raw, self._time(raw, from_line))

    def _mbox(self, name: str, stream: BinaryIO) -> Iterator[Found]:
        for number, entry in enumerate(mbox.split(stream, limit_bytes=self._limit_bytes), 1):
            where = f"{name}#{number}"
            if entry.raw is None:
                yield Rejected(where, self._over())
            elif not entry.raw.strip():
                yield Rejected(where, "the message is empty; expected headers below its From line")
            elif not looks_like_mail(entry.raw[:HEAD_BYTES]):
                yield Rejected(where, "not mail: no header follows the From line of the mbox")
            else:
                yield Source(where, entry.raw, self._time(entry.raw, entry.from_line))

    def _tar(self, name: str, stream: BinaryIO, depth: int) -> Iterator[Found]:
        members = 0
        try:
            for member, _, content in tar_members(stream):
                members += 1
                yield from self._stream(f"{name}:{_printable(member)}", content, depth + 1)
        except DAMAGE as error:
            after = f"after {members} member{'s' * (members > 1)}" if members else "from its start"
            reason = f"damaged archive {after} ({_detail(error)}); make it again with tar"
            yield Rejected(name, reason)
            return
        if not members:
            yield Rejected(name, f"the archive holds no files; {_WANTED}")

    def _time(self, raw: bytes, from_line: bytes) -> datetime | None:
        if self._received_at == "now":
            return None
        if self._received_at == "mbox" and from_line:
            return mbox.from_line_time(from_line) or header_time(raw)
        return header_time(raw)

    def _over(self) -> str:
        limit = f"{self._limit_bytes / 1024 / 1024:g} MB"
        return f"larger than the limit of {limit} for one message; leave it out, or take its attachments off"


def _printable(name: str) -> str:
    """A file's name as text that a terminal and JSON can take."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _CONTROL.sub("\ufffd", text)


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"no such file or folder; {_WANTED}"
    if isinstance(error, PermissionError):
        return "may not be read by this user; give read permission or run as its owner"
    return f"cannot be read ({_detail(error)})"


def _detail(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _printable(text) or type(error).__name__
