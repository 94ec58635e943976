"""Header fields in raw order with duplicates, unfolded and decoded (RFC 5322 section 2.2, RFC 2047)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from scorelane.mail.charsets import decode_bytes, decode_declared

if TYPE_CHECKING:
    from scorelane.mail.defects import Defects
    from scorelane.mail.limits import Limits

_WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?]{0,8192})\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t\r\n]+(=\?)")
_FOLD = re.compile(r"\r?\n[ \t]+")
_END = re.compile(rb"\r?\n\r?\n|\r\r")


def split(raw: bytes, limits: Limits, defects: Defects) -> list[tuple[str, str]]:  # noqa: C901 - one pass, one reason a branch
    """Header fields as (name, unfolded raw value) in raw order."""
    start = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    while raw[start : start + 1] in (b"\r", b"\n"):
        start += 1
    if raw.startswith((b"From ", b">From "), start):
        start = raw.find(b"\n", start) + 1 or len(raw)
    end = _END.search(raw, start, start + limits.header_block_bytes)
    if end is not None:
        block = raw[start : end.start()]
    else:
        block = raw[start : start + limits.header_block_bytes]
        if len(raw) - start > limits.header_block_bytes:
            defects.add("header_truncated", "header")
    text = decode_bytes(block)
    if not block.isascii():
        defects.add("header_8bit", "header")
    fields: list[tuple[str, str]] = []
    for line in _FOLD.sub(" ", text.lstrip(" \t")).replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not name or " " in name or len(name) > 128:  # noqa: PLR2004 - no real name is longer
            if line.strip():
                defects.add("header_malformed", "header")
            continue
        if len(value) > limits.header_value_chars:
            defects.add("header_truncated", name.lower())
            value = value[: limits.header_value_chars]
        if len(fields) >= limits.header_count:
            defects.add("header_truncated", "header")
            break
        fields.append((name, value.strip()))
    return fields


def decode(value: str, defects: Defects | None = None) -> str:
    """Encoded words as text; what is no valid encoded word stays as it stands."""
    if "=?" not in value:
        return value
    joined = _BETWEEN_WORDS.sub(r"\1\2", value)

    def word(match: re.Match[str]) -> str:
        charset, kind, payload = match.groups()
        try:
            raw = _unbase64(payload) if kind in "bB" else _unquote(payload)
        except (binascii.Error, ValueError):
            if defects is not None:
                defects.add("encoded_word_malformed", "header")
            return match.group(0)
        return decode_declared(raw, charset.partition("*")[0])[0]

    return _WORD.sub(word, joined)


def _unbase64(payload: str) -> bytes:
    compact = payload.encode("ascii", "ignore").rstrip(b"=")
    return base64.b64decode(compact + b"=" * (-len(compact) % 4))


def _unquote(payload: str) -> bytes:
    return binascii.a2b_qp(payload.replace("_", " ").encode("latin-1", "replace"), header=False)


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """Main value and parameters of Content-Type or Content-Disposition, in lower-case names (RFC 2045, RFC 2231)."""
    main, _, rest = value.partition(";")
    found: dict[str, str] = {}
    continued: dict[str, list[tuple[int, bool, str]]] = {}
    for piece in _pieces(rest):
        name, equals, text = piece.partition("=")
        name = name.strip().lower()
        text = text.strip()
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        if not equals or not name or len(found) + len(continued) >= 64:  # noqa: PLR2004 - no real header has more
            continue
        base, star, tail = name.partition("*")
        if star:
            number = tail.rstrip("*")
            index = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0  # noqa: PLR2004
            continued.setdefault(base, []).append((index, tail.endswith("*") or tail == "", text))
        else:
            found.setdefault(name, text)
    for base, pieces in continued.items():
        found[base] = _extended(sorted(pieces))
    return main.strip().lower(), found


def _pieces(rest: str) -> list[str]:
    """Parameters apart, with semicolons inside quotes kept."""
    if '"' not in rest:
        return rest.split(";")
    pieces: list[str] = []
    current: list[str] = []
    quoted = False
    for character in rest:
        if character == '"':
            quoted = not quoted
        if character == ";" and not quoted:
            pieces.append("".join(current))
            current = []
        else:
            current.append(character)
    pieces.append("".join(current))
    return pieces


def _extended(pieces: list[tuple[int, bool, str]]) -> str:
    charset = "utf-8"
    raw = b""
    for position, (_, is_encoded, text) in enumerate(pieces):
        value = text
        if is_encoded and position == 0 and value.count("'") > 1:
            charset, _, value = value.split("'", 2)
        raw += _unpercent(value) if is_encoded else value.encode("utf-8", "replace")
    return decode_declared(raw, charset or "utf-8")[0]


def _unpercent(value: str) -> bytes:
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 - rare

    return unquote_to_bytes(value)
