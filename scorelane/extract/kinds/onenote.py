"""OneNote sections ([MS-ONESTORE]): the files put behind a button that says "double-click to view"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import re2

from scorelane.mail.opened import OneNote

if TYPE_CHECKING:
    from scorelane.extract.kinds.reading import Reading

_FILE_DATA = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")
"""GUID of FileDataStoreObject, section 2.6.13: then length (8), unused (4), reserved (8), the data."""
_HEADER_BYTES = 36
_NAME = re2.compile(r"(?i)[\w][\w .()-]{0,120}\.(?:[a-z0-9]{2,5})")


def read(content: bytes, reading: Reading) -> dict[str, Any]:
    """Embedded files, analysed in turn; names as far as they stand in the section."""
    types = []
    at = content.find(_FILE_DATA)
    while at >= 0:
        length = int.from_bytes(content[at + 16 : at + 24], "little")
        start = at + _HEADER_BYTES
        body = content[start : start + min(length, len(content))]
        if not reading.budget.take_member():
            break
        reading.budget.spend(len(body))
        child = reading.descend("", body)
        types.append(child.true_type if child is not None else "")
        at = content.find(_FILE_DATA, start + len(body) if len(body) else start)
    wide = content[: 1 << 20].decode("utf-16-le", "replace")
    names = [match.group() for match in _NAME.finditer(wide) if match.group().isascii()]
    reading.strings_in(content)
    return {
        "onenote": OneNote(embedded_files=tuple(types[: reading.limits.items]), embedded_names=reading.items(names))
    }
