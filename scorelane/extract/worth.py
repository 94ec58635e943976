"""Which attachments are worth a child process, told cheaply; ordinary mail has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from scorelane.extract.sniff import SUPPORTED, true_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scorelane.mail import Message, Part

MOST_FILES = 20
"""Attachments of one message that are opened, those of nested messages included."""
MOST_PICTURES = 6
"""Pictures among them."""
SMALLEST_SIDE, LARGEST_RATIO = 42, 6.0
"""A picture must have room for the smallest QR code (21 modules of two pixels) and be no banner."""


class Wanted(NamedTuple):
    """An attachment to be opened."""

    place: str
    part: Part
    sha256: bytes
    kind: str


def wanted(message: Message) -> list[Wanted]:
    """Attachments of a message that are worth opening, in document order."""
    found: list[Wanted] = []
    pictures = 0
    for place, part in _parts(message, ""):
        kind = true_type(part.content, part.declared_type, part.filename)
        if kind not in SUPPORTED or not part.sha256:
            continue
        if kind.startswith("image/") and kind != "image/svg+xml":
            if pictures >= MOST_PICTURES or not may_hold_code(part.content):
                continue
            pictures += 1
        found.append(Wanted(place, part, bytes.fromhex(part.sha256), kind))
        if len(found) >= MOST_FILES:
            break
    return found


def _parts(message: Message, prefix: str) -> Iterator[tuple[str, Part]]:
    for part in message.parts:
        if part.is_attachment and part.size_bytes:
            yield prefix + part.path, part
    for number, inner in enumerate(message.nested, 1):
        yield from _parts(inner, f"{prefix}{number}/")


def may_hold_code(content: bytes) -> bool:
    """Whether a picture's sides allow a QR code that a phone reads; True when its header does not tell."""
    size = picture_size(content)
    if size is None:
        return True
    shorter, longer = min(size), max(size)
    return shorter >= SMALLEST_SIDE and longer <= shorter * LARGEST_RATIO


def picture_size(content: bytes) -> tuple[int, int] | None:
    """(width, height) as a PNG, GIF, BMP or JPEG header declares; None when it does not tell."""
    head = content[:32]
    if len(head) < 26:  # noqa: PLR2004 - the shortest header that holds both sides
        return None
    if head.startswith(b"\x89PNG"):
        return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    if head.startswith(b"GIF8"):
        return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    if head.startswith(b"BM"):
        width, height = (int.from_bytes(head[at : at + 4], "little", signed=True) for at in (18, 22))
        return abs(width), abs(height)
    return _jpeg_size(content) if head.startswith(b"\xff\xd8\xff") else None


_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MOST_SEGMENTS = 64


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Sides by the frame header (ITU T.81 section B.2.2), segments skipped by their length."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        segment = content[at : at + 9]
        if len(segment) < 9 or segment[0] != 0xFF:  # noqa: PLR2004 - as the standard has it
            return None
        if segment[1] in _FRAMES:
            return int.from_bytes(segment[7:9], "big"), int.from_bytes(segment[5:7], "big")
        at += 2 + int.from_bytes(segment[2:4], "big")
    return None
