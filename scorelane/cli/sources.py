"""Reads mail from every form of PATH that the command takes, as one stream of flat memory.

Call `read`. A PATH is a message file, an mbox, a Maildir, a folder of those, a tar (plain or compressed), or "-"
for a list of paths on standard input, one a line.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

from scorelane.cli import mbox
from scorelane.cli.recognise import HEAD_BYTES, looks_like_mail, recognise
from scorelane.cli.streams import DAMAGE, decompressed, look, tar_members

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ReceivedAt = Literal["mbox", "header", "now"]

LIMIT_BYTES = 50 * 1024 * 1024
MAX_DEPTH = 4
"""Archives inside archives: a compressed tar of compressed mboxes is three."""

_RECEIVED = re.compile(rb"^Received[ \t]*:((?:[^\n]|\n[ \t])*)", re.IGNORECASE | re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ONE_MESSAGE = re.compile(r"\.eml$|[/:](?:cur|new)/[^/]+$", re.IGNORECASE)
"""Names of files that hold a single message, with or without a "From " line in front."""
_WANTED = "expected a message (.eml), an mbox, a Maildir, a folder of those, or a .tar or .tar.zst"


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
) -> Iterator[Found]:
    """Every message under the paths in order, and a `Rejected` for all that is not one. Raises nothing.

    `received_at`: "mbox" takes the time of the "From " line, else as "header", the time of the newest Received
    header; "now" leaves it to the enqueuer. `listing` stands in for standard input.
    """
    reader = _Reader(received_at, limit_bytes)
    for path in paths:
        if path == "-":
            lines = sys.stdin if listing is None else listing
            for line in lines:
                if name := line.rstrip("\r\n"):
                    yield from reader.path(name)
        else:
            yield from reader.path(path)


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
    def __init__(self, received_at: ReceivedAt, limit_bytes: int) -> None:
        self._received_at = received_at
        self._limit_bytes = limit_bytes

    def path(self, path: str) -> Iterator[Found]:
        """Everything under one path that a person named."""
        try:
            mode = Path(path).stat().st_mode
        except (OSError, ValueError) as error:
            yield Rejected(_printable(path), _why(error))
            return
        if stat.S_ISDIR(mode):
            yield from self._folder(path)
        elif stat.S_ISREG(mode) or stat.S_ISFIFO(mode):
            yield from self._file(path)
        else:
            yield Rejected(_printable(path), f"neither a file nor a folder; {_WANTED}")

    def _folder(self, path: str) -> Iterator[Found]:
        files = messages = 0
        for file in _files(path):
            files += 1
            for found in self._file(file):
                messages += isinstance(found, Source)
                yield found
        if not messages:
            held = "is empty" if not files else f"holds no mail in its {files} files"
            yield Rejected(_printable(path), f"the folder {held}; {_WANTED}")

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
            after = f"after {members} members" if members else "from its start"
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
        return f"larger than the limit of {self._limit_bytes / 1024 / 1024:g} MB for one message"


def _files(folder: str) -> Iterator[str]:
    """Files below a folder in name order; of a Maildir only the messages in cur and new."""
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    maildir = {"cur", "new"} <= {entry.name for entry in entries if entry.is_dir()}
    for entry in entries:
        hidden = entry.name.startswith(".")
        if entry.is_dir(follow_symlinks=False):
            subfolder = hidden and (Path(entry.path) / "cur").is_dir()
            if subfolder or not (hidden or (maildir and entry.name == "tmp")):
                yield from _files(entry.path)
        elif entry.is_file() and not hidden and not maildir:
            yield entry.path


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
