"""What is wrong with the boundary lines of a multipart and with the headers after them (RFC 2046 section 5.1.1)."""

from __future__ import annotations

import re

_FIELD = rb"(?:[\x21-\x39\x3b-\x7e]*+:|[ \t])[^\r\n]*+"
_HEADER = re.compile(rb"(?:" + _FIELD + rb"(?:\r\n|\n|\r))*+(?:\r\n|\n|\r|--|(?:" + _FIELD + rb")?\Z)")
"""Fields and lines that go on with them, up to a blank line or the next boundary."""
_LINE_END = re.compile(rb"[\r\n]|\Z")
MOST_BOUNDARIES = 20


def faults(raw: bytes, boundary: str) -> frozenset[str]:
    """Defects of the parts between the lines of one boundary.

    `part_header_malformed`: a part's header has a line that is no field, or ends without a blank line.
    `boundary_malformed`: a line begins with the boundary and goes on with other text.
    `boundary_missing`: no line opens a part.
    """
    delimiter = b"--" + boundary.encode("utf-8", "surrogateescape")
    found: set[str] = set()
    is_open = False
    at = raw.find(delimiter)
    while at >= 0:
        end = at + len(delimiter)
        if at == 0 or raw[at - 1 : at] in {b"\n", b"\r"}:
            line_end = _line_end(raw, end)
            rest = raw[end:line_end].rstrip(b" \t")
            if not rest:
                is_open = True
                start = line_end + 2 if raw[line_end : line_end + 2] == b"\r\n" else line_end + 1
                if not _HEADER.match(raw, start):
                    found.add("part_header_malformed")
            elif rest != b"--":
                found.add("boundary_malformed")
        at = raw.find(delimiter, end)
    return frozenset(found if is_open else {*found, "boundary_missing"})


def _line_end(raw: bytes, at: int) -> int:
    found = _LINE_END.search(raw, at)
    return found.start() if found is not None else len(raw)
