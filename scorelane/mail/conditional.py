"""Conditional comments: what Outlook shows and other mail readers take for a comment."""

from __future__ import annotations

import re

_OPENING = re.compile(r"\s{0,8}\[if\b[^\]<>]{0,200}\]>", re.IGNORECASE)
_CLOSING = re.compile(r"<!\[endif\]", re.IGNORECASE)


def shown_by_outlook(source: str) -> str:
    """HTML inside all conditional comments, in order; empty where there is none.

    Whatever the condition is: each is true for some reader. A comment that ends at once, as
    `<!--[if !mso]><!-->` does, hides nothing from anybody.
    """
    found = []
    for piece in source.split("<!--")[1:]:
        opening = _OPENING.match(piece)
        if opening is not None:
            body = piece[opening.end() :].partition("-->")[0]
            found.append(_CLOSING.split(body)[0].removesuffix("<!"))
    return "\n".join(found).strip()
