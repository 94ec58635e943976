"""URLs as a browser would read them (WHATWG URL), obfuscation undone and rewriters unwrapped."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import can_ada
from publicsuffixlist import PublicSuffixList

from scorelane.mail.message import Url
from scorelane.mail.rewriters import unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_REWRITERS = 5
MOST_CHARS = 2048
MOST_DEFANGED = 500
_CACHED_CHARS = 512

_SUFFIXES = PublicSuffixList()
_MARK = re.compile(r":(?://|\\\\|/\\|\\/|\]//|//\])")
_SCHEME_BEFORE = re.compile(r"(?:h(?:tt|xx|tx|xt|\*\*)ps?|s?ftp|meow)\[?$", re.IGNORECASE)
_AFTER_WWW = re.compile(r"(?:\.|\[\.\])[^\s.]")
_WAYS_TO_WRITE_WWW = ("www", "WWW", "Www")
_DOTS = (("[", re.compile(r"\[(?:\.|[dD][oO][tT])\]")), ("(", re.compile(r"\((?:\.|[dD][oO][tT])\)")))
"""Brackets with a dot in them, each begun by a letter that is quickly looked for."""
_NAME = re.compile(r"[\w.-]{1,200}")
_TAIL = re.compile(r"[^\s<>\"'`{}|^]{1,2048}")
_TRAILING = ".,;:!?)]}*_'\"»”’>"  # noqa: RUF001 - they stand in mail
_LONGEST_SCHEME = 8

_HXXP = re.compile(r"^(?:h(?:xx|tx|xt|\*\*)p|meow)(s?)(?=\[?:)", re.IGNORECASE)
_DOT = re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)", re.IGNORECASE)
_INVISIBLE = re.compile("[\u200b-\u200d\u2060-\u2064\ufeff\u00ad\u180e\u034f]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_WHITE = re.compile(r"[\t\r\n]")
_C0_AND_SPACE = "".join(map(chr, range(33)))
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]{0,20}):", re.IGNORECASE)
_AUTHORITY = re.compile(r"^[a-z]+:[/\\]*([^/\\?#]*)", re.IGNORECASE)
_NUMERIC = re.compile(r"^[0-9.]+$")
_HEX = re.compile(r"(?:^|\.)0x[0-9a-f]*", re.IGNORECASE)
_IPV4 = re.compile(r"^\d{1,3}(?:\.\d{1,3}){3}$")
_WEB = frozenset({"http", "https", "ftp"})
_HOSTLESS = frozenset({
    "mailto", "tel", "data", "javascript", "vbscript", "blob", "cid", "mid", "file", "sms", "intent", "ms-word",
    "ms-excel", "search-ms", "search", "skype", "callto",
})  # fmt: skip


def find_urls(text: str, most: int) -> list[str]:
    """URLs as written in plain text, trailing punctuation removed, at most `most`.

    A URL begins with a scheme, with `www.`, or is a defanged name (`evil[.]example/login`).
    """
    found: list[str] = []
    end = 0
    for start in _starts(text):
        if start < end:
            continue
        tail = _TAIL.match(text, start)
        if tail is None:
            continue
        raw = tail.group().rstrip(_TRAILING)
        end = start + len(raw)
        if text[end : end + 1] == ")" and "(" in raw:
            raw += ")"
        found.append(raw)
        if len(found) >= most:
            break
    return found


def _starts(text: str) -> list[int]:
    """Places where a URL may begin, found from marks that plain words do not have."""
    starts: list[int] = []
    if ":" in text:
        for mark in _MARK.finditer(text):
            at = mark.start()
            if text[at - 4 : at] == "http":
                starts.append(at - 4)
            elif text[at - 5 : at] == "https":
                starts.append(at - 5)
            elif (scheme := _SCHEME_BEFORE.search(text, max(0, at - _LONGEST_SCHEME), at)) is not None:
                starts.append(scheme.start())
    for www in _WAYS_TO_WRITE_WWW:
        if www in text:
            starts.extend(_www_starts(text, www))
    for bracket, dots in _DOTS:
        if bracket in text:
            starts.extend(_bracket_starts(text, dots))
    starts.sort()
    return starts


def _www_starts(text: str, www: str) -> Iterator[int]:
    at = text.find(www)
    while at >= 0:
        if _AFTER_WWW.match(text, at + 3) and _is_free(text, at):
            yield at
        at = text.find(www, at + 1)


def _bracket_starts(text: str, dots: re.Pattern[str]) -> Iterator[int]:
    for dot in islice(dots.finditer(text), MOST_DEFANGED):
        backwards = _NAME.match(text[max(0, dot.start() - 200) : dot.start()][::-1])
        if backwards is not None and text[dot.end() : dot.end() + 1].isalnum():
            start = dot.start() - backwards.end()
            if _is_free(text, start):
                yield start


def _is_free(text: str, at: int) -> bool:
    """Whether a name that begins here is not the rest of a longer one."""
    before = text[at - 1 : at] if at else ""
    return not (before.isalnum() or before in {"@", ".", "-", "_", "/", "]", ")"})


@lru_cache(maxsize=8192)
def registrable(host: str) -> str:
    """The registrable domain of a host by the public suffix list; empty when it has none."""
    return _SUFFIXES.privatesuffix(host) or ""


def parse_url(raw: str, base: str | None = None) -> Url | None:
    """The normalised URL, or None when it is none that leads anywhere (an anchor, a relative path, broken).

    A relative one leads somewhere where the document has a `base` (HTML's base element).
    """
    return _cached(raw, base) if len(raw) < _CACHED_CHARS else _parse_url(raw[:MOST_CHARS], base)


def _parse_url(raw: str, base: str | None) -> Url | None:
    tricks: set[str] = set()
    text = _undo(raw, tricks)
    if base is not None and not _SCHEME.match(text):
        text = _joined(base, text)
    rewriters: list[str] = []
    while True:
        url = _parse(text, raw, tricks, tuple(rewriters))
        if url is None or len(rewriters) >= MOST_REWRITERS or not url.host:
            return url
        inner = unwrap(url.host, url.path, url.query)
        if inner is None or _parse(_undo(inner[1][:MOST_CHARS], set()), raw, set(), ()) is None:
            return url
        rewriters.append(inner[0])
        text = _undo(inner[1][:MOST_CHARS], tricks)


_cached = lru_cache(maxsize=8192)(_parse_url)


def _joined(base: str, text: str) -> str:
    try:
        return urljoin(_undo(base[:MOST_CHARS], set()), text.replace("\\", "/"))
    except ValueError:
        return text


def _undo(text: str, tricks: set[str]) -> str:
    """The URL that is meant: invisible characters and defanging gone, noted in `tricks`."""
    text = text.strip(_C0_AND_SPACE)
    if not text.isascii():
        text = text.strip()
        for pattern, name in ((_INVISIBLE, "zero_width"), (_BIDI, "bidi")):
            if pattern.search(text):
                tricks.add(name)
                text = pattern.sub("", text)
    if "\n" in text or "\r" in text or "\t" in text:
        tricks.add("tab_newline")
        text = _WHITE.sub("", text)
    if "[" in text or "(" in text or "{" in text:
        text = _refanged(text, tricks)
    elif text.startswith(("http:", "https:")):
        return text
    elif text[:1] in "hHmM":
        text = _refanged(text, tricks)
    if text[:2] in ("//", "\\\\", "/\\"):
        return "http:" + text
    if text[:4].lower() == "www." or ("bracket_dot" in tricks and not _SCHEME.match(text)):
        return "http://" + text
    return text


def _refanged(text: str, tricks: set[str]) -> str:
    if _HXXP.match(text):
        tricks.add("hxxp")
        text = _HXXP.sub(r"http\1", text)
    plain = _DOT.sub(".", text.replace("[:]", ":").replace("[://]", "://"))
    if plain != text:
        tricks.add("bracket_dot")
    return plain


def _parse(text: str, raw: str, tricks: set[str], rewriters: tuple[str, ...]) -> Url | None:
    scheme = _SCHEME.match(text)
    if scheme is None:
        return None
    name = scheme.group(1).lower()
    if name not in _WEB:
        if name not in _HOSTLESS:
            return None
        return Url(raw, text[:256], name, "", "", None, "", "", False, False, frozenset(tricks), rewriters)
    try:
        parsed = can_ada.parse(text)
    except ValueError:
        return None
    host = parsed.hostname
    if not host:
        return None
    is_ip = host.startswith("[") or bool(_IPV4.match(host))
    _note_tricks(text, host, parsed, tricks, is_ip=is_ip)
    host = host.strip("[]").rstrip(".")
    return Url(
        raw=raw,
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


def _note_tricks(text: str, host: str, parsed: can_ada.URL, tricks: set[str], *, is_ip: bool) -> None:
    written = _AUTHORITY.match(text)
    bare = (written.group(1) if written else "").rpartition("@")[2].partition(":")[0]
    if parsed.has_credentials():
        tricks.add("userinfo")
    if "\\" in text[:12]:
        tricks.add("backslash")
    if "%" in bare:
        tricks.add("percent_host")
    if not bare.isascii() and any("\uff00" <= c <= "\uffef" or c in "\u3002\uff61" for c in bare):
        tricks.add("fullwidth")
    if "xn--" in host:
        tricks.add("punycode")
    if is_ip and bare.rstrip(".") != host and not host.startswith("["):
        if _HEX.search(bare):
            tricks.add("hex_ip")
        elif _NUMERIC.match(bare):
            tricks.add("integer_ip")
    if text.count("://") > 1:
        tricks.add("nested_scheme")
