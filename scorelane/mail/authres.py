"""Authentication-Results headers (RFC 8601), trusted or not: who trusts which is the directory's matter."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from scorelane.mail.message import AuthResult, AuthResults

_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*"?)|([()])|(;)|([^"();]+)', re.DOTALL)
_METHOD = re.compile(r"^([a-z0-9_-]{1,32})\s?(?:/\s?\d{1,4}\s?)?=\s?([a-z0-9_-]{1,32})", re.IGNORECASE)
_PROPERTY = re.compile(r"([a-z]{1,16}\.[a-z0-9_-]{1,32})\s?=\s?(\S{1,320})", re.IGNORECASE)
_POLICY = re.compile(r"\bp=([a-z]{1,16})", re.IGNORECASE)
_INSTANCE = re.compile(r"^i\s?=\s?(\d{1,3})$")
_SHIELD = str.maketrans({" ": "\x01", "\t": "\x01", "=": "\x02"})
_UNSHIELD = str.maketrans({"\x01": " ", "\x02": "="})
MOST_RESULTS = 50
_CACHED_CHARS = 512


class _Piece(NamedTuple):
    """What stands between two semicolons."""

    said: str
    """White space folded; spaces and equal signs inside quotes shielded, so that they part nothing."""
    comments: str


def parse_auth_results(value: str, *, arc: bool = False) -> AuthResults | None:
    """One header; None when it says nothing.

    Microsoft 365 names no server: its authserv-id is then empty. What a sender wrote into an address stays
    inside its quotes or comment and can add no result.
    """
    return _cached(value, arc) if len(value) < _CACHED_CHARS else _parse(value, arc)


def _parse(value: str, arc: bool) -> AuthResults | None:  # noqa: FBT001 - behind a keyword
    pieces = _pieces(value)
    instance = None
    if arc and (found := _INSTANCE.match(pieces[0].said)):
        instance = int(found.group(1))
        pieces = pieces[1:]
    if not pieces or not pieces[0].said:
        return None
    authserv_id = ""
    if not _METHOD.match(pieces[0].said):
        authserv_id = pieces[0].said.split()[0].translate(_UNSHIELD).strip('"').lower()[:255]
        pieces = pieces[1:]
    results = [result for piece in pieces[:MOST_RESULTS] if (result := _result(piece)) is not None]
    return AuthResults(authserv_id, tuple(results), instance)


_cached = lru_cache(maxsize=1024)(_parse)


def _pieces(value: str) -> list[_Piece]:
    said: list[list[str]] = [[]]
    comments: list[list[str]] = [[]]
    depth = 0
    for match in _TOKEN.finditer(value):
        quoted, bracket, semicolon, text = match.groups()
        if bracket:
            depth = depth + 1 if bracket == "(" else max(0, depth - 1)
        elif depth:
            comments[-1].append(match.group())
        elif semicolon:
            said.append([])
            comments.append([])
        else:
            said[-1].append(quoted.translate(_SHIELD) if quoted else text)
    return [
        _Piece(" ".join("".join(words).split()), " ".join(remarks))
        for words, remarks in zip(said, comments, strict=True)
    ]


def _result(piece: _Piece) -> AuthResult | None:
    method = _METHOD.match(piece.said)
    if method is None:
        return None
    name = method.group(1).lower()
    properties = [
        (key.lower(), text.translate(_UNSHIELD).strip('"').lower())
        for key, text in _PROPERTY.findall(piece.said[method.end() :])
    ]
    if name == "dmarc" and not any(key.startswith("policy.") for key, _ in properties):
        # Most receivers tell the policy in a comment: dmarc=fail (p=reject dis=none).
        policy = _POLICY.search(piece.comments)
        if policy:
            properties.append(("policy.p", policy.group(1).lower()))
    return AuthResult(name, method.group(2).lower(), tuple(properties))
