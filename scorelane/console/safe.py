"""Hostile mail made safe to look at: HTML that can neither run, load nor lead anywhere, and text to read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import nh3

from scorelane.mail.charsets import decode_declared, without_surrogates
from scorelane.mail.nesting import without_crowds

if TYPE_CHECKING:
    from scorelane.mail import Message, Part

MOST_HTML_BYTES = 512 * 1024
MOST_DEPTH, MOST_WORK = 512, 1_000_000
"""Sanitisers and browsers take quadratic time for nesting: depth, and depth times tags, that no honest mail reaches."""

# No link, image, form, frame, media or style sheet: what is left cannot make a request or take a click.
_TAGS = {
    "a", "abbr", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center",
    "cite", "code", "col", "colgroup", "dd", "del", "div", "dl", "dt", "em", "figcaption", "figure", "font", "footer",
    "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "ins", "kbd", "li", "main", "mark", "ol", "p", "pre",
    "q", "s", "section", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "tt", "u", "ul", "wbr",
}  # fmt: skip
_DROPPED_WITH_CONTENT = {
    "script", "style", "title", "noscript", "template", "svg", "math", "iframe", "frame", "frameset", "object",
    "embed", "applet", "audio", "video", "canvas", "select", "textarea", "option",
}  # fmt: skip
_LAYOUT = {"align", "valign", "bgcolor", "width", "height"}
_ATTRIBUTES = {
    "font": {"color", "size", "face"},
    "table": {*_LAYOUT, "border", "cellpadding", "cellspacing"},
    "td": {*_LAYOUT, "colspan", "rowspan"},
    "th": {*_LAYOUT, "colspan", "rowspan"},
    "tr": _LAYOUT,
    "div": {"align"},
    "p": {"align"},
    "ol": {"start"},
    "*": {"dir", "lang"},
}

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_CLOSED_BY_ITSELF = {
    "p", "li", "td", "th", "tr", "tbody", "thead", "tfoot", "dd", "dt", "option", "col", "br", "hr", "img", "input",
    "meta", "link", "area", "base", "wbr", "source", "embed", "html", "head", "body",
}  # fmt: skip


class Unsafe(Exception):
    """This HTML is not shown; the text says why."""


def html_of(message: Message) -> str | None:
    """The HTML body as decoded, or None where there is none."""
    part = next((one for one in message.parts if _is_body(one)), None)
    if part is None:
        return None
    return without_surrogates(decode_declared(part.content[:MOST_HTML_BYTES], part.charset)[0])


def _is_body(part: Part) -> bool:
    return part.declared_type == "text/html" and not part.is_attachment


def sanitised(html: str) -> str:
    """A document in which nothing is active: no script, style, link target, image, form or frame.

    Raises Unsafe for HTML nested so deep that it would hold a reader up.
    """
    html = without_crowds(html)
    depth, tags = _nesting(html)
    if depth > MOST_DEPTH or depth * tags > MOST_WORK:
        raise Unsafe(f"The HTML is nested {depth:,} levels deep, which only hostile mail is; read its text and source.")
    clean = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_DROPPED_WITH_CONTENT,
        attributes=_ATTRIBUTES,
        url_schemes=set(),
        link_rel=None,
        strip_comments=True,
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sanitised message</title>'
        '<link rel="stylesheet" href="/static/mail.css"></head><body>' + clean + "</body></html>"
    )


def _nesting(html: str) -> tuple[int, int]:
    """(greatest depth, tags) by a linear count of tags; elements that HTML closes by itself do not deepen."""
    depth = deepest = tags = 0
    for found in _TAG.finditer(html):
        tags += 1
        if found.group(2).lower() not in _CLOSED_BY_ITSELF:
            depth = max(0, depth - 1) if found.group(1) else depth + 1
            deepest = max(deepest, depth)
    return deepest, tags
