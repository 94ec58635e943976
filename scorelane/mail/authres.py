"""Authentication-Results headers (RFC 8601), trusted or not: who trusts which is the directory's matter."""

from __future__ import annotations

import re

from scorelane.mail.message import AuthResult, AuthResults

_COMMENT = re.compile(r"\([^()]{0,1000}\)")
_METHOD = re.compile(r"^([a-z0-9_-]{1,32})(?:/\d+)?\s*=\s*([a-z0-9_-]{1,32})", re.IGNORECASE)
_PROPERTY = re.compile(r"([a-z]{1,16}\.[a-z0-9_-]{1,32})\s*=\s*(\"[^\"]{0,320}\"|[^\s;]{1,320})", re.IGNORECASE)
_INSTANCE = re.compile(r"^i=(\d{1,3})$")
MOST_RESULTS = 50


def parse_auth_results(value: str, *, arc: bool = False) -> AuthResults | None:
    """One header; None when it names no server."""
    pieces = [piece.strip() for piece in _COMMENT.sub(" ", value).split(";")]
    instance = None
    if arc and pieces and (found := _INSTANCE.match(pieces[0].replace(" ", ""))):
        instance = int(found.group(1))
        pieces = pieces[1:]
    if not pieces or not pieces[0]:
        return None
    authserv_id = pieces[0].split()[0].lower()
    results = []
    for piece in pieces[1 : 1 + MOST_RESULTS]:
        method = _METHOD.match(piece)
        if method is None:
            continue
        properties = tuple(
            (name.lower(), text.strip('"').lower()) for name, text in _PROPERTY.findall(piece[method.end() :])
        )
        results.append(AuthResult(method.group(1).lower(), method.group(2).lower(), properties))
    return AuthResults(authserv_id, tuple(results), instance)
