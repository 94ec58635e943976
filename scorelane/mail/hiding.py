"""Which elements of an HTML body a reader cannot see, and how they are hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from scorelane.mail.styles import (
    LONGEST_STYLE,
    MOST_CSS_CHARS,
    PLAIN,
    Colour,
    Look,
    are_alike,
    background_of,
    look_of,
    rgb,
    rules_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selectolax.lexbor import LexborNode

    from scorelane.mail.defects import Defects

Attributes = dict[str, "str | None"]

_WHITE: Colour = (255, 255, 255)
_NEVER = frozenset(("img", "body", "html", "input", "br", "hr", "head", "style", "script", "meta", "link", "title"))
_WATCHED = frozenset(("style", "hidden", "bgcolor", "background"))
_WATCHED_WITH_SHEETS = _WATCHED | {"class", "id"}
_INHERITED = frozenset(("zero_font", "same_colour"))
"""Ways that an element inside can undo for itself."""
MOST_STYLED = 3000
MOST_STEPS = 20_000
MOST_READ_CHARS = 32 * 1024 * 1024
MOST_PARENTS = 300


class Hidden(NamedTuple):
    """What is not seen: nodes of which none is inside another, their texts, and the ways."""

    nodes: list[LexborNode]
    text: str
    kinds: set[str]


class Hider:
    """Meets every element of a document once, then tells what is hidden."""

    def __init__(self, defects: Defects, *, has_sheets: bool) -> None:
        self._defects = defects
        self._has_sheets = has_sheets
        self._met: list[tuple[LexborNode, str, Attributes]] = []
        self._painted: list[tuple[LexborNode, str, Attributes]] = []
        self._rules: dict[str, Look] = {}
        self._looks: dict[tuple[str | None, ...], Look] = {}
        self._own: dict[int, Colour] = {}
        self._backgrounds: dict[int, Colour] = {}
        self._blends: dict[Colour, bool] = {}
        self._steps = self._read_chars = 0
        self._whole: set[int] = set()

    def add_rules(self, css: str) -> None:
        """Rules of one style sheet."""
        self._rules.update(rules_of(css[:MOST_CSS_CHARS]))

    @property
    def watched(self) -> frozenset[str]:
        """Attributes that make an element worth meeting; a font is worth it with any."""
        return _WATCHED_WITH_SHEETS if self._has_sheets else _WATCHED

    def meet(self, node: LexborNode, tag: str, attributes: Attributes) -> None:
        """One element with a `watched` attribute, or a font, in document order."""
        by_rule = self._has_sheets and ("class" in attributes or "id" in attributes)
        if by_rule or "style" in attributes or "hidden" in attributes or tag == "font":
            self._met.append((node, tag, attributes))
        if by_rule or "style" in attributes or "bgcolor" in attributes or "background" in attributes:
            self._painted.append((node, tag, attributes))

    def find(self) -> Hidden:
        """All that is hidden and has a text."""
        if len(self._met) > MOST_STYLED:
            self._defects.add("html_style_limit", "html")
        for node, tag, attributes in self._painted:
            colour = self._own_background(tag, attributes)
            if colour is not None:
                self._own[node.mem_id] = colour
        flagged: dict[int, tuple[LexborNode, str]] = {}
        for node, tag, attributes in self._met[:MOST_STYLED]:
            if tag not in _NEVER and (kind := self._why(node, tag, attributes)) is not None:
                flagged[node.mem_id] = node, kind
        nodes: list[LexborNode] = []
        texts: list[str] = []
        kinds: set[str] = set()
        for node, kind in flagged.values():
            if self.is_hidden(node) or not self._has_text(node):
                continue
            hidden = self._hidden_by(node, kind, flagged)
            found = [text for piece in hidden if (text := piece.text(separator="")).strip()]
            if found:
                nodes.extend(hidden)
                texts.extend(found)
                kinds.add(kind)
        return Hidden(nodes, "\n".join(texts), kinds)

    def _has_text(self, node: LexborNode) -> bool:
        """Whether there is a text inside; no longer looked at when too much was read, as elements hold each other."""
        if self._read_chars > MOST_READ_CHARS:
            self._defects.add("html_style_limit", "html")
            return False
        text = node.text(separator="")
        self._read_chars += len(text)
        return bool(text.strip())

    def is_hidden(self, node: LexborNode) -> bool:
        """Whether an element stands inside one that `find` found hidden as a whole."""
        if not self._whole:
            return False
        current: LexborNode | None = node
        for _ in range(MOST_PARENTS):
            if current is None:
                break
            if current.mem_id in self._whole:
                return True
            current = current.parent
        return False

    def _hidden_by(self, node: LexborNode, kind: str, flagged: Mapping[int, object]) -> list[LexborNode]:
        """The node, or those of its texts that nothing inside shows again."""
        texts: list[LexborNode] = []
        is_whole = True
        waiting = [node] if kind in _INHERITED else []
        while waiting and self._steps < MOST_STEPS:
            for child in waiting.pop().iter(include_text=True):
                self._steps += 1
                if child.tag == "-text":
                    texts.append(child)
                elif child.mem_id in flagged or self._shows_again(child, kind):
                    is_whole = False
                else:
                    waiting.append(child)
        if self._steps >= MOST_STEPS:
            self._defects.add("html_style_limit", "html")
            return []
        if is_whole:
            self._whole.add(node.mem_id)
            return [node]
        return texts

    def _shows_again(self, node: LexborNode, kind: str) -> bool:
        attributes = node.attributes
        look = self._look(node.tag or "", attributes)
        if kind == "zero_font":
            return look.has_size or (node.tag == "font" and bool(attributes.get("size")))
        return look.colour is not None or look.background is not None or bool(
            attributes.get("color") or attributes.get("bgcolor")
        )  # fmt: skip

    def _look(self, tag: str, attributes: Attributes) -> Look:
        """Inline declarations, which win, over the rules of style sheets."""
        style = attributes.get("style")
        if not self._rules:
            return look_of(style[:LONGEST_STYLE]) if style else PLAIN
        key = tag, style, attributes.get("id"), attributes.get("class")
        look = self._looks.get(key)
        if look is None:
            look = self._looks[key] = self._ruled(tag, style, attributes)
        return look

    def _ruled(self, tag: str, style: str | None, attributes: Attributes) -> Look:
        inline = look_of(style[:LONGEST_STYLE]) if style else PLAIN
        for name in _selectors(tag, attributes):
            rule = self._rules.get(name)
            if rule is not None:
                inline = _under(inline, rule, style or "")
        return inline

    def _why(self, node: LexborNode, tag: str, attributes: Attributes) -> str | None:
        if "hidden" in attributes:
            return "display_none"
        look = self._look(tag, attributes)
        if look.kind is not None:
            return look.kind
        if tag == "font" and (attributes.get("size") or "").strip() in ("0", "-7"):
            return "zero_font"
        colour = look.colour
        if colour is None and tag == "font" and attributes.get("color"):
            colour = rgb((attributes["color"] or "")[:60])
        if colour is None or not self._may_blend(colour):
            return None
        return "same_colour" if are_alike(colour, self._background(node)) else None

    def _may_blend(self, colour: Colour) -> bool:
        """Whether some background of the document is like it: most texts need no search for their own."""
        known = self._blends.get(colour)
        if known is None:
            shades = {_WHITE, *self._own.values()}
            known = self._blends[colour] = any(are_alike(colour, shade) for shade in shades)
        return known

    def _background(self, node: LexborNode) -> Colour:
        """Colour behind a node: its own or the nearest ancestor's, white where none says one."""
        passed: list[int] = []
        found = _WHITE
        current: LexborNode | None = node
        for _ in range(MOST_PARENTS):
            if current is None or current.tag in ("-undef", "#document"):
                break
            known = self._backgrounds.get(current.mem_id) or self._own.get(current.mem_id)
            passed.append(current.mem_id)
            if known is not None:
                found = known
                break
            current = current.parent
        self._backgrounds.update(dict.fromkeys(passed, found))
        return found

    def _own_background(self, tag: str, attributes: Attributes) -> Colour | None:
        look = self._look(tag, attributes)
        if look.background is not None:
            return look.background
        if attributes.get("background"):
            return background_of("url(")
        colour = attributes.get("bgcolor")
        return rgb(colour[:60]) if colour else None


def _selectors(tag: str, attributes: Attributes) -> list[str]:
    """Simple selectors that name an element, the strongest first."""
    names = []
    if attributes.get("id"):
        names.append("#" + (attributes["id"] or "").lower())
    names.extend("." + name for name in (attributes.get("class") or "").lower().split()[:10])
    return [selector for name in names for selector in (f"{tag}{name}", name)]


def _under(inline: Look, rule: Look, style: str) -> Look:
    """What is said by an element's own style, and where that is silent by a rule."""
    kind = rule.kind
    if (kind == "zero_font" and inline.has_size) or (kind == "display_none" and "display" in style):
        kind = None
    return Look(
        inline.kind or kind,
        inline.has_size or rule.has_size,
        inline.colour or rule.colour,
        inline.background or rule.background,
    )
