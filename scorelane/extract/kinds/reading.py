"""What every reader gets: the budget, where to put URLs, text and files found inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import re2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scorelane.extract.limits import Budget
    from scorelane.mail.opened import Extraction

_URL = re2.compile(
    r"""(?i)\b(?:(?:h(?:tt|xx)ps?|ftp|file|ms-[a-z]{2,20}|search-ms):(?://|\\\\|[\w+-]+:)|www\.)[^\s<>"'`\x00-\x20\x7f]{3,}"""
)
_TRAILING = ".,;:!?)]}>'\"\\"
_SCANNED_CHARS = 1 << 20


class Descend(Protocol):
    """How a reader has a file inside analysed."""

    def __call__(self, name: str, content: bytes, declared_type: str = "") -> Extraction | None:
        """The extraction of the file inside; None when the budget refuses."""


class Reading:
    """One file being read."""

    def __init__(self, name: str, kind: str, depth: int, budget: Budget) -> None:
        self.name = name
        self.kind = kind
        self.depth = depth
        self.budget = budget
        self.limits = budget.limits
        self.urls: dict[str, int] = {}
        """URL to the page it stands on, 0 for none."""
        self.texts: list[str] = []
        self.text_room = budget.limits.text_chars
        self.children: list[Extraction] = []
        self.descend: Descend

    def url(self, url: str, page: int = 0) -> None:
        """Keep one URL as written, and the first page on which it was seen."""
        url = clean(url.strip(" \t\r\n\x00"), self.limits.url_chars)
        if not url or url in self.urls:
            if page and not self.urls.get(url, page):
                self.urls[url] = page
            return
        if len(self.urls) >= self.limits.urls:
            self.budget.refuse("urls")
            return
        self.urls[url] = page

    def urls_in(self, text: str, page: int = 0) -> None:
        """Keep every URL that stands in a text."""
        for found in _URL.finditer(text[:_SCANNED_CHARS]):
            self.url(found.group().rstrip(_TRAILING), page)
            if len(self.urls) >= self.limits.urls:
                return

    def text(self, text: str) -> None:
        """Keep an excerpt of what a reader would see, white space folded."""
        if self.text_room <= 0 or not text:
            return
        folded = clean(" ".join(text[: 8 * self.text_room].split()), self.text_room)
        if folded:
            self.texts.append(folded)
            self.text_room -= len(folded) + 1

    def strings_in(self, content: bytes) -> None:
        """Keep URLs that stand in binary content, one or two bytes a character."""
        self.urls_in(content[:_SCANNED_CHARS].decode("latin-1"))
        for start in (0, 1):
            wide = content[start : start + 2 * _SCANNED_CHARS]
            if b"h\x00t\x00t\x00p\x00" in wide or b"w\x00w\x00w\x00" in wide:
                self.urls_in(wide[: len(wide) & ~1].decode("utf-16-le", "replace"))

    def items(self, values: Iterable[str]) -> tuple[str, ...]:
        """Values without repeats, capped in number and length."""
        kept: dict[str, None] = {}
        for value in values:
            if len(kept) >= self.limits.items:
                break
            shown = clean(value, self.limits.item_chars)
            if shown:
                kept[shown] = None
        return tuple(kept)


def clean(text: str, limit_chars: int) -> str:
    """Text cut to the limit, lone surrogates replaced, surrounding blanks and NULs removed."""
    return text[:limit_chars].encode("utf-8", "replace").decode("utf-8").strip(" \t\r\n\x00")


def decoded(content: bytes) -> str:
    """Text of bytes whose charset nobody declared: BOM, then UTF-8, then Latin-1."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start > len(content) - 4:  # cut inside a character
            return content.decode("utf-8", "replace")
        return content.decode("latin-1")
