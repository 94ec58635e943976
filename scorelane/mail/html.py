"""What an HTML body shows, hides and does. Bounded in bytes and in depth before the parser sees it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from selectolax.lexbor import LexborHTMLParser

from scorelane.mail.conditional import shown_by_outlook
from scorelane.mail.nesting import flattened, is_too_deep, without_crowds
from scorelane.mail.survey import Survey, fold, text_of

if TYPE_CHECKING:
    from scorelane.mail.defects import Defects
    from scorelane.mail.limits import Limits
    from scorelane.mail.message import Html
    from scorelane.mail.survey import Anchor

_BLOCK = re.compile(
    r"<(?=/?(?:[Bb](?:[Rr]|[Ll][Oo][Cc][Kk][Qq][Uu][Oo][Tt][Ee])|[Dd][Ii][Vv]|[Hh][1-6Rr]|[Ll][Ii]"
    r"|[Oo](?:[Ll]|[Pp][Tt][Ii][Oo][Nn])|[Pp]|[Tt](?:[Rr]|[Aa][Bb][Ll][Ee]|[Ii][Tt][Ll][Ee])|[Uu][Ll])\b)"
)
"""Tags that begin or end a line. Sets of letters, as the engine tries a flag for case much more slowly."""
_ZERO_WIDTH = re.compile("[\u200b-\u200d\u2060-\u2064\ufeff\u00ad\u180e\u034f]")
_QUOTES = (
    "blockquote[type=cite],div.gmail_quote,blockquote.gmail_quote,div.yahoo_quoted,div.moz-cite-prefix,"
    "#divRplyFwdMsg,#appendonsend,div.protonmail_quote"
)
_QUOTE_MARKS = ("quote", "moz-cite", "divRplyFwdMsg", "appendonsend")
"""What every document with a quote has in its source."""
_UNSEEN = "script,style,noscript,template,head,title"
_UNSEEN_BY_OUTLOOK = f"{_UNSEEN},xml"
"""In conditional comments stand Office's settings, too."""


class Read(NamedTuple):
    """All that is read of one HTML body; `newest_text` is without quotes."""

    html: Html
    newest_text: str
    anchors: list[Anchor]


def read_html(source: str, limits: Limits, defects: Defects) -> Read:
    """Parse one HTML body. Text is folded to single spaces and newlines."""
    size = len(source)
    source = _readable(source, limits, defects)
    found = _read(source, size, limits, defects, _UNSEEN)
    if "<!--" in source and (conditional := shown_by_outlook(source)):
        more = _read(_readable(conditional, limits, defects), 0, limits, defects, _UNSEEN_BY_OUTLOOK)
        return _joined(found, more, limits)
    return found


def _read(source: str, size: int, limits: Limits, defects: Defects, unseen: str) -> Read:
    tree = LexborHTMLParser(_BLOCK.sub("\n<", source))
    survey = Survey(tree, source, limits, defects)
    hidden = survey.hider.find()
    anchors = survey.anchors(limits.links + 1, defects)
    for node in hidden.nodes:
        node.decompose()
    if survey.has_head and tree.head is not None:
        tree.head.decompose()
    if survey.has_unseen or unseen is not _UNSEEN:
        for node in tree.css(unseen):
            node.decompose()
    body = tree.body if tree.body is not None else tree.root
    visible = text_of(body)
    if not visible.isascii() and _ZERO_WIDTH.search(visible):
        hidden.kinds.add("zero_width_chars")
        visible = _ZERO_WIDTH.sub("", visible)
    visible = fold(visible)[: limits.text_chars]
    newest = visible
    if any(mark in source for mark in _QUOTE_MARKS) and (quotes := tree.css(_QUOTES)):
        for node in quotes:
            node.decompose()
        newest = fold(_ZERO_WIDTH.sub("", text_of(body)))[: limits.text_chars] or visible
    html = survey.html(visible, fold(hidden.text[: limits.text_chars]), hidden.kinds, size)
    return Read(html, newest, anchors)


def _joined(found: Read, more: Read, limits: Limits) -> Read:
    """What most readers show, then what Outlook alone shows: lines and targets that were not there before."""
    lines, targets = set(found.html.visible_text.split("\n")), {anchor.href for anchor in found.anchors}
    text = "\n".join([line for line in more.html.visible_text.split("\n") if line not in lines])
    anchors = [*found.anchors, *(anchor for anchor in more.anchors if anchor.href not in targets)]
    visible, newest = (
        f"{said}\n{text}".strip()[: limits.text_chars] for said in (found.html.visible_text, found.newest_text)
    )
    return Read(msgspec.structs.replace(found.html, visible_text=visible), newest, anchors[: limits.links + 1])


def _readable(source: str, limits: Limits, defects: Defects) -> str:
    """What the parser can read in time."""
    if len(source) > limits.html_bytes:
        defects.add("html_truncated", "html")
        source = source[: limits.html_bytes]
    few = without_crowds(source)
    if few != source:
        defects.add("html_truncated", "html")
    if is_too_deep(few, limits.html_depth):
        defects.add("html_depth_limit", "html")
        return flattened(few)
    return few
