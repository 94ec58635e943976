"""Content-Transfer-Encoding undone as mail readers undo it: they show what a strict decoder refuses (RFC 2045)."""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

from scorelane.mail.headers import file_name

UUENCODED = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})
KNOWN = frozenset({"", "7bit", "8bit", "binary", "base64", "quoted-printable"}) | UUENCODED
_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n", re.MULTILINE)
_END = re.compile(rb"^end[ \t]*\r?$\n?", re.MULTILINE)
_ALIEN = re.compile(rb"[^A-Za-z0-9+/=]+")
_BLANK_ENDS = re.compile(rb"(?<![ \t])[ \t]+(?=\r?\n|$)")
MOST_FILES = 20


class Taken(NamedTuple):
    """A text without the uuencoded files that stood in it, and those files by name."""

    rest: bytes
    files: list[tuple[str, bytes]]
    is_broken: bool


def decode_transfer(raw: bytes, encoding: str) -> tuple[bytes, str | None]:
    """Decoded bytes, and the defect that was met: None or `base64_malformed`."""
    if encoding == "base64":
        return decode_base64(raw)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(_BLANK_ENDS.sub(b"", raw)), None
    if encoding in UUENCODED:
        return decode_uu(raw), None
    return raw, None


def decode_base64(raw: bytes) -> tuple[bytes, str | None]:
    """All that the letters say: strangers between them skipped, text after padding read on, a last odd letter dropped.

    Mail readers differ here, and each shows more than the strictest one; a filter that reads less is blind.
    """
    compact = _ALIEN.sub(b"", raw)
    defect = None if len(compact) % 4 == 0 and len(compact) == len(b"".join(raw.split())) else "base64_malformed"
    found = []
    pieces = [piece for piece in compact.split(b"=") if piece]
    if len(pieces) > 1:
        defect = "base64_malformed"
    for piece in pieces:
        whole = piece[:-1] if len(piece) % 4 == 1 else piece
        found.append(binascii.a2b_base64(whole + b"=" * (-len(whole) % 4)))
    return b"".join(found), defect


def decode_uu(raw: bytes) -> bytes:
    """Content of a body that is uuencoded as a whole; its text where it is not."""
    taken = take_uuencoded(raw)
    return taken.files[0][1] if taken.files else raw


def take_uuencoded(raw: bytes) -> Taken:
    """Files between `begin 644 name` and `end` lines, as mail of before MIME carried them."""
    files: list[tuple[str, bytes]] = []
    rest: list[bytes] = []
    at = 0
    is_broken = False
    while len(files) < MOST_FILES:
        begin = _BEGIN.search(raw, at)
        if begin is None:
            break
        end = _END.search(raw, begin.end())
        content, is_bad = _uu_lines(raw[begin.end() : end.start() if end else len(raw)])
        if not content:  # a sentence that happens to begin so
            rest.append(raw[at : begin.end()])
            at = begin.end()
            if end is None:
                break
            continue
        is_broken = is_broken or is_bad or end is None
        rest.append(raw[at : begin.start()])
        files.append((file_name(begin.group(1).decode("utf-8", "replace")), content))
        at = end.end() if end else len(raw)
    rest.append(raw[at:])
    return Taken(b"".join(rest), files, is_broken)


def _uu_lines(raw: bytes) -> tuple[bytes, bool]:
    """Content of the lines, and whether one of them did not decode; nothing when the first one did not."""
    found: list[bytes] = []
    for line in raw.splitlines():
        if not line.strip():
            continue
        try:
            found.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some encoders pad wrongly (Python's own decoder knows the same way round).
            try:
                found.append(binascii.a2b_uu(line[: (((line[0] - 32) & 63) * 4 + 5) // 3]))
            except binascii.Error:
                return b"".join(found), True
    return b"".join(found), False
