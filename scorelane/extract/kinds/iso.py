"""Files of an ISO 9660 image (ECMA-119), Joliet names first, directories visited once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTOR = 2048
_FIRST_DESCRIPTOR = 16
_MAX_DESCRIPTORS = 32
_MAX_FILES = 5000
_MAX_DIRECTORIES = 500
_PRIMARY, _SUPPLEMENTARY, _TERMINATOR = 1, 2, 255
_RECORD_BYTES = 34


def _root(content: bytes) -> tuple[int, int, str]:
    """(sector, size, charset) of the best root directory."""
    best: tuple[int, int, str] | None = None
    for number in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + _MAX_DESCRIPTORS):
        sector = content[number * _SECTOR : (number + 1) * _SECTOR]
        if len(sector) < _SECTOR or sector[1:6] != b"CD001" or sector[0] == _TERMINATOR:
            break
        record = sector[156:190]
        place = (int.from_bytes(record[2:6], "little"), int.from_bytes(record[10:14], "little"))
        if sector[0] == _SUPPLEMENTARY and sector[88:90] == b"%/":
            return (*place, "utf-16-be")
        if sector[0] == _PRIMARY:
            best = (*place, "latin-1")
    if best is None:
        raise ValueError("no volume descriptor")
    return best


def files(content: bytes) -> Iterator[tuple[str, memoryview]]:
    """(path, content) of each file; ValueError when there is no volume descriptor."""
    sector, size, charset = _root(content)
    view = memoryview(content)
    waiting = [(sector, size, "")]
    visited: set[int] = set()
    count = 0
    while waiting and len(visited) < _MAX_DIRECTORIES:
        sector, size, prefix = waiting.pop()
        if sector in visited:
            continue
        visited.add(sector)
        at, end = sector * _SECTOR, min(sector * _SECTOR + size, len(content))
        while at + _RECORD_BYTES <= end and count < _MAX_FILES:
            length = content[at]
            if not length:  # records do not cross sectors
                at = (at // _SECTOR + 1) * _SECTOR
                continue
            raw = content[at + 33 : at + 33 + content[at + 32]]
            place = int.from_bytes(content[at + 2 : at + 6], "little")
            data_bytes = int.from_bytes(content[at + 10 : at + 14], "little")
            directory = content[at + 25] & 2
            at += length
            if raw in {b"\x00", b"\x01", b""}:
                continue
            name = prefix + raw.decode(charset, "replace").split(";")[0].rstrip(".")
            if directory:
                waiting.append((place, data_bytes, name + "/"))
                continue
            count += 1
            yield name, view[place * _SECTOR : place * _SECTOR + data_bytes]
