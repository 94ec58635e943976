"""How values read on a page: times, sizes, odds, and text of strangers with nothing hidden in it."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERDICT_MARKS: Mapping[str, str] = {"attack": "▲", "suspicious": "◆", "spam": "●", "clean": "✓"}
"""A verdict is told by word, shape and colour, never by colour alone."""
CATEGORY_NAMES: Mapping[str, str] = {
    "credential_phishing": "credential phishing",
    "bec": "BEC",
    "callback": "callback",
    "advance_fee": "advance fee",
    "extortion": "extortion",
    "malware": "malware",
    "spam": "spam",
}
FAMILY_NAMES: Mapping[str, str] = {
    "auth": "authentication",
    "route": "route",
    "identity": "identity",
    "history": "history",
    "urls": "links",
    "content": "content",
    "attachments": "attachments",
    "enriched": "enrichment",
    "text": "wording",
}

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_KEPT = frozenset("\n\t")
_LINK = re.compile(r"\b(https?|ftp)(://)([^\s/?#<>\"']+)", re.IGNORECASE)
NONE = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def plain(text: str | None, most: int | None = None) -> Markup:
    """Text of a stranger: escaped, cut, and every invisible or direction-turning character shown by its number."""
    if not text:
        return Markup("")
    cut = most is not None and len(text) > most
    shown = text[:most] if most is not None else text
    pieces: list[str | Markup] = []
    start = 0
    for position, mark in enumerate(shown):
        if mark not in _KEPT and unicodedata.category(mark) in _HIDDEN:
            pieces += [shown[start:position], _named(mark)]
            start = position + 1
    pieces.append(shown[start:] + ("…" if cut else ""))
    return Markup("").join(escape(piece) for piece in pieces)


def _named(mark: str) -> Markup:
    number = f"U+{ord(mark):04X}"
    return Markup('<span class="hidden-char" title="{}">{}</span>').format(unicodedata.name(mark, number), number)


def defang(text: str | None) -> str:
    """Text in which no link can be followed by accident: hxxps://evil[.]example/path."""
    return _LINK.sub(_harmless, text or "")


def _harmless(found: re.Match[str]) -> str:
    scheme, slashes, host = found.groups()
    return scheme.lower().replace("tt", "xx") + slashes + host.replace(".", "[.]")


def defang_name(name: str | None) -> str:
    """A host or address that no program turns into a link."""
    return (name or "").replace(".", "[.]")


def when(time: datetime | None) -> str:
    """A time in UTC, to the minute."""
    return NONE if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def stamp(time: datetime | None) -> str:
    """A time for machines."""
    return "" if time is None else time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def ago(time: datetime | None) -> str:
    """How long ago, in one unit."""
    return "never" if time is None else f"{lasting((datetime.now(UTC) - time).total_seconds())} ago"


def lasting(seconds: float | None) -> str:
    """A duration in the unit that fits."""
    if seconds is None:
        return NONE
    if seconds < 1:
        return f"{1000 * max(0.0, seconds):.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"  # noqa: PLR2004 - one digit more when short
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.0f} h" if seconds < 2 * _DAY else f"{seconds / _DAY:.0f} days"


def number(value: float | None) -> str:
    """Digits in groups of three."""
    return NONE if value is None else f"{value:,.0f}"


def odds(value: float | None) -> str:
    """Log-odds with a sign."""
    return NONE if value is None else f"{value:+.2f}".replace("-", _MINUS)


def probability(log_odds: float) -> float:
    """Log-odds as a probability."""
    return 1 / (1 + math.exp(-max(-700.0, min(700.0, log_odds))))


def percent(value: float | None) -> str:
    """A probability, with more digits near the ends, and never rounded to certainty."""
    if value is None:
        return NONE
    share = 100 * value
    if share < 0.1:  # noqa: PLR2004 - below what is worth telling apart
        return "<0.1 %"
    if share > 99.9:  # noqa: PLR2004
        return ">99.9 %"
    return f"{share:.1f} %"


def size(count: int | None) -> str:
    """Bytes in the unit that fits."""
    left = float(count or 0)
    for unit in ("B", "KB", "MB"):
        if left < 1024:  # noqa: PLR2004 - bytes in the next unit
            return f"{left:.0f} {unit}" if unit == "B" else f"{left:.1f} {unit}"
        left /= 1024
    return f"{left:.1f} GB"


def category(name: str | None) -> str:
    """A category as people say it."""
    return CATEGORY_NAMES.get(name or "", name or NONE)


def value(observed: float | None) -> str:
    """What a signal saw."""
    return "missing" if observed is None else f"{observed:.4g}".replace("-", _MINUS)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "plain": plain, "defang": defang, "defang_name": defang_name, "when": when, "stamp": stamp, "ago": ago,
    "lasting": lasting, "number": number, "odds": odds, "probability": probability, "percent": percent,
    "size": size, "category": category,
    "observed": value,
}  # fmt: skip
PAGES = (
    ("/lanes", "Lanes", "lanes"),
    ("/dead-letters", "Dead letters", "dead"),
    ("/models", "Models", "models"),
    ("/rescans", "Rescans", "rescan"),
)
"""Pages beside the inbox: path, name, icon."""
GLOBALS: Mapping[str, Any] = {"VERDICT_MARKS": VERDICT_MARKS, "FAMILY_NAMES": FAMILY_NAMES, "PAGES": PAGES}
