"""Mail that was defanged for safe keeping, as it was: for training on such collections only."""

from __future__ import annotations

import re

_SCHEME = re.compile(rb"\bhxxp(s?)(?=(?:\[:\]|:|%3A))", re.IGNORECASE)
_MARKS = ((b"[.]", b"."), (b"[:]", b":"), (b"[://]", b"://"), (b"[at]", b"@"), (b"[@]", b"@"), (b"[dot]", b"."))


def refang(raw: bytes) -> bytes:
    """The bytes with hxxp, [.], [:] and [at] undone."""
    raw = _SCHEME.sub(rb"http\1", raw)
    for mark, original in _MARKS:
        raw = raw.replace(mark, original)
    return raw
