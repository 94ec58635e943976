"""One walk over the elements of an HTML document: links, forms, images, scripts, and what may be hidden."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from scorelane.mail.hiding import Attributes, Hider
from scorelane.mail.message import Html

if TYPE_CHECKING:
    from collections.abc import Callable

    from selectolax.lexbor import LexborHTMLParser, LexborNode

    from scorelane.mail.defects import Defects
    from scorelane.mail.limits import Limits

_HANDLER = re.compile(r"on(?<=[\s\"'/]on)[a-z]{3,20}\s{0,8}=")
_LONGEST_URL = 4096
_LONGEST_TEXT = 500
_MOST_ANCHOR_CHARS = 8 * 1024 * 1024
"""Of all links together: links may stand inside links, and each has all that is inside it as its text."""
_MOST_FORMS = 50
_SHAPES = ("arc", "curve", "group", "image", "line", "oval", "polyline", "rect", "roundrect", "shape")
"""Of VML, which Outlook draws: each may be a link."""
TINY_PX = 3
_FEW = frozenset(map(str, range(TINY_PX + 1)))


class Anchor(NamedTuple):
    """A link as written, its visible text, where in HTML it stood, and whether it can be seen."""

    href: str
    text: str
    source: str
    hidden: bool


def fold(text: str) -> str:
    """White space of a line as single spaces, empty lines gone."""
    if "\r" in text:
        text = text.replace("\r", "\n")
    return "\n".join(filter(None, [" ".join(line.split()) for line in text.split("\n") if line]))


def text_of(node: LexborNode | None) -> str:
    """All text inside a node, as written; empty for none."""
    return node.text(separator="") if node is not None else ""


class Survey:
    """One walk over all elements, and what it met."""

    def __init__(self, tree: LexborHTMLParser, source: str, limits: Limits, defects: Defects) -> None:
        self.source = source
        self.hider = Hider(defects, has_sheets="<style" in source or "<STYLE" in source)
        self.links: list[tuple[LexborNode, str]] = []
        self.others: list[Anchor] = []
        self.forms: list[str] = []
        self.images: list[Attributes] = []
        self.inputs: list[str] = []
        self.script_count = self.script_bytes = self.style_bytes = self.tag_count = 0
        self.iframes = self.tables = self.handlers = self.data_urls = 0
        self.has_head = self.has_unseen = False
        """A head, and elements outside it whose text no reader shows."""
        self.base: str | None = None
        self.refresh: str | None = None
        lower = source.lower()
        self._has_data = "data:" in lower
        self._has_handlers = _HANDLER.search(lower) is not None
        if tree.root is not None:
            self._walk(tree.root, limits, defects)

    def _walk(self, root: LexborNode, limits: Limits, defects: Defects) -> None:
        meet, is_dull = self.hider.meet, self.hider.watched.isdisjoint
        has_values = self._has_data or self._has_handlers
        most, reader_of, count = limits.html_elements, _READERS.get, 0
        for count, node in enumerate(root.traverse(), 1):
            if count > most:
                defects.add("html_truncated", "html")
                self.has_head = self.has_unseen = True
                break
            tag = node.tag or ""
            attributes = node.attributes
            if attributes:
                if tag == "font" or not is_dull(attributes):
                    meet(node, tag, attributes)
                    if "background" in attributes:
                        self._other(attributes, "background", "html_image")
                if has_values:
                    self._read_values(attributes)
            read = reader_of(tag)
            if read is not None:
                read(self, node, attributes)
        self.tag_count = min(count, most)

    def _read_values(self, attributes: Attributes) -> None:
        for name, value in attributes.items():
            if name[:2] == "on":
                self.handlers += 1
            elif value and value[:5].lower() == "data:":
                self.data_urls += 1

    def read_link(self, node: LexborNode, attributes: Attributes) -> None:
        """An anchor, an area or a shape of VML: a link when it has a target."""
        href = attributes.get("href") or attributes.get("xlink:href")
        if href:
            self.links.append((node, href[:_LONGEST_URL]))

    def read_drawing(self, _node: LexborNode, attributes: Attributes) -> None:
        """A picture of SVG or VML."""
        for name in ("src", "href", "xlink:href"):
            self._other(attributes, name, "html_image")

    def read_image(self, _node: LexborNode, attributes: Attributes) -> None:
        """An image of HTML."""
        self.images.append(attributes)
        self._other(attributes, "src", "html_image")

    def read_table(self, _node: LexborNode, _attributes: Attributes) -> None:
        """A table."""
        self.tables += 1

    def read_form(self, _node: LexborNode, attributes: Attributes) -> None:
        """A form, whose target is a link."""
        self.forms.append(_url(attributes, "action"))
        self._other(attributes, "action", "html_form")

    def read_field(self, node: LexborNode, attributes: Attributes) -> None:
        """A field or button, which may have a target of its own."""
        if node.tag == "input":
            self.inputs.append((attributes.get("type") or "").strip().lower())
        self._other(attributes, "formaction", "html_form")

    def read_frame(self, node: LexborNode, attributes: Attributes) -> None:
        """A frame or an embedded document."""
        self.iframes += node.tag == "iframe"
        self._other(attributes, "data" if node.tag == "object" else "src", "html_other")

    def read_resource(self, _node: LexborNode, attributes: Attributes) -> None:
        """A style sheet or the like."""
        self._other(attributes, "href", "html_other")

    def read_base(self, _node: LexborNode, attributes: Attributes) -> None:
        """The first base counts."""
        if self.base is None and attributes.get("href"):
            self.base = _url(attributes, "href")
            self._other(attributes, "href", "html_other")

    def read_meta(self, _node: LexborNode, attributes: Attributes) -> None:
        """The first refresh counts."""
        if self.refresh is None and (attributes.get("http-equiv") or "").strip().lower() == "refresh":
            self.refresh = _url(attributes, "content")

    def read_head(self, _node: LexborNode, _attributes: Attributes) -> None:
        """What stands in a head is not shown."""
        self.has_head = True

    def read_unseen(self, node: LexborNode, _attributes: Attributes) -> None:
        """An element whose text is not shown, outside the head."""
        parent = node.parent
        if parent is None or parent.tag != "head":
            self.has_unseen = True

    def read_script(self, node: LexborNode, attributes: Attributes) -> None:
        """A script."""
        self.read_unseen(node, attributes)
        self.script_count += 1
        self.script_bytes += len(text_of(node))

    def read_style(self, node: LexborNode, attributes: Attributes) -> None:
        """A style sheet in the document."""
        self.read_unseen(node, attributes)
        text = text_of(node)
        self.style_bytes += len(text)
        self.hider.add_rules(text)

    def _other(self, attributes: Attributes, name: str, source: str) -> None:
        if attributes.get(name):
            self.others.append(Anchor(_url(attributes, name), "", source, hidden=False))

    def anchors(self, most: int, defects: Defects) -> list[Anchor]:
        """Links that can be clicked in document order, then forms, images and the rest."""
        found = []
        left = _MOST_ANCHOR_CHARS
        for node, href in self.links[:most]:
            text = text_of(node) if left > 0 else ""
            left -= len(text)
            shown = fold(text[: 16 * _LONGEST_TEXT]).replace("\n", " ")[:_LONGEST_TEXT]
            found.append(Anchor(href, shown, "html_anchor", self.hider.is_hidden(node)))
        if left <= 0:
            defects.add("html_truncated", "html")
        for source in ("html_form", "html_image", "html_other"):
            found.extend(anchor for anchor in self.others if anchor.source == source)
        return found[:most]

    def html(self, visible: str, hidden: str, kinds: set[str], size_bytes: int) -> Html:
        """The texts and the numbers."""
        sources = [(attributes.get("src") or "").lstrip()[:8].lower() for attributes in self.images]
        return Html(
            visible_text=visible,
            hidden_text=hidden,
            hidden_kinds=frozenset(kinds),
            form_actions=tuple(self.forms[:_MOST_FORMS]),
            password_inputs=self.inputs.count("password"),
            input_count=len(self.inputs),
            script_count=self.script_count,
            script_bytes=self.script_bytes,
            iframe_count=self.iframes,
            image_count=len(self.images),
            remote_image_count=sum(source.startswith(("http:", "https:", "//")) for source in sources),
            data_image_count=sum(source.startswith("data:") for source in sources),
            tiny_image_count=sum(map(_is_tiny, self.images)),
            base_href=self.base,
            meta_refresh=self.refresh,
            data_urls=self.data_urls,
            blob_urls=self.source.count("blob:"),
            event_handlers=self.handlers,
            style_bytes=self.style_bytes,
            comment_bytes=_comment_bytes(self.source),
            tag_count=self.tag_count,
            table_count=self.tables,
            anchor_count=len(self.links),
            size_bytes=size_bytes,
        )


_READERS: dict[str, Callable[[Survey, LexborNode, Attributes], None]] = {
    "a": Survey.read_link,
    "area": Survey.read_link,
    "img": Survey.read_image,
    "table": Survey.read_table,
    "form": Survey.read_form,
    "input": Survey.read_field,
    "button": Survey.read_field,
    "iframe": Survey.read_frame,
    "embed": Survey.read_frame,
    "object": Survey.read_frame,
    "link": Survey.read_resource,
    "base": Survey.read_base,
    "meta": Survey.read_meta,
    "script": Survey.read_script,
    "style": Survey.read_style,
    "head": Survey.read_head,
    "title": Survey.read_unseen,
    "noscript": Survey.read_unseen,
    "template": Survey.read_unseen,
    "image": Survey.read_drawing,
    "v:fill": Survey.read_drawing,
    "v:imagedata": Survey.read_drawing,
    **dict.fromkeys((f"v:{shape}" for shape in _SHAPES), Survey.read_link),
}


def _url(attributes: Attributes, name: str) -> str:
    return (attributes.get(name) or "")[:_LONGEST_URL]


def _comment_bytes(source: str) -> int:
    if "<!--" not in source:
        return 0
    return sum(len(piece.partition("-->")[0]) for piece in source.split("<!--")[1:])


def _is_tiny(attributes: Attributes) -> bool:
    return _is_few(attributes.get("width")) and _is_few(attributes.get("height"))


def _is_few(size: str | None) -> bool:
    """Whether an attribute says at most `TINY_PX` pixels."""
    return bool(size) and size.strip().removesuffix("px") in _FEW  # type: ignore[union-attr] # bool(size) excludes None
