"""Address headers as mail carries them: display names, groups, comments, and what is broken (RFC 5322 section 3.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator  # noqa: TC003 - an alias below names it at run time
from functools import lru_cache

from scorelane.mail.headers import decode
from scorelane.mail.message import Address

_PLAIN = re.compile(r'[^"(<,;:]+')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ANGLE = re.compile(r"<([^<>]{0,1000})>")
_ESCAPE = re.compile(r"\\(.)")
_CACHED_CHARS = 256
_DOMAIN_CHARS = 512

Token = tuple[str, str]
"""Kind (word, comment, angle, mark) and text."""


@lru_cache(maxsize=4096)
def to_ascii(domain: str) -> str:
    """A domain in lower-case A-labels; what cannot be encoded stays in lower case."""
    domain = domain.strip().strip("[]").rstrip(".").lower()
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


def parse_one(spec: str, name: str = "", group: str | None = None) -> Address:
    """An address from its addr-spec text."""
    spec = spec.strip()
    if spec[:7].lower() == "mailto:":
        spec = spec[7:]
    if spec.startswith("@") and ":" in spec:  # obsolete source route
        spec = spec.partition(":")[2]
    local, at, domain = spec.rpartition("@")
    if not at:
        local, domain = spec, ""
    return Address(name, local.strip().strip('"'), to_ascii(domain[:_DOMAIN_CHARS]) if domain else "", group)


def parse_list(value: str, most: int) -> tuple[Address, ...]:
    """Addresses in order, at most `most`; a bare word becomes an address without a domain."""
    return _cached_list(value, most) if len(value) < _CACHED_CHARS else _parse_list(value, most)


def _parse_list(value: str, most: int) -> tuple[Address, ...]:
    found: list[Address] = []
    words: list[str] = []
    comment = ""
    angle: str | None = None
    group: str | None = None
    has_at = False
    for kind, text in (*_tokens(value), ("mark", ",")):
        if kind == "word":
            words.append(text)
            has_at = has_at or "@" in text
        elif kind == "comment":
            comment = comment or text
        elif kind == "angle":
            angle = text if angle is None else angle
        elif text == ":":
            if angle is None and not has_at:
                group = decode(_phrase(words))
                words = []
            else:
                words.append(":")
        else:
            address = _address(_phrase(words), angle, comment, group)
            if address is not None:
                found.append(address)
            words, angle, comment, has_at = [], None, "", False
            if text == ";":
                group = None
            if len(found) >= most:
                break
    return tuple(found)


_cached_list = lru_cache(maxsize=1024)(_parse_list)


def _tokens(value: str) -> Iterator[Token]:  # noqa: C901 - one kind of token, one branch
    """Lexical tokens in one pass; a quote, comment or bracket that never closes is an ordinary character."""
    at = 0
    can_quote = can_comment = True
    while at < len(value):
        first = value[at]
        closed: re.Match[str] | None = None
        if first == '"' and can_quote:
            closed = _QUOTED.match(value, at)
            can_quote = closed is not None
            if closed:
                yield "word", _ESCAPE.sub(r"\1", closed.group(1))
        elif first == "(" and can_comment:
            end = _comment_end(value, at)
            can_comment = end > at
            if can_comment:
                yield "comment", value[at + 1 : end - 1]
                at = end
                continue
        elif first == "<":
            closed = _ANGLE.match(value, at)
            if closed:
                yield "angle", closed.group(1)
        elif first in ",;:":
            yield "mark", first
            at += 1
            continue
        else:
            closed = _PLAIN.match(value, at)
            if closed:
                yield "word", closed.group()
        if closed is None:
            yield "word", first
        at = closed.end() if closed else at + 1


def _comment_end(value: str, start: int) -> int:
    """Place after the bracket that closes a comment, comments inside it included; `start` when none does."""
    depth = 0
    for at in range(start, len(value)):
        if value[at] == "(":
            depth += 1
        elif value[at] == ")":
            depth -= 1
            if depth == 0:
                return at + 1
    return start


def _phrase(words: list[str]) -> str:
    return " ".join("".join(words).split())


def _address(phrase: str, angle: str | None, comment: str, group: str | None) -> Address | None:
    if angle is not None:
        return parse_one(angle, _name(phrase or comment), group)
    if not phrase:
        return None
    head, _, last = phrase.rpartition(" ")
    if "@" in last:
        return parse_one(last, _name(head or comment), group)
    return parse_one(phrase, _name(comment), group)


def _name(phrase: str) -> str:
    return decode(phrase).strip().strip("'\"").strip() if phrase else ""
