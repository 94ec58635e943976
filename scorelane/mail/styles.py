"""How style hides text from a reader: inline declarations and the simple rules of style sheets."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_ZERO = r"\s{0,4}:\s{0,4}-?0{0,4}(?:\.0{1,4})?(?:px|pt|em|rem|%)?\s{0,4}(?:!important\s{0,4})?(?:;|$)"
_NONE = re.compile(
    r"display\s{0,4}:\s{0,4}none|visibility\s{0,4}:\s{0,4}(?:hidden|collapse)|mso-hide\s{0,4}:\s{0,4}all"
)
_FONT = re.compile(r"(?:^|[;\s])font(-size)?\s{0,4}:\s{0,4}([^;]{1,80})")
_SIZE = re.compile(r"(?:^|[\s/])(-?\d{0,4}\.?\d{1,4})(px|pt|em|rem|%)?(?=[\s/;!]|$)")
_OPACITY = re.compile(r"(?:^|[;\s])opacity" + _ZERO)
_OFFSCREEN = re.compile(
    r"(?:left|right|top|text-indent|margin-left|margin-top)\s{0,4}:\s{0,4}-\d{3,6}(?:px|pt|em|rem|%|;|$|\s)"
    r"|translate[xy]?\(\s{0,4}-\d{3,6}"
)
_NO_ROOM = re.compile(r"(?:^|[;\s])(?:max-height|height|max-width|width)" + _ZERO)
_CUT = re.compile(r"overflow\s{0,4}:\s{0,4}hidden")
_CLIP = re.compile(
    r"clip\s{0,4}:\s{0,4}rect\(\s{0,4}0|clip-path\s{0,4}:\s{0,4}inset\(\s{0,4}(?:50|100)%|scale\(\s{0,4}0\s{0,4}\)"
)
_COLOUR = re.compile(r"(?:^|[;\s])color\s{0,4}:\s{0,4}([^;]{1,60})")
_TRANSPARENT = re.compile(r"(?:^|[;\s])color\s{0,4}:\s{0,4}transparent")
_BACKGROUND = re.compile(r"(?:^|[;\s])background(?:-color|-image)?\s{0,4}:\s{0,4}([^;]{1,200})")
_RGB = re.compile(r"rgba?\(\s{0,4}(\d{1,3})\s{0,4}[,\s]\s{0,4}(\d{1,3})\s{0,4}[,\s]\s{0,4}(\d{1,3})")
_HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})\b")
_NAMED = {
    "white": (255, 255, 255), "black": (0, 0, 0), "snow": (255, 250, 250), "ivory": (255, 255, 240),
    "ghostwhite": (248, 248, 255), "whitesmoke": (245, 245, 245), "floralwhite": (255, 250, 240),
    "azure": (240, 255, 255), "mintcream": (245, 255, 250), "red": (255, 0, 0), "blue": (0, 0, 255),
    "green": (0, 128, 0), "yellow": (255, 255, 0), "gray": (128, 128, 128), "grey": (128, 128, 128),
    "silver": (192, 192, 192), "navy": (0, 0, 128), "lightyellow": (255, 255, 224), "lightgrey": (211, 211, 211),
}  # fmt: skip
_NAME = re.compile(r"[a-z]{3,20}")
_SELECTOR = re.compile(r"^(?:[a-z][a-z0-9]{0,15})?[.#][a-z_][\w-]{0,60}$", re.IGNORECASE)
_BRACE = re.compile(r"[{}]")

Colour = tuple[int, int, int]
PICTURE: Colour = (-1000, -1000, -1000)
"""The colour of a background that is a picture: like no text."""
LONGEST_STYLE = 1000
MOST_CSS_CHARS = 64 * 1024
MOST_RULES = 500
NEAR_COLOURS = 24
TINY_PX = 1.0


class Look(NamedTuple):
    """What declarations say of a text: the way it is hidden, if any, and its colours."""

    kind: str | None
    """display_none, zero_font, zero_opacity, same_colour (transparent), offscreen, clipped; None when none of them."""
    has_size: bool
    """A font size that can be read is set."""
    colour: Colour | None
    background: Colour | None


PLAIN = Look(None, has_size=False, colour=None, background=None)


@lru_cache(maxsize=4096)
def look_of(style: str) -> Look:
    """The look of inline declarations; callers cut them to `LONGEST_STYLE`."""
    style = style.lower()
    size = _font_size(style) if "font" in style else None
    colour = background = None
    if "color" in style:
        written = _COLOUR.search(style)
        colour = rgb(written.group(1)) if written else None
    if "background" in style:
        for written in _BACKGROUND.finditer(style):
            background = background_of(written.group(1)) or background
    return Look(_kind(style, size), size is not None and size > TINY_PX, colour, background)


def _kind(style: str, size: float | None) -> str | None:  # noqa: PLR0911 - one way to hide, one answer
    if _NONE.search(style):
        return "display_none"
    if size is not None and size <= TINY_PX:
        return "zero_font"
    if "opacity" in style and _OPACITY.search(style):
        return "zero_opacity"
    if "transparent" in style and _TRANSPARENT.search(style):
        return "same_colour"
    if "-" in style and _OFFSCREEN.search(style):
        return "offscreen"
    if ("hidden" in style and _CUT.search(style) and _NO_ROOM.search(style)) or _CLIP.search(style):
        return "clipped"
    return None


def _font_size(style: str) -> float | None:
    """Font size in about pixels; None where none is set."""
    found = None
    for written in _FONT.finditer(style):
        size = _SIZE.search(written.group(2))
        if size is not None:
            number = float(size.group(1))
            found = number * {"em": 16, "rem": 16, "%": 0.16, "pt": 1.33}.get(size.group(2), 1)
    return found


def background_of(text: str) -> Colour | None:
    """Colour of a background; `PICTURE` for images and gradients; None where it says neither."""
    return PICTURE if "url(" in text or "gradient" in text else rgb(text)


@lru_cache(maxsize=1024)
def rgb(text: str) -> Colour | None:
    """Red, green and blue of a colour as HTML and CSS write them."""
    text = text[:60].strip().lower()
    digits = _HEX.search(text)
    if digits is not None:
        hexadecimal = digits.group(1)
        if len(hexadecimal) == 3:  # noqa: PLR2004 - #rgb
            hexadecimal = "".join(c * 2 for c in hexadecimal)
        return int(hexadecimal[0:2], 16), int(hexadecimal[2:4], 16), int(hexadecimal[4:6], 16)
    numbers = _RGB.search(text)
    if numbers is not None:
        return int(numbers.group(1)), int(numbers.group(2)), int(numbers.group(3))
    name = _NAME.search(text)
    return _NAMED.get(name.group()) if name else None


def are_alike(text: Colour, background: Colour) -> bool:
    """Whether a reader could not tell text from background."""
    return max(abs(a - b) for a, b in zip(text, background, strict=True)) < NEAR_COLOURS


@lru_cache(maxsize=64)
def rules_of(css: str) -> dict[str, Look]:
    """Looks that matter by simple selector (.name, #name, tag.name), in lower case.

    Rules inside @media and the like hold on some screens only and do not count.
    """
    first, *rest = css[:MOST_CSS_CHARS].split("/*")
    css = first + "".join(piece.partition("*/")[2] for piece in rest)
    found: dict[str, Look] = {}
    depth = start = 0
    selectors = ""
    for brace in _BRACE.finditer(css):
        if brace.group() == "{":
            if depth == 0:
                selectors = css[start : brace.start()]
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0 and "@" not in selectors:
                _add_rule(found, selectors, css[start : brace.start()])
        start = brace.end()
        if len(found) >= MOST_RULES:
            break
    return found


def _add_rule(found: dict[str, Look], selectors: str, declarations: str) -> None:
    look = look_of(declarations[:LONGEST_STYLE])
    if look.kind is None and look.colour is None and look.background is None:
        return
    for selector in selectors.split(",")[:50]:
        name = selector.strip()
        if _SELECTOR.match(name):
            found[name.lower()] = look
