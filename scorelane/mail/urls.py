"""URLs as a browser would read them (WHATWG URL), obfuscation undone and rewriters unwrapped."""

from __future__ import annotations

import re
from functools import lru_cache

import can_ada
from publicsuffixlist import PublicSuffixList

from scorelane.mail.message import Url
from scorelane.mail.rewriters import unwrap

MOST_REWRITERS = 5
MOST_CHARS = 2048

_SUFFIXES = PublicSuffixList()
_IN_TEXT = re.compile(
    r"(?:h(?:tt|xx)ps?|ftp|meow)(?:\[:\]|:)(?://|\\\\|/\\)[^\s<>\"'`{}|^]{1,2048}"
    r"|(?<![\w@.-])www(?:\.|\[\.\])[^\s<>\"'`{}|^]{2,2048}",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?)]}*_'\"»”’>"  # noqa: RUF001 - they stand in mail
_HXXP = re.compile(r"^(?:hxxp|meow)(s?)(?=\[?:)", re.IGNORECASE)
_DOT = re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)", re.IGNORECASE)
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff\u00ad\u180e]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")
_WHITE = re.compile(r"[\t\r\n]")
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]{0,20}):", re.IGNORECASE)
_AUTHORITY = re.compile(r"^[a-z]+:[/\\]*([^/\\?#]*)", re.IGNORECASE)
_INTEGER = re.compile(r"^\d{8,10}$")
_HEX = re.compile(r"(?:^|\.)0x[0-9a-f]+", re.IGNORECASE)
_IPV4 = re.compile(r"^\d{1,3}(?:\.\d{1,3}){3}$")


def find_urls(text: str, most: int) -> list[str]:
    """URLs as written in plain text, trailing punctuation removed, at most `most`."""
    if "://" not in text and "www" not in text.lower() and ":\\" not in text and "[:]" not in text:
        return []
    found = []
    for match in _IN_TEXT.finditer(text):
        raw = match.group(0).rstrip(_TRAILING)
        if match.group(0)[len(raw) : len(raw) + 1] == ")" and "(" in raw:
            raw += ")"
        found.append(raw)
        if len(found) >= most:
            break
    return found


@lru_cache(maxsize=8192)
def registrable(host: str) -> str:
    """The registrable domain of a host by the public suffix list; empty when it has none."""
    return _SUFFIXES.privatesuffix(host) or ""


@lru_cache(maxsize=8192)
def parse_url(raw: str) -> Url | None:
    """The normalised URL, or None when it is none that leads anywhere (an anchor, a relative path, broken)."""
    tricks: set[str] = set()
    text = _undo(raw[:MOST_CHARS], tricks)
    rewriters: list[str] = []
    while True:
        url = _parse(text, raw, tricks, tuple(rewriters))
        if url is None or len(rewriters) >= MOST_REWRITERS or not url.host:
            return url
        inner = unwrap(url.host, url.path, url.query)
        if inner is None or _parse(inner[1], raw, set(), ()) is None:
            return url
        rewriters.append(inner[0])
        text = _undo(inner[1][:MOST_CHARS], tricks)


def _undo(text: str, tricks: set[str]) -> str:
    text = text.strip()
    for pattern, name in ((_INVISIBLE, "zero_width"), (_BIDI, "bidi"), (_WHITE, "tab_newline")):
        if pattern.search(text):
            tricks.add(name)
            text = pattern.sub("", text)
    if _HXXP.match(text):
        tricks.add("hxxp")
        text = _HXXP.sub(r"http\1", text)
    if "[:]" in text:
        tricks.add("bracket_dot")
        text = text.replace("[:]", ":")
    if _DOT.search(text):
        tricks.add("bracket_dot")
        text = _DOT.sub(".", text)
    if text[:4].lower() == "www.":
        text = "http://" + text
    if text.startswith("//"):
        text = "http:" + text
    return text


def _parse(text: str, raw: str, tricks: set[str], rewriters: tuple[str, ...]) -> Url | None:
    scheme = _SCHEME.match(text)
    if scheme is None:
        return None
    name = scheme.group(1).lower()
    if name not in ("http", "https", "ftp"):
        if name in (
            "mailto",
            "tel",
            "data",
            "javascript",
            "blob",
            "cid",
            "file",
            "sms",
            "intent",
            "ms-word",
            "search-ms",
        ):
            return Url(
                raw[:MOST_CHARS], text[:256], name, "", "", None, "", "", False, False, frozenset(tricks), rewriters
            )
        return None
    try:
        parsed = can_ada.parse(text)
    except ValueError:
        return None
    host = parsed.hostname
    if not host:
        return None
    _name_tricks(text, host, parsed, tricks)
    is_ip = host.startswith("[") or bool(_IPV4.match(host))
    host = host.strip("[]").rstrip(".")
    return Url(
        raw=raw[:MOST_CHARS],
        href=parsed.href[: 2 * MOST_CHARS],
        scheme=name,
        host=host,
        domain=host if is_ip else registrable(host),
        port=int(parsed.port) if parsed.port else None,
        path=parsed.pathname,
        query=parsed.search.removeprefix("?"),
        has_userinfo=parsed.has_credentials(),
        is_ip=is_ip,
        tricks=frozenset(tricks),
        rewriters=rewriters,
    )


def _name_tricks(text: str, host: str, parsed: can_ada.URL, tricks: set[str]) -> None:
    written = _AUTHORITY.match(text)
    authority = written.group(1) if written else ""
    bare = authority.rpartition("@")[2].partition(":")[0]
    if parsed.has_credentials():
        tricks.add("userinfo")
    if "\\" in text[:12]:
        tricks.add("backslash")
    if "%" in bare:
        tricks.add("percent_host")
    if not bare.isascii() and any("\uff00" <= c <= "\uffef" or c == "\u3002" for c in bare):
        tricks.add("fullwidth")
    if "xn--" in host:
        tricks.add("punycode")
    if _HEX.search(bare):
        tricks.add("hex_ip")
    elif _INTEGER.match(bare):
        tricks.add("integer_ip")
    if text.count("://") > 1:
        tricks.add("nested_scheme")
