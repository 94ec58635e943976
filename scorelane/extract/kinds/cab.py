"""Names in a Microsoft cabinet ([MS-CAB] section 2)."""

from __future__ import annotations

import struct

_HEADER = struct.Struct("<4sIIIIIBBHHHHH")
_FILE = struct.Struct("<IIHHHH")
_FIRST_FILE, _FILE_COUNT = 4, 9
"""Fields of the header: coffFiles and cFiles."""
_MAX_FILES = 5000


def files(content: bytes) -> tuple[list[tuple[str, int]], int]:
    """(name, unpacked size) of each member, and the cabinet's size; ValueError when it is not one."""
    if len(content) < _HEADER.size or content[:4] != b"MSCF":
        raise ValueError("no cabinet header")
    fields = _HEADER.unpack_from(content)
    at, count = fields[_FIRST_FILE], fields[_FILE_COUNT]
    found = []
    for _ in range(min(count, _MAX_FILES)):
        if at + _FILE.size > len(content):
            break
        size = _FILE.unpack_from(content, at)[0]
        end = content.find(b"\x00", at + _FILE.size, at + _FILE.size + 257)
        if end < 0:
            break
        found.append((content[at + _FILE.size : end].decode("utf-8", "replace"), size))
        at = end + 1
    return found, len(content)
