"""Address headers as mail carries them: display names, groups, comments, and what is broken (RFC 5322 section 3.4)."""

from __future__ import annotations

import re
from functools import lru_cache

from scorelane.mail.headers import decode
from scorelane.mail.message import Address

_TOKEN = re.compile(
    r'"((?:[^"\\]|\\.){0,2000})"|\(([^()]{0,500})\)|<([^<>]{0,1000})>|([,;:])|([^"(<,;:]+)|(.)', re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)")


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
    if spec.lower().startswith("mailto:"):
        spec = spec[7:]
    if spec.startswith("@") and ":" in spec:  # obsolete source route
        spec = spec.partition(":")[2]
    local, at, domain = spec.rpartition("@")
    if not at:
        local, domain = spec, ""
    return Address(name, local.strip().strip('"'), to_ascii(domain) if domain else "", group)


def parse_list(value: str, most: int) -> tuple[Address, ...]:  # noqa: C901 - one token, one branch
    """Addresses in order, at most `most`; a bare word becomes an address without a domain."""
    found: list[Address] = []
    words: list[str] = []
    comment = ""
    angle: str | None = None
    group: str | None = None

    def flush() -> None:
        nonlocal angle, comment
        phrase = " ".join("".join(words).split())
        words.clear()
        if angle is not None:
            found.append(parse_one(angle, _name(phrase or comment), group))
        elif phrase:
            head, _, last = phrase.rpartition(" ")
            if "@" in last:
                found.append(parse_one(last, _name(head or comment), group))
            else:
                found.append(parse_one(phrase, _name(comment), group))
        angle, comment = None, ""

    for match in _TOKEN.finditer(value):
        quoted, remark, inner, mark, text, stray = match.groups()
        if quoted is not None:
            words.append(_ESCAPE.sub(r"\1", quoted))
        elif remark is not None:
            comment = comment or remark
        elif inner is not None:
            angle = inner if angle is None else angle
        elif mark == ":":
            if "@" not in "".join(words) and angle is None:
                group = " ".join("".join(words).split())
                words.clear()
            else:
                words.append(":")
        elif mark is not None:
            flush()
            if mark == ";":
                group = None
            if len(found) >= most:
                return tuple(found[:most])
        else:
            words.append(text if text is not None else stray)
    flush()
    return tuple(found[:most])


def _name(phrase: str) -> str:
    return decode(phrase).strip().strip("'\"").strip() if phrase else ""
