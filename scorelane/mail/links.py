"""Links of every part of a message, with where each was seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from scorelane.mail.charsets import decode_declared
from scorelane.mail.message import Link
from scorelane.mail.urls import find_urls, parse_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from scorelane.mail.defects import Defects
    from scorelane.mail.message import Html, Message, Part
    from scorelane.mail.survey import Anchor

_HEADERS = ("list-unsubscribe", "list-help", "x-report-abuse", "x-url", "from", "reply-to", "comments")
"""Headers that mail readers show, or whose links they offer."""
_REFRESH = re.compile(r"url\s{0,8}=\s{0,8}[\"']?([^\"']{1,2048})", re.IGNORECASE)
_CALENDAR = "text/calendar"
_CALENDAR_BYTES = 64 * 1024
_CALENDAR_FOLD = re.compile(r"\r?\n[ \t]")


class Sources(NamedTuple):
    """Where links can stand in one message."""

    anchors: Sequence[Anchor]
    plain: str
    html: Html | None
    subject: str
    headers: Mapping[str, tuple[str, ...]]
    parts: Sequence[Part]
    nested: Sequence[Message]


def collect(sources: Sources, most: int, defects: Defects) -> tuple[Link, ...]:
    """Links of HTML, texts, subject, headers, calendars and nested messages, in this order; at most `most`."""
    found: list[Link] = []
    for link in _all(sources, most + 1):  # one more, so that a cut is seen
        if len(found) >= most:
            defects.add("link_limit", "url")
            break
        found.append(link)
    return tuple(found)


def _all(sources: Sources, most: int) -> Iterator[Link]:
    seen: set[str] = set()
    for link in _in_html(sources):
        seen.add(link.url.href)
        yield link
    for link in _in_text(sources.plain, "text", most):
        seen.add(link.url.href)
        yield link
    yield from _in_text(sources.subject, "subject", most)
    if sources.html is not None:
        # What a plain body or an anchor shows already is not a second link.
        shown = _in_text(sources.html.visible_text, "text", most)
        yield from (link for link in shown if not sources.plain or link.url.href not in seen)
    for name in _HEADERS:
        for value in sources.headers.get(name, ()):
            yield from _in_text(value, "header", most)
    for part in sources.parts:
        if _CALENDAR in (part.true_type, part.declared_type):
            text = decode_declared(part.content[:_CALENDAR_BYTES], part.charset)[0]
            yield from _in_text(_CALENDAR_FOLD.sub("", text), "calendar", most)
    for message in sources.nested:
        yield from (Link(link.url, link.text, "nested", link.hidden) for link in message.links)


def _in_html(sources: Sources) -> Iterator[Link]:
    html = sources.html
    base = html.base_href if html is not None else None
    for anchor in sources.anchors:
        url = parse_url(anchor.href, base)
        if url is not None:
            yield Link(url, anchor.text, anchor.source, anchor.hidden)
    refresh = _REFRESH.search(html.meta_refresh) if html is not None and html.meta_refresh else None
    target = parse_url(refresh.group(1), base) if refresh else None
    if target is not None:
        yield Link(target, "", "html_other")


def _in_text(text: str, source: str, most: int) -> Iterable[Link]:
    for raw in find_urls(text, most):
        url = parse_url(raw)
        if url is not None:
            yield Link(url, "", source)
