"""Files of a 7z archive (7zFormat.txt): names always, content where one plain coder packed a folder."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_END, _HEADER, _MAIN_STREAMS, _FILES = 0x00, 0x01, 0x04, 0x05
_PACK, _UNPACK, _SUBSTREAMS, _SIZE, _CRC, _FOLDER = 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B
_UNPACK_SIZES, _STREAM_COUNT, _EMPTY_STREAM, _NAMES, _ENCODED = 0x0C, 0x0D, 0x0E, 0x11, 0x17
_ADDITIONAL = 0x03
_MAX_FILES = 5000
_MAX_HEADER = 8 << 20
_LZMA_MEMORY = 192 << 20
_COPY, _LZMA2, _LZMA1 = b"\x00", b"\x21", b"\x03\x01\x01"
_FILTERS = {b"\x03\x03\x01\x03": lzma.FILTER_X86, b"\x03\x03\x05\x01": lzma.FILTER_ARM}
"""Filters that 7-Zip puts before programs."""
_MOST_CODERS = 3
_DEFLATE, _BZIP2, _AES = b"\x04\x01\x08", b"\x04\x02\x02", b"\x06\xf1\x07\x01"


_LZMA = frozenset({_LZMA1, _LZMA2})
_PLAIN = _LZMA | {_COPY, _DEFLATE, _BZIP2}


class File(NamedTuple):
    """One member; `read(n)` unpacks its first n bytes, None when it cannot be unpacked."""

    name: str
    size_bytes: int
    packed_bytes: int
    encrypted: bool
    read: Callable[[int], bytes] | None


class Listing(NamedTuple):
    """All members; `encrypted` when the list itself needs a password (it is then empty)."""

    files: list[File]
    encrypted: bool


class Folder:
    """Coders that pack one run of bytes."""

    def __init__(self) -> None:
        self.coders: list[tuple[bytes, bytes]] = []
        self.sizes: list[int] = []
        self.outputs = 0
        self.bound: set[int] = set()
        self.packed_count = 1
        self.packed = b""
        self.streams: list[int] = []

    @property
    def size_bytes(self) -> int:
        """Unpacked size: that of the output no other coder takes."""
        return next((size for at, size in enumerate(self.sizes) if at not in self.bound), 0)

    @property
    def readable(self) -> bool:
        """Whether one coder packed it, or one of LZMA behind a filter for programs."""
        plain = [method for method, _ in self.coders if method not in _FILTERS]
        chained = len(self.coders) > 1
        return len(plain) == 1 and plain[0] in (_LZMA if chained else _PLAIN) and len(self.coders) <= _MOST_CODERS

    @property
    def encrypted(self) -> bool:
        """Whether a coder of the chain is AES."""
        return any(method == _AES for method, _ in self.coders)

    def unpack(self, size_bytes: int) -> bytes:
        """First bytes of the folder; ValueError for an unknown coder."""
        *filters, (method, properties) = sorted(self.coders, key=lambda coder: coder[0] not in _FILTERS)
        size_bytes = min(size_bytes, self.size_bytes)
        if method == _COPY:
            return self.packed[:size_bytes]
        if method == _DEFLATE:
            return zlib.decompressobj(-15).decompress(self.packed, size_bytes)
        if method == _BZIP2:
            return bz2.BZ2Decompressor().decompress(self.packed, size_bytes)
        return _unlzma(method, properties, self.packed, size_bytes, [_FILTERS[name] for name, _ in filters])


def _unlzma(method: bytes, properties: bytes, packed: bytes, size_bytes: int, filters: list[int]) -> bytes:
    spec: dict[str, Any]
    if method == _LZMA1 and len(properties) >= 5:  # noqa: PLR2004 - lc/lp/pb and the dictionary size
        packed_props = properties[0]
        spec = {
            "id": lzma.FILTER_LZMA1,
            "lc": packed_props % 9,
            "lp": packed_props // 9 % 5,
            "pb": packed_props // 45,
            "dict_size": int.from_bytes(properties[1:5], "little"),
        }
    elif method == _LZMA2 and properties:
        bits = properties[0]
        spec = {"id": lzma.FILTER_LZMA2, "dict_size": (2 | (bits & 1)) << (bits // 2 + 11)}
    else:
        raise ValueError("unknown coder")
    if spec["dict_size"] > _LZMA_MEMORY:
        raise ValueError("dictionary over the limit")
    decoder = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=[*({"id": each} for each in filters), spec])
    return decoder.decompress(packed, size_bytes)


class Cursor:
    """Reads the header's numbers; ValueError past its end."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def byte(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def take(self, size_bytes: int) -> bytes:
        """That many bytes."""
        if size_bytes < 0 or self.at + size_bytes > len(self.content):
            raise ValueError("the header is cut")
        self.at += size_bytes
        return self.content[self.at - size_bytes : self.at]

    def number(self) -> int:
        """A 7z variable-length number."""
        first = self.byte()
        mask, value = 0x80, 0
        for position in range(8):
            if not first & mask:
                return value | (first & (mask - 1)) << (8 * position)
            value |= self.byte() << (8 * position)
            mask >>= 1
        return value

    def count(self) -> int:
        """A number of things, refused when it is beyond any honest archive."""
        value = self.number()
        if value > _MAX_FILES:
            raise ValueError("too many entries")
        return value

    def bits(self, count: int) -> list[bool]:
        """A bit vector."""
        raw = self.take((count + 7) // 8)
        return [bool(raw[at // 8] & (0x80 >> at % 8)) for at in range(count)]

    def defined(self, count: int) -> list[bool]:
        """A bit vector that one byte may declare all set."""
        return [True] * count if self.byte() else self.bits(count)

    def digests(self, count: int) -> list[bool]:
        """Skip CRCs; tells which streams had one."""
        defined = self.defined(count)
        self.take(4 * sum(defined))
        return defined


def _folder(cursor: Cursor) -> Folder:
    folder = Folder()
    inputs = 0
    for _ in range(cursor.count()):
        flags = cursor.byte()
        method = cursor.take(flags & 0x0F)
        ins, outs = (cursor.count(), cursor.count()) if flags & 0x10 else (1, 1)
        properties = cursor.take(cursor.number()) if flags & 0x20 else b""
        folder.coders.append((method, properties))
        inputs += ins
        folder.outputs += outs
    for _ in range(folder.outputs - 1):
        cursor.number()
        folder.bound.add(cursor.number())
    folder.packed_count = inputs - (folder.outputs - 1)
    if folder.packed_count > 1:
        for _ in range(folder.packed_count):
            cursor.number()
    return folder


def _streams(cursor: Cursor, content: bytes) -> list[Folder]:
    position, sizes, folders = 0, [], []
    while (kind := cursor.byte()) != _END:
        if kind == _PACK:
            position, count = 32 + cursor.number(), cursor.count()
            while (inner := cursor.byte()) != _END:
                if inner == _SIZE:
                    sizes = [cursor.number() for _ in range(count)]
                elif inner == _CRC:
                    cursor.digests(count)
        elif kind == _UNPACK:
            folders = _unpack_info(cursor)
        elif kind == _SUBSTREAMS:
            _substreams(cursor, folders)
        else:
            raise ValueError("unknown property")
    for folder in folders:
        mine, sizes = sizes[: folder.packed_count], sizes[folder.packed_count :]
        folder.packed = content[position : position + (mine[0] if mine else 0)]
        position += sum(mine)
        folder.streams = folder.streams or [folder.size_bytes]
    return folders


def _unpack_info(cursor: Cursor) -> list[Folder]:
    folders: list[Folder] = []
    while (kind := cursor.byte()) != _END:
        if kind == _FOLDER:
            count = cursor.count()
            if cursor.byte():
                raise ValueError("external folders")
            folders = [_folder(cursor) for _ in range(count)]
        elif kind == _UNPACK_SIZES:
            for folder in folders:
                folder.sizes = [cursor.number() for _ in range(folder.outputs)]
        elif kind == _CRC:
            cursor.digests(len(folders))
    return folders


def _substreams(cursor: Cursor, folders: list[Folder]) -> None:
    counts = [1] * len(folders)
    kind = cursor.byte()
    if kind == _STREAM_COUNT:
        counts = [cursor.count() for _ in folders]
        kind = cursor.byte()
    for folder, count in zip(folders, counts, strict=True):
        known = [cursor.number() for _ in range(count - 1)] if kind == _SIZE else []
        folder.streams = [*known, max(0, folder.size_bytes - sum(known))][:count]
    if kind == _SIZE:
        kind = cursor.byte()
    while kind != _END:  # CRCs; nothing after them is needed of this block
        if kind == _CRC:
            cursor.digests(sum(counts))
        kind = cursor.byte()


def _names(raw: bytes) -> list[str]:
    return raw.decode("utf-16-le", "replace").split("\x00")


def _files(cursor: Cursor, folders: list[Folder]) -> list[File]:
    count = cursor.count()
    names: list[str] = []
    empty = [False] * count
    while (kind := cursor.byte()) != _END:
        body = Cursor(cursor.take(cursor.number()))
        if kind == _NAMES and not body.byte():
            names = _names(body.content[1:])
        elif kind == _EMPTY_STREAM:
            empty = body.bits(count)
    slots = [(folder, at) for folder in folders for at in range(len(folder.streams))]
    found = []
    for index in range(count):
        name = names[index] if index < len(names) else ""
        if empty[index] or not slots:
            continue
        folder, at = slots.pop(0)
        found.append(_file(name, folder, at))
    return found


def _file(name: str, folder: Folder, at: int) -> File:
    start, size = sum(folder.streams[:at]), folder.streams[at]

    def read(size_bytes: int) -> bytes:
        return folder.unpack(start + min(size, size_bytes))[start:]

    packed = len(folder.packed) * size // max(1, folder.size_bytes)
    return File(name, size, max(1, packed), folder.encrypted, read if folder.readable else None)


def parse(content: bytes) -> Listing:
    """The members; ValueError when the header is broken or packed by an unknown coder."""
    start, size = int.from_bytes(content[12:20], "little"), int.from_bytes(content[20:28], "little")
    cursor = Cursor(content[32 + start : 32 + start + min(size, _MAX_HEADER)])
    if not size:
        return Listing([], encrypted=False)
    kind = cursor.byte()
    if kind == _ENCODED:
        folder = _streams(cursor, content)[0]
        if folder.encrypted:
            return Listing([], encrypted=True)
        cursor = Cursor(folder.unpack(_MAX_HEADER))
        kind = cursor.byte()
    if kind != _HEADER:
        raise ValueError("no header")
    folders: list[Folder] = []
    files: list[File] = []
    while (kind := cursor.byte()) != _END:
        if kind == _MAIN_STREAMS:
            folders = _streams(cursor, content)
        elif kind == _FILES:
            files = _files(cursor, folders)
        else:
            raise ValueError("unsupported block")
    return Listing(files, encrypted=False)
