"""A message joined with what was found in its attachments: links get the place where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from scorelane.mail.limits import DEFAULT_LIMITS
from scorelane.mail.message import Link
from scorelane.mail.urls import parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scorelane.mail.message import Message
    from scorelane.mail.opened import Extraction, Opened

MOST_FOUND_LINKS = 200
"""Links taken from attachments; those of the message itself come first."""


def with_opened(message: Message, opened: Sequence[Opened]) -> Message:
    """The message with `opened` set and the attachments' links behind its own.

    A link's source is pdf, office, qr, calendar, page (HTML or SVG), shortcut, nested or file; its place is the
    part's path, then the names of files inside, then the page. A link of a calendar that the parser has read
    already is not taken twice.
    """
    room = min(MOST_FOUND_LINKS, DEFAULT_LIMITS.links - len(message.links))
    seen = {(link.url.raw, link.source) for link in message.links}
    found: list[Link] = []
    for one in opened:
        for raw, source, place in _urls(one.found, one.place):
            if len(found) >= room:
                break
            if (raw, source) in seen:
                continue
            seen.add((raw, source))
            url = parse_url(raw)
            if url is not None:
                found.append(Link(url, "", source, place=place))
    return msgspec.structs.replace(message, opened=tuple(opened), links=(*message.links, *found))


def _urls(found: Extraction, place: str) -> Iterator[tuple[str, str, str]]:
    """(URL, source, place) of a file and of all inside it."""
    source = source_of(found)
    codes = frozenset(found.pdf.qr if found.pdf else found.image.qr if found.image else ())
    for at, raw in enumerate(found.urls):
        page = found.url_pages[at] if at < len(found.url_pages) else 0
        where = f"{place} page {page}" if page else place
        yield raw, "qr" if raw in codes else source, where
    for child in found.children:
        yield from _urls(child, f"{place}/{child.name or child.true_type}"[:200])


def source_of(found: Extraction) -> str:
    """The word for a file's kind as the source of a link."""
    kinds = (
        (found.pdf, "pdf"),
        (found.office or found.onenote, "office"),
        (found.image, "qr"),
        (found.calendar, "calendar"),
        (found.markup, "page"),
        (found.lnk, "shortcut"),
        (found.mail, "nested"),
    )
    return next((source for value, source in kinds if value is not None), "file")
