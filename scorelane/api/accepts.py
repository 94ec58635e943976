"""Which form of an answer a caller takes (RFC 9110 section 12.5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorelane.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import Request


def best(request: Request, offered: Sequence[str]) -> str:
    """The media type that the caller likes most, the first offered where it likes several. Raises Problem 406."""
    said = request.headers.get("accept") or "*/*"
    ranges = [_range(part) for part in said.split(",") if part.strip()]
    liked = [(_quality(media, ranges), media) for media in offered]
    quality = max(one for one, _ in liked)
    if quality <= 0:
        raise Problem(406, f"this address answers {', '.join(offered)}", field="header.accept")
    return next(media for one, media in liked if one == quality)


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = next((one[2:].strip() for one in parameters if one.startswith("q=")), "1")
    try:
        return name, float(quality)
    except ValueError:
        return name, 0.0


def _quality(media: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Of the most specific range that fits."""
    for name in (media, media.partition("/")[0] + "/*", "*/*"):
        found = [quality for range_, quality in ranges if range_ == name]
        if found:
            return max(found)
    return 0.0
