"""Keeps HTML flat enough for the parser, whose time grows with depth times elements (WHATWG HTML section 13.2)."""

from __future__ import annotations

import re

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})")
_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr",
})  # fmt: skip
_IMPLIED = frozenset({
    "a", "p", "li", "dt", "dd", "option", "optgroup", "tbody", "thead", "tfoot", "colgroup", "caption", "html", "head",
    "body",
})  # fmt: skip
"""Elements that end where the next of their kind begins: alone they nest no deeper."""
_CELLS = frozenset(("td", "th", "tr"))
_FORMATTING = frozenset(["b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"])
"""Elements that are opened again in every later block until they are closed by name."""
_STRUCTURE = re.compile(
    r"</?(?!(?:a|area|base|button|embed|form|iframe|img|input|link|meta|object|script|style|title)\b)"
    r"[a-zA-Z][^<>]{0,2000}>"
)
_ATTRIBUTE = r"""(?:[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"?+|'[^']*+'?+|[^\s>"'][^\s>]*+)?+)?+)"""
MOST_ATTRIBUTES = 256
_START_TAG = re.compile(rf"(<[a-zA-Z][^\s/>]*+{_ATTRIBUTE}{{0,{MOST_ATTRIBUTES}}}+)({_ATTRIBUTE}*+)[\s/]*+>?+")
"""The first attributes of a tag, and those after them. It matches every tag whole, so that none is read twice."""
FEW_CHARS = 64 * 1024
"""Shorter documents cannot hold enough attributes in one tag to matter."""
FEW_TAGS = 2000
MOST_STEPS = 1_500_000


def without_crowds(source: str) -> str:
    """The document with the first 256 attributes of each tag: the parser compares each new one with all before."""
    if len(source) < FEW_CHARS:
        return source
    return _START_TAG.sub(lambda tag: f"{tag[1]}>" if tag[2] else tag[0], source)


def is_too_deep(source: str, most_depth: int) -> bool:
    """Whether a document nests deeper than `most_depth`, or so that reading it takes over `MOST_STEPS` steps.

    Counts tags as the parser would open and close them, never too low; what is small is never too deep.
    """
    return source.count("<") > FEW_TAGS and _Nesting().deepest(source, most_depth) > most_depth


def deepest(source: str, most: int = 100_000) -> int:
    """Levels of nested elements, counted up to one over `most`."""
    return _Nesting().deepest(source, most)


def flattened(source: str) -> str:
    """The document with line ends for its structure: texts, links, forms, images and scripts stay."""
    return _STRUCTURE.sub("\n", source)


class _Nesting:
    """Open elements as the parser would hold them."""

    def __init__(self) -> None:
        self.stack: list[str] = []
        self.open: dict[str, int] = {}
        self.formats: dict[str, int] = {}
        self.format_count = 0
        self.outside: list[tuple[dict[str, int], int]] = []

    def deepest(self, source: str, most: int) -> int:
        """Levels of nested elements; one over `most` as soon as they are more, or the steps too many."""
        steps = found = 0
        for closing, written in _TAG.findall(source):
            name = written.lower()
            if name in _VOID or name in _IMPLIED:
                pass
            elif name in _CELLS and self.open.get("table"):
                self._cell()
            elif name in _FORMATTING:
                self._format(name, is_end=bool(closing))
            elif closing:
                self._end(name)
            else:
                self._start(name)
            depth = len(self.stack) + self.format_count
            found = max(found, depth)
            steps += depth
            if depth > most or steps > MOST_STEPS:
                return most + 1
        return found

    def _start(self, name: str) -> None:
        self.stack.append(name)
        self.open[name] = self.open.get(name, 0) + 1
        if name == "table":
            self.outside.append((self.formats, self.format_count))
            self.formats, self.format_count = dict(self.formats), self.format_count

    def _end(self, name: str) -> None:
        if not self.open.get(name):
            return
        while self._pop() != name:
            pass

    def _pop(self) -> str:
        last = self.stack.pop()
        self.open[last] -= 1
        if last == "table":
            self.formats, self.format_count = self.outside.pop()
        return last

    def _cell(self) -> None:
        """A cell begins or ends: all that was open inside the table's last one ends."""
        while self.stack[-1] != "table":
            self._pop()
        self.formats, self.format_count = {}, 0

    def _format(self, name: str, *, is_end: bool) -> None:
        here = self.formats.get(name, 0)
        if is_end and not here:
            return
        change = -1 if is_end else 1
        self.formats[name] = here + change
        self.format_count += change
