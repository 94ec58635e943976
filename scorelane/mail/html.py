"""What an HTML body shows, hides and does. Bounded in bytes and in depth before the parser sees it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from selectolax.lexbor import LexborHTMLParser

from scorelane.mail.message import Html

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

    from scorelane.mail.defects import Defects
    from scorelane.mail.limits import Limits

_BLOCK = re.compile(r"<(?=/?(?:p|div|br|tr|li|h[1-6]|table|blockquote|ul|ol|hr|title|option)\b)", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})")
_ANY_TAG = re.compile(r"<[^<>]{0,2000}>")
_ZERO_WIDTH = re.compile("[\u200b-\u200d\u2060\ufeff\u00ad\u180e]")
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u3000]+")
_LINES = re.compile(r" ?\n[ \n]*")
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr")
)
_CLASS_HIDDEN = re.compile(r"\.([a-zA-Z][\w-]{0,60})\s*\{[^{}]{0,500}?(?:display\s*:\s*none|visibility\s*:\s*hidden)")
_NUMBER = r"\s*:\s*-?0*(?:\.0+)?(?:px|pt|em|%)?\s*(?:!important)?\s*(?:;|$)"
_STYLES = (
    ("display_none", re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE)),
    ("zero_font", re.compile(r"font-size(?:" + _NUMBER + r"|\s*:\s*[01]px)", re.IGNORECASE)),
    ("zero_opacity", re.compile(r"(?:^|[;\s])opacity" + _NUMBER, re.IGNORECASE)),
    ("offscreen", re.compile(r"(?:left|top|text-indent|margin-left)\s*:\s*-\d{3,}", re.IGNORECASE)),
    (
        "clipped",
        re.compile(r"(?:max-height|height|max-width|width)" + _NUMBER + r".*overflow\s*:\s*hidden", re.IGNORECASE),
    ),
)
_COLOUR = re.compile(r"(?:^|[;\s])color\s*:\s*([^;]{1,40})", re.IGNORECASE)
_BACKGROUND = re.compile(r"background(?:-color)?\s*:\s*([^;]{1,60})", re.IGNORECASE)
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})")
_NAMED = {"white": (255, 255, 255), "black": (0, 0, 0), "snow": (255, 250, 250), "ivory": (255, 255, 240)}
_QUOTES = (
    "blockquote[type=cite],div.gmail_quote,blockquote.gmail_quote,div.yahoo_quoted,div.moz-cite-prefix,"
    "#divRplyFwdMsg,#appendonsend,div.protonmail_quote"
)
NEAR_COLOURS = 24
MOST_STYLED = 3000
QUADRATIC_TAGS = 2000


class Anchor(NamedTuple):
    """A link as written, its visible text, where in HTML it stood, and whether it can be seen."""

    href: str
    text: str
    source: str
    hidden: bool


class Read(NamedTuple):
    """All that is read of one HTML body; `newest_text` is without quotes."""

    html: Html
    newest_text: str
    anchors: list[Anchor]


def read_html(source: str, limits: Limits, defects: Defects) -> Read:
    """Parse one HTML body. Text is folded to single spaces and newlines."""
    size = len(source)
    if size > limits.html_bytes:
        defects.add("html_truncated", "html")
        source = source[: limits.html_bytes]
    if source.count("<") > QUADRATIC_TAGS and _depth(source) > limits.html_depth:
        defects.add("html_depth_limit", "html")
        source = _ANY_TAG.sub(" ", source)
    tree = LexborHTMLParser(_BLOCK.sub("\n<", source))
    found = _Finder(tree, source)
    hidden_nodes, kinds = found.hidden()
    anchors = found.anchors(hidden_nodes, limits.links)
    counts = found.counts()
    hidden_text = "\n".join(node.text(separator="") for node in hidden_nodes)[: limits.text_chars]
    for node in hidden_nodes:
        node.decompose()
    for node in tree.css("script,style,noscript,template,head"):
        node.decompose()
    body = tree.body if tree.body is not None else tree.root
    visible = body.text(separator="") if body is not None else ""
    if _ZERO_WIDTH.search(visible):
        kinds.add("zero_width_chars")
        visible = _ZERO_WIDTH.sub("", visible)
    visible = fold(visible)[: limits.text_chars]
    newest = visible
    quotes = tree.css(_QUOTES)
    if quotes:
        for node in quotes:
            node.decompose()
        newest = (
            fold(_ZERO_WIDTH.sub("", body.text(separator="") if body is not None else ""))[: limits.text_chars]
            or visible
        )
    html = Html(
        visible_text=visible,
        hidden_text=fold(hidden_text),
        hidden_kinds=frozenset(kinds),
        size_bytes=size,
        **counts,
    )
    return Read(html, newest, anchors)


def fold(text: str) -> str:
    """Runs of white space as one space, runs of line ends as one newline."""
    return _LINES.sub("\n", _SPACES.sub(" ", text.replace("\r", "\n"))).strip()


def _depth(source: str) -> int:
    depth = deepest = 0
    for closing, name in _TAG.findall(source):
        if closing:
            depth -= depth > 0
        elif name.lower() not in _VOID:
            depth += 1
            deepest = max(deepest, depth)
    return deepest


class _Finder:
    """Selections of one parsed document, each made once."""

    def __init__(self, tree: LexborHTMLParser, source: str) -> None:
        self.tree = tree
        self.source = source
        self.lower = source.lower()

    def hidden(self) -> tuple[list[LexborNode], set[str]]:
        """Outermost nodes that a reader cannot see, and the ways they are hidden."""
        nodes: list[LexborNode] = []
        kinds: set[str] = set()
        if "style" in self.lower or "hidden" in self.lower or "<font" in self.lower:
            for node in self.tree.css("[style],[hidden],font[color],font[size]")[:MOST_STYLED]:
                kind = _why_hidden(node)
                if kind is not None and node.tag not in ("img", "body", "html", "input", "br", "hr"):
                    kinds.add(kind)
                    nodes.append(node)
            for name in dict.fromkeys(_CLASS_HIDDEN.findall(self.source)[:20]):
                for node in self.tree.css(f".{name}")[:100]:
                    kinds.add("display_none")
                    nodes.append(node)
        ids = {node.mem_id for node in nodes}
        outer = [node for node in nodes if not _inside(node, ids)]
        return [node for node in outer if node.text(separator="").strip()], kinds if outer else set()

    def anchors(self, hidden: list[LexborNode], most: int) -> list[Anchor]:
        """Links of anchors, areas, forms and images in document order by kind."""
        ids = {node.mem_id for node in hidden}
        found: list[Anchor] = []
        for node in self.tree.css("a[href],area[href]")[:most]:
            text = fold(node.text(separator=""))[:500]
            is_hidden = bool(ids) and (node.mem_id in ids or _inside(node, ids))
            found.append(Anchor(node.attributes.get("href") or "", text, "html_anchor", is_hidden))
        for selector, attribute, source in (
            ("form[action]", "action", "html_form"),
            ("img[src]", "src", "html_image"),
            ("iframe[src],embed[src],object[data],link[href],base[href]", "", "html_other"),
        ):
            for node in self.tree.css(selector)[:most]:
                names = (attribute,) if attribute else ("src", "data", "href")
                value = next((node.attributes[name] for name in names if node.attributes.get(name)), None)
                if value:
                    found.append(Anchor(value, "", source, hidden=False))
        return found[:most]

    def counts(self) -> dict[str, Any]:
        """The numbers of `Html`."""
        tree, lower = self.tree, self.lower
        images = tree.css("img") if "<img" in lower else []
        sources = [(node.attributes.get("src") or "").lstrip().lower() for node in images]
        scripts = tree.css("script") if "<script" in lower else []
        styles = tree.css("style") if "<style" in lower else []
        inputs = tree.css("input") if "<input" in lower else []
        base = tree.css_first("base[href]") if "<base" in lower else None
        refresh = tree.css_first('meta[http-equiv="refresh" i]') if "refresh" in lower else None
        return {
            "form_actions": tuple(
                (node.attributes.get("action") or "")[:2048] for node in (tree.css("form") if "<form" in lower else [])
            )[:50],
            "password_inputs": sum((node.attributes.get("type") or "").lower() == "password" for node in inputs),
            "input_count": len(inputs),
            "script_count": len(scripts),
            "script_bytes": sum(len(node.text(separator="")) for node in scripts),
            "iframe_count": len(tree.css("iframe")) if "<iframe" in lower else 0,
            "image_count": len(images),
            "remote_image_count": sum(source.startswith(("http:", "https:", "//")) for source in sources),
            "data_image_count": sum(source.startswith("data:") for source in sources),
            "tiny_image_count": sum(_is_tiny(node) for node in images),
            "base_href": (base.attributes.get("href") or "")[:2048] if base is not None else None,
            "meta_refresh": (refresh.attributes.get("content") or "")[:2048] if refresh is not None else None,
            "data_urls": lower.count('"data:') + lower.count("'data:"),
            "blob_urls": lower.count("blob:"),
            "event_handlers": lower.count(" onload=") + lower.count(" onclick=") + lower.count(" onerror=")
            + lower.count(" onmouseover="),
            "style_bytes": sum(len(node.text(separator="")) for node in styles),
            "comment_bytes": sum(len(piece.partition("-->")[0]) for piece in lower.split("<!--")[1:]),
            "tag_count": lower.count("<") - lower.count("</"),
            "table_count": lower.count("<table"),
            "anchor_count": lower.count("<a "),
            "max_depth": _depth(self.source[:65536]) if lower.count("<") < QUADRATIC_TAGS else 0,
        }  # fmt: skip


def _inside(node: LexborNode, ids: set[int]) -> bool:
    parent = node.parent
    for _ in range(64):
        if parent is None:
            return False
        if parent.mem_id in ids:
            return True
        parent = parent.parent
    return False


def _why_hidden(node: LexborNode) -> str | None:
    attributes = node.attributes
    if "hidden" in attributes:
        return "display_none"
    style = attributes.get("style") or ""
    if style:
        for kind, pattern in _STYLES:
            if pattern.search(style):
                return kind
    if node.tag == "font" and (attributes.get("size") or "").strip() in ("0", "-7"):
        return "zero_font"
    written = _COLOUR.search(style)
    text = written.group(1) if written else attributes.get("color")
    colour = _rgb(text) if text else None
    if colour is None:
        return None
    background = _background(node)
    return "same_colour" if max(abs(a - b) for a, b in zip(colour, background, strict=True)) < NEAR_COLOURS else None


def _background(node: LexborNode) -> tuple[int, int, int]:
    """Colour behind a node: its own or the nearest ancestor's; mid-grey (never alike) behind an image."""
    current: LexborNode | None = node
    for _ in range(32):
        if current is None or current.tag in ("-undef", "#document"):
            break
        attributes = current.attributes
        written = _BACKGROUND.search(attributes.get("style") or "")
        text = written.group(1) if written else attributes.get("bgcolor")
        if attributes.get("background") or (text and ("url(" in text or "gradient" in text)):
            return 128, 90, 160
        colour = _rgb(text) if text else None
        if colour is not None:
            return colour
        current = current.parent
    return 255, 255, 255


def _rgb(text: str) -> tuple[int, int, int] | None:
    text = text.strip().lower().removesuffix("!important").strip()
    if text in _NAMED:
        return _NAMED[text]
    if text.startswith("#"):
        digits = text[1:7]
        if len(digits) == 3:  # noqa: PLR2004 - #rgb
            digits = "".join(c * 2 for c in digits)
        try:
            return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
        except ValueError:
            return None
    match = _RGB.match(text)
    return (int(match.group(1)), int(match.group(2)), int(match.group(3))) if match else None


def _is_tiny(node: LexborNode) -> bool:
    sizes = [(node.attributes.get(name) or "").removesuffix("px") for name in ("width", "height")]
    return all(size.isascii() and size.isdigit() and int(size) <= 3 for size in sizes)  # noqa: PLR2004 - a tracker
