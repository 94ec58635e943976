"""HTML and SVG files: scripts, forms, and payloads that the browser itself puts together (smuggling)."""

from __future__ import annotations

import base64
import binascii
import html
import re
import urllib.parse
from itertools import islice
from typing import TYPE_CHECKING, Any

import re2

from scorelane.extract.kinds.reading import clean, decoded
from scorelane.extract.sniff import true_type
from scorelane.mail.opened import Markup

if TYPE_CHECKING:
    from collections.abc import Callable

    from scorelane.extract.kinds.reading import Reading

_MARKUP_BYTES = 4 << 20
_MARKS: dict[str, tuple[float, Any]] = {
    "decode": (0.25, re2.compile(r"(?i)\batob\s*\(|fromCharCode|unescape\s*\(|decodeURIComponent\s*\(|charCodeAt")),
    "blob": (0.25, re2.compile(r"(?i)new\s+Blob\s*\(|new\s+File\s*\(|Uint8Array")),
    "object_url": (0.2, re2.compile(r"(?i)createObjectURL|msSaveOrOpenBlob|msSaveBlob|navigator\.msSave")),
    "download": (0.2, re2.compile(r"(?i)\.download\s*=|\bdownload\s*=|setAttribute\(\s*['\"]download")),
    "click": (
        0.1,
        re2.compile(r"(?i)\.click\s*\(\s*\)|dispatchEvent\s*\(|location\s*(?:\.href\s*)?=|\.submit\s*\(\s*\)"),
    ),
    "write": (
        0.15,
        re2.compile(r"(?i)document\.write(?:ln)?\s*\(|\.innerHTML\s*=|\.srcdoc\s*=|\beval\s*\(|\bFunction\s*\("),
    ),
}
_BASE64 = re2.compile(r"[A-Za-z0-9+/]{400,}={0,2}")
_PERCENT = re2.compile(r"(?:%[0-9a-fA-F]{2}|\\x[0-9a-fA-F]{2}){100,}")
_DATA_URL = re2.compile(r"(?i)data:([a-z0-9.+/-]{0,80})[a-z0-9=;.-]{0,80};base64,([A-Za-z0-9+/=\s]{40,})")
_SCRIPT = re2.compile(r"(?is)<script\b[^>]*>")
_HANDLER = re2.compile(r"""(?i)\son(?:load|error|click|mouseover|begin|focus|submit|pageshow|toggle)\s*=""")
_ATTRIBUTE_URL = re2.compile(r"""(?i)(?:href|src|action|data|xlink:href|formaction)\s*=\s*["']?([^"'\s>]{4,})""")
_META = re2.compile(r"""(?is)<meta\b[^>]{0,300}http-equiv\s*=\s*["']?refresh[^>]*>""")
_META_URL = re2.compile(r"""(?is)url\s*=\s*["']?([^"'>\s]+)""")
_TITLE = re2.compile(r"(?is)<title[^>]{0,200}>([^<]{0,500})")
_HIDDEN = re2.compile(r"(?is)<(?:script|style)\b[^>]*>.*?</(?:script|style)\s*>|<!--.*?-->")
_TAG = re.compile(r"<[^<>]*>")
"""Linear in the standard library, whose substitution is ten times faster than that of re2."""
_MAX_PAYLOADS, _MAX_ENCODED = 8, 200
_MAX_MATCHES = 10_000
"""Of one pattern: each costs microseconds."""
_LONG_PAYLOAD = 2000
_INTERESTING = ("http:", "https:", "//", "ftp:", "file:", "javascript:", "mailto:", "tel:", "ms-")


def read(content: bytes, reading: Reading) -> dict[str, Any]:
    """Findings of one HTML or SVG file."""
    text = decoded(content[:_MARKUP_BYTES])
    if len(content) > _MARKUP_BYTES:
        reading.budget.refuse("markup_bytes")
    lower = text.lower()
    for match in islice(_ATTRIBUTE_URL.finditer(text), _MAX_MATCHES):
        if len(reading.urls) >= reading.limits.urls:
            reading.budget.refuse("urls")
            break
        target = html.unescape(match.group(1))
        if target.lower().startswith(_INTERESTING):
            reading.url(target)
    meta = _META.search(text)
    aim = _META_URL.search(meta.group()) if meta else None
    refresh = html.unescape(aim.group(1)) if aim else ""
    reading.url(refresh)
    payloads = _payloads(text, reading)
    marks, score = _smuggling(text, payloads)
    _visible(text, reading)
    title = _TITLE.search(text)
    return {
        "markup": Markup(
            kind="svg" if reading.kind == "image/svg+xml" else "html",
            scripts=sum(1 for _ in islice(_SCRIPT.finditer(text), _MAX_MATCHES)),
            smuggling_score=score,
            smuggling_marks=marks,
            payload_types=reading.items(payloads),
            event_handlers=sum(1 for _ in islice(_HANDLER.finditer(text), _MAX_MATCHES)),
            forms=lower.count("<form"),
            password_inputs=lower.count('type="password"')
            + lower.count("type='password'")
            + lower.count("type=password"),
            iframes=lower.count("<iframe"),
            foreign_objects=lower.count("<foreignobject"),
            meta_refresh=clean(refresh, reading.limits.item_chars),
            title=clean(html.unescape(title.group(1)), reading.limits.item_chars) if title else "",
        )
    }


def _visible(text: str, reading: Reading) -> None:
    without = _TAG.sub(" ", _HIDDEN.sub(" ", text[: 1 << 19]))
    shown = html.unescape(without)
    reading.text(shown)
    reading.urls_in(text)


def _payloads(text: str, reading: Reading) -> list[str]:
    """True types of encoded payloads, each analysed in turn."""
    found: list[str] = []
    encoded = [match.group(2) for match in islice(_DATA_URL.finditer(text), _MAX_ENCODED)]
    encoded += [match.group() for match in islice(_BASE64.finditer(text), _MAX_ENCODED)]
    encoded.sort(key=len, reverse=True)  # small pictures in front must not hide the payload
    bodies = (_unbase64(value) for value in dict.fromkeys(encoded[:_MAX_PAYLOADS]))
    percents = (_unpercent(match.group()) for match in islice(_PERCENT.finditer(text), _MAX_PAYLOADS))
    for number, body in enumerate((*bodies, *percents)):
        if number >= _MAX_PAYLOADS:
            break
        kind = true_type(body, "", "") if body else "application/octet-stream"
        if kind == "application/octet-stream":
            continue
        found.append(kind)
        reading.budget.spend(len(body))
        if reading.budget.take_member():
            reading.descend("payload", body)
    return found


def _unbase64(value: str) -> bytes:
    packed = "".join(value.split()).rstrip("=")
    packed = packed[: len(packed) - (len(packed) % 4 == 1)]
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _unpercent(value: str) -> bytes:
    return urllib.parse.unquote_to_bytes(value.replace("\\x", "%"))


def _smuggling(text: str, payloads: list[str]) -> tuple[tuple[str, ...], float]:
    """Marks of the recipe and their weight, 1 at most (MITRE ATT&CK T1027.006)."""
    marks = [name for name, (_, pattern) in _MARKS.items() if pattern.search(text)]
    score = sum(_MARKS[name][0] for name in marks)
    longest = max((len(match.group()) for match in islice(_BASE64.finditer(text), _MAX_MATCHES)), default=0)
    if longest >= _LONG_PAYLOAD and any(name != "click" for name in marks):
        marks.append("long_payload")
        score += 0.15
    if any(not kind.startswith(("image/", "font/")) for kind in payloads):
        marks.append("encoded_file")
        score += 0.3
    return tuple(marks), round(min(1.0, score), 3)


READERS: dict[str, Callable[[bytes, Reading], dict[str, Any]]] = dict.fromkeys(("text/html", "image/svg+xml"), read)
