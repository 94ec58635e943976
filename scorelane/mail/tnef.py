"""winmail.dat (TNEF, MS-OXTNEF): the bodies and files that Outlook packs into one attachment."""

from __future__ import annotations

import struct
from typing import NamedTuple

from scorelane.mail.charsets import decode_declared
from scorelane.mail.headers import file_name

SIGNATURE = b"\x78\x9f\x3e\x22"
TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
MOST_ATTRIBUTES = 2000
MOST_FILES = 50
MOST_RTF_BYTES = 4 * 1024 * 1024
MOST_STREAMS = 4
"""Streams of one message that are unpacked."""

_NEW_FILE, _FILE_NAME, _FILE_DATA, _FILE_PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_BODY, _PROPERTIES, _CODE_PAGE = 0x800C, 0x9003, 0x9007
_PR_BODY, _PR_HTML, _PR_RTF, _PR_LONG_NAME, _PR_DATA, _PR_TYPE = 0x1000, 0x1013, 0x1009, 0x3707, 0x3701, 0x370E
_SIZES = {0x0002: 4, 0x0003: 4, 0x0004: 4, 0x000A: 4, 0x000B: 4, 0x0001: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x0014: 8}
_SIZES |= {0x0040: 8, 0x0048: 16}
_COUNTED = frozenset({0x000D, 0x001E, 0x001F, 0x0102})
_UNICODE, _MANY = 0x001F, 0x1000


class Packed(NamedTuple):
    """One thing inside: a body (without a name) or a file."""

    name: str
    media_type: str
    content: bytes


class Unpacked(NamedTuple):
    """All that is inside, bodies first, and whether the reading stopped early."""

    packed: list[Packed]
    is_broken: bool


def unpack(raw: bytes) -> Unpacked:
    """Bodies and files of a TNEF stream, as far as it can be read; at most `MOST_FILES` files."""
    reader = _Reader()
    at = 6
    is_broken = not raw.startswith(SIGNATURE)
    for _ in range(MOST_ATTRIBUTES):
        if is_broken or at >= len(raw):
            break
        if at + 9 > len(raw):
            is_broken = True
            break
        identity, length = struct.unpack_from("<xII", raw, at)
        end = at + 9 + length
        try:
            reader.take(identity & 0xFFFF, raw[at + 9 : min(end, len(raw))])
        except (struct.error, IndexError):
            is_broken = True
        is_broken = is_broken or end + 2 > len(raw)
        at = end + 2
    return Unpacked(reader.finish(), is_broken)


class _Reader:
    """Collects what the attributes of one stream say."""

    def __init__(self) -> None:
        self.bodies: list[Packed] = []
        self.files: list[dict[str, bytes | str]] = []
        self._rtf_left = MOST_RTF_BYTES

    def take(self, kind: int, content: bytes) -> None:
        """One attribute."""
        if kind == _NEW_FILE:
            if len(self.files) < MOST_FILES:
                self.files.append({})
        elif kind == _BODY:
            self.bodies.append(Packed("", "text/plain", content.rstrip(b"\0")))
        elif kind == _PROPERTIES:
            self._message(_properties(content))
        elif self.files:
            self._file(kind, content)

    def _message(self, found: dict[int, bytes]) -> None:
        if found.get(_PR_HTML):
            self.bodies.append(Packed("", "text/html", found[_PR_HTML]))
        if found.get(_PR_BODY):
            self.bodies.append(Packed("", "text/plain", found[_PR_BODY].rstrip(b"\0")))
        if found.get(_PR_RTF):
            text = decompress_rtf(found[_PR_RTF], self._rtf_left)
            self._rtf_left -= len(text)
            if text:
                self.bodies.append(Packed("body.rtf", "application/rtf", text))

    def _file(self, kind: int, content: bytes) -> None:
        file = self.files[-1]
        if kind == _FILE_NAME:
            file.setdefault("name", _text(content))
        elif kind == _FILE_DATA:
            file["content"] = content
        elif kind == _FILE_PROPERTIES:
            found = _properties(content)
            if _PR_LONG_NAME in found:
                file["name"] = _text(found[_PR_LONG_NAME])
            if _PR_TYPE in found:
                file["type"] = _text(found[_PR_TYPE])
            if _PR_DATA in found:
                file.setdefault("content", found[_PR_DATA])

    def finish(self) -> list[Packed]:
        """Bodies, then files."""
        files = [
            Packed(
                file_name(str(file.get("name", ""))) or "attachment",
                str(file.get("type", "application/octet-stream")).lower(),
                bytes(file["content"]),  # type: ignore[arg-type] # bytes by _file
            )
            for file in self.files
            if "content" in file
        ]
        return self.bodies + files


def _text(content: bytes) -> str:
    if content[1:2] == b"\0" and len(content) > 2:  # noqa: PLR2004 - UTF-16 of a Latin name
        return content.decode("utf-16-le", "replace").rstrip("\0")
    return decode_declared(content.rstrip(b"\0"), None)[0]


def _properties(raw: bytes) -> dict[int, bytes]:
    """MAPI properties by id; reading ends at the first that makes no sense."""
    found: dict[int, bytes] = {}
    (count,) = struct.unpack_from("<I", raw, 0)
    at = 4
    for _ in range(min(count, MOST_ATTRIBUTES)):
        if at + 4 > len(raw):
            break
        kind, identity = struct.unpack_from("<HH", raw, at)
        at += 4
        if identity >= 0x8000:  # noqa: PLR2004 - a named property
            at = _skip_name(raw, at)
        value, at = _value(raw, at, kind)
        if value is None:
            break
        found.setdefault(identity, value)
    return found


def _skip_name(raw: bytes, at: int) -> int:
    (is_text,) = struct.unpack_from("<I", raw, at + 16)
    if not is_text:
        return at + 24
    (length,) = struct.unpack_from("<I", raw, at + 20)
    return at + 24 + _padded(length)


def _value(raw: bytes, at: int, kind: int) -> tuple[bytes | None, int]:
    """(bytes of the first value, place after all values); None for a kind that is unknown."""
    base = kind & ~_MANY
    values = 1
    if kind & _MANY or base in _COUNTED:
        (values,) = struct.unpack_from("<I", raw, at)
        at += 4
    first: bytes | None = b""
    for number in range(min(values, MOST_ATTRIBUTES)):
        if base in _COUNTED:
            (size,) = struct.unpack_from("<I", raw, at)
            at += 4
        elif base in _SIZES:
            size = _SIZES[base]
        else:
            return None, at
        if number == 0:
            first = raw[at : at + size]
            if base == _UNICODE:
                first = first.decode("utf-16-le", "replace").encode()
        at += _padded(size)
    return first, at


def _padded(size: int) -> int:
    return (size + 3) & ~3


_RTF_START = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)


def decompress_rtf(raw: bytes, most: int = MOST_RTF_BYTES) -> bytes:  # noqa: C901 - a bit decides, a byte or a run follows
    """RTF of a compressed body (MS-OXRTFCP), at most `most` bytes; empty where it is none."""
    if len(raw) < 16:  # noqa: PLR2004 - the header
        return b""
    size, kind = struct.unpack_from("<I4s", raw, 4)
    if kind == b"MELA":
        return raw[16 : 16 + min(size, most)]
    if kind != b"LZFu":
        return b""
    size = min(size, most)
    window = bytearray(_RTF_START.ljust(4096, b"\0"))
    write = len(_RTF_START)
    out = bytearray()
    at = 16
    while at < len(raw) and len(out) < size:
        flags = raw[at]
        at += 1
        for bit in range(8):
            if at >= len(raw) or len(out) >= size:
                break
            if flags >> bit & 1:
                if at + 2 > len(raw):
                    return bytes(out)
                token = raw[at] << 8 | raw[at + 1]
                at += 2
                if token >> 4 == write:
                    return bytes(out)
                piece = [(token >> 4) + step & 0xFFF for step in range((token & 15) + 2)]
            else:
                window[write] = raw[at]
                out.append(raw[at])
                write = write + 1 & 0xFFF
                at += 1
                continue
            for place in piece:
                out.append(window[place])
                window[write] = window[place]
                write = write + 1 & 0xFFF
    return bytes(out)
