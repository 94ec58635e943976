"""Header fields in raw order with duplicates, unfolded and decoded (RFC 5322 section 2.2, RFC 2047)."""

from __future__ import annotations

import binascii
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from scorelane.mail.charsets import codec_name, decode_bytes, decode_declared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scorelane.mail.defects import Defects
    from scorelane.mail.limits import Limits

_WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?]{0,8192})\?=")
_FIELD = re.compile(r"^([^\s:]{1,128})[ \t]{0,128}:(.*)$", re.MULTILINE)
_FOLD = re.compile(r"\n[ \t]+")
_PIECE = re.compile(r'[^";]+|"(?:[^"\\]|\\.)*"?|(;)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)")
_COMMENT = re.compile(r"\([^()]{0,200}\)")
_CONTROLS = re.compile("[\\x00-\\x1f\\x7f]+")
_BLANK_LINES = re.compile(rb"[\r\n \t]*")
_BLANK = (b"\n\n", b"\n\r\n", b"\r\r")
_BLANK_CRLF = (b"\n\r\n", b"\n\n", b"\r\r")
_LINE_FEED, _CARRIAGE_RETURN = b"\n\r"
_LONG_LINE = 1000
_MOST_PARAMETERS = 64
_CACHED_CHARS = 256


class Fields(NamedTuple):
    """The header of one message."""

    raw: list[tuple[str, str]]
    """(name as written, unfolded value) in raw order."""
    decoded: tuple[tuple[str, str], ...]
    """The same with encoded words decoded."""
    raw_by_name: dict[str, tuple[str, ...]]
    """Lower-case name to its raw values in order."""
    by_name: dict[str, tuple[str, ...]]
    """Lower-case name to its decoded values in order."""
    start: int
    """Where the first field begins."""
    body: int | None
    """Where the body begins, when nobody could doubt it: all lines are sound fields and a blank line follows."""


def start_of_header(raw: bytes) -> int:
    """Where the first header field begins: after a byte order mark, blank lines and an mbox line."""
    start = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    blank = _BLANK_LINES.match(raw, start)
    start = blank.end() if blank else start
    if raw.startswith((b"From ", b">From "), start):
        start = raw.find(b"\n", start) + 1 or len(raw)
    return start


def read_fields(raw: bytes, limits: Limits, defects: Defects) -> Fields:
    """Header fields of a message, each cut and each line that is none noted."""
    start = start_of_header(raw)
    end = _end_of_header(raw, start, start + limits.header_block_bytes)
    if end < 0 and len(raw) - start > limits.header_block_bytes:
        defects.add("header_truncated", "header")
    block = raw[start : end if end >= 0 else start + limits.header_block_bytes]
    fields, is_sound = _split(block, limits, defects)
    body = _start_of_body(raw, end) if is_sound and end >= 0 else None
    raw_by_name = _by_name(fields)
    if b"=?" not in block:
        return Fields(fields, tuple(fields), raw_by_name, raw_by_name, start, body)
    decoded = [(name, decode(value, defects)) for name, value in fields]
    return Fields(fields, tuple(decoded), raw_by_name, _by_name(decoded), start, body)


def _by_name(fields: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in fields:
        lower = name.lower()
        if lower in found:
            found[lower] += (value,)
        else:
            found[lower] = (value,)
    return found


def _end_of_header(raw: bytes, start: int, most: int) -> int:
    """Where the line end before the first blank line stands, in whatever style; -1 when there is none before `most`.

    Found by searches for fixed bytes: one pattern for all styles would be tried at every byte.
    """
    found = -1
    for blank in _BLANK if raw.find(b"\r\n", start, start + _LONG_LINE) < 0 else _BLANK_CRLF:
        if found >= 0 and raw.find(b"\r", start, most) < 0:
            break  # no other style can stand before
        at = raw.find(blank, start, most)
        if at < 0:
            continue
        if blank[0] == _LINE_FEED and at > start and raw[at - 1] == _CARRIAGE_RETURN:
            at -= 1
        found = at if found < 0 else min(at, found)
        most = min(most, found + 3)
    return found


def _start_of_body(raw: bytes, end: int) -> int | None:
    """Where the body begins after a header that ends at `end`; None where its blank line is of another style."""
    if raw.startswith(b"\r\n\r\n", end):
        return end + 4
    return end + 2 if raw.startswith(b"\n\n", end) else None


def _split(block: bytes, limits: Limits, defects: Defects) -> tuple[list[tuple[str, str]], bool]:
    """Fields, and whether all lines are fields in ASCII that end in one of the two usual ways."""
    text = decode_bytes(block)
    is_ascii = block.isascii()
    if not is_ascii:
        defects.add("header_8bit", "header")
    is_sound = is_ascii and "\0" not in text
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        if "\r" in text:
            is_sound = False
            text = text.replace("\r", "\n")
    text = _FOLD.sub(" ", text)
    fields = _FIELD.findall(text)
    has_others = len(fields) <= text.rstrip("\n").count("\n")
    if has_others or len(text) > limits.header_value_chars or len(fields) > limits.header_count:
        return _split_carefully(text, limits, defects), False
    return [(name, value.strip()) for name, value in fields], is_sound


def _split_carefully(text: str, limits: Limits, defects: Defects) -> list[tuple[str, str]]:
    """Fields of a header that has lines which are none, or may be over a limit."""
    fields: list[tuple[str, str]] = []
    for line in text.split("\n"):
        field = _FIELD.match(line)
        if field is None:
            if line.strip():
                defects.add("header_malformed", "header")
            continue
        name, value = field.groups()
        if len(value) > limits.header_value_chars:
            defects.add("header_truncated", name.lower())
            value = value[: limits.header_value_chars]
        if len(fields) >= limits.header_count:
            defects.add("header_truncated", "header")
            break
        fields.append((name, value.strip()))
    return fields


def decode(value: str, defects: Defects | None = None) -> str:
    """Encoded words as text; what is no valid encoded word stays as it stands.

    Neighbouring words of one charset are joined before they are decoded: mail cuts characters in half there.
    """
    if "=?" not in value:
        return value
    found: list[str] = []
    waiting = b""
    charset: str | None = None
    at = 0
    for match in _WORD.finditer(value):
        between = value[at : match.start()]
        payload = _word_bytes(match.group(2), match.group(3))
        if payload is None:
            if defects is not None:
                defects.add("encoded_word_malformed", "header")
            continue
        named = match.group(1).partition("*")[0].lower()
        if charset is None or named != charset or between.strip():
            if charset is not None:
                found.append(decode_declared(waiting, charset)[0])
            if charset is None or between.strip():
                found.append(between)
            waiting, charset = b"", named
        waiting += payload
        at = match.end()
    if charset is not None:
        if defects is not None and codec_name(charset) is None:
            defects.add("charset_unknown", "header")
        found.append(decode_declared(waiting, charset)[0])
    found.append(value[at:])
    return "".join(found)


def _word_bytes(kind: str, payload: str) -> bytes | None:
    coded = payload.encode("ascii", "ignore")
    try:
        if kind in "qQ":
            return binascii.a2b_qp(coded.replace(b"_", b" "), header=False)
        bare = coded.rstrip(b"=")
        return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4))
    except binascii.Error:
        return None


def file_name(text: str) -> str:
    """Last component of a path in either style, encoded words decoded, without control characters."""
    text = _CONTROLS.sub("", decode(text))
    return text.replace("\\", "/").rpartition("/")[2].strip()[:255]


def parameters(value: str) -> tuple[str, Mapping[str, str]]:
    """Main value and parameters of Content-Type or Content-Disposition, in lower-case names (RFC 2045, RFC 2231)."""
    return _cached_parameters(value) if len(value) < _CACHED_CHARS else _parameters(value)


def _parameters(value: str) -> tuple[str, Mapping[str, str]]:
    main, *pieces = _pieces(value)
    found: dict[str, str] = {}
    continued: dict[str, list[tuple[int, bool, str]]] = {}
    for piece in pieces:
        name, equals, text = piece.partition("=")
        name = name.strip().lower()
        if not equals or not name or len(found) + len(continued) >= _MOST_PARAMETERS:
            continue
        text = _unquoted(text.strip())
        base, star, tail = name.partition("*")
        if star:
            number = tail.rstrip("*")
            index = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0  # noqa: PLR2004
            continued.setdefault(base, []).append((index, tail.endswith("*") or tail == "", text))
        else:
            found.setdefault(name, text)
    for base, coded in continued.items():
        found[base] = _extended(sorted(coded))
    if "(" in main:
        main = _COMMENT.sub("", main)
    return main.strip().lower(), found


_cached_parameters = lru_cache(maxsize=2048)(_parameters)


def _pieces(value: str) -> list[str]:
    """What semicolons part, with those inside quotes kept."""
    if '"' not in value:
        return value.split(";")
    pieces: list[list[str]] = [[]]
    for match in _PIECE.finditer(value):
        if match.group(1):
            pieces.append([])
        else:
            pieces[-1].append(match.group(0))
    return ["".join(piece) for piece in pieces]


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    end = len(text) - 1 if len(text) > 1 and text[-1] == '"' else len(text)
    return _ESCAPE.sub(r"\1", text[1:end])


def _extended(pieces: list[tuple[int, bool, str]]) -> str:
    charset = "utf-8"
    raw = []
    for position, (_, is_encoded, text) in enumerate(pieces):
        value = text
        if is_encoded and position == 0 and value.count("'") > 1:
            charset, _, value = value.split("'", 2)
        raw.append(unquote_to_bytes(value) if is_encoded else value.encode("utf-8", "replace"))
    return decode_declared(b"".join(raw), charset or "utf-8")[0]
