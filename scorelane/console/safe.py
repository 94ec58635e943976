"""Hostile mail made safe to look at: HTML that can neither run, load nor lead anywhere, and text to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nh3

from scorelane.console.wording import defang
from scorelane.mail.charsets import decode_declared, without_surrogates

if TYPE_CHECKING:
    from scorelane.mail import Message, Part

MOST_HTML_BYTES = 512 * 1024
MOST_DEPTH = 256
"""Browsers and sanitisers grow slow on deeper nesting, which no honest mail has."""

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


def sanitised(html: str, *, max_depth: int) -> str:
    """A document in which nothing is active: no script, style, link target, image, form or frame.

    Raises Unsafe for HTML nested deeper than MOST_DEPTH.
    """
    if max_depth > MOST_DEPTH:
        raise Unsafe(
            f"The HTML is nested {max_depth} levels deep, which only hostile mail is; read its text and source."
        )
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


def readable(text: str) -> str:
    """Text with links that no program follows."""
    return defang(text)
