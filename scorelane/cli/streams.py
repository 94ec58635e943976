"""Byte streams that can be looked at before they are read, and the archives around them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from scorelane.cli.recognise import Kind

DAMAGE: tuple[type[Exception], ...] = (
    tarfile.TarError,
    zstandard.ZstdError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
)
"""What reading a damaged archive raises."""

LONG_WINDOW_BYTES = 1 << 31
LONGEST_NAME_BYTES = 1 << 20
_NAMES = frozenset((
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
))  # fmt: skip


class _Rejoined(io.RawIOBase):
    """A head that was read already, followed by the rest of its stream."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        target = memoryview(buffer).cast("B")
        if not self._head:
            block = self._rest.read(len(target))
            target[: len(block)] = block
            return len(block)
        size = min(len(target), len(self._head))
        target[:size] = self._head[:size]
        self._head = self._head[size:]
        return size


class _Unzstd(io.RawIOBase):
    """The content of zstd frames. Raises ZstdError where the last one is cut, as the library's reader does not."""

    # A block of input can hold 30,000 times as much output, all of it in memory at once.
    BLOCK_BYTES = 2048

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._frame = self._new_frame()
        self._in_frame = False
        self._unread = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        while not self._ready:
            block = self._unread or self._stream.read(self.BLOCK_BYTES)
            if not block:
                if self._in_frame:
                    raise zstandard.ZstdError("the data ends early")
                return 0
            self._ready = memoryview(self._frame.decompress(block))
            self._unread = b""
            self._in_frame = not self._frame.eof
            if self._frame.eof:
                self._unread = self._frame.unused_data
                self._frame = self._new_frame()
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    @staticmethod
    def _new_frame() -> zstandard.ZstdDecompressionObj:
        return zstandard.ZstdDecompressor(max_window_size=LONG_WINDOW_BYTES).decompressobj()


def look(stream: BinaryIO, size: int) -> tuple[bytes, BinaryIO]:
    """First bytes of a stream (fewer at its end), and a stream that still begins with them."""
    blocks: list[bytes] = []
    wanted = size
    while wanted > 0 and (block := stream.read(wanted)):
        blocks.append(block)
        wanted -= len(block)
    head = b"".join(blocks)
    rejoined = io.BufferedReader(_Rejoined(head, stream), buffer_size=1 << 16)
    return head, cast("BinaryIO", rejoined)


def decompressed(stream: BinaryIO, kind: Kind) -> BinaryIO:
    """The stream inside a zstd (any window size), gzip, bzip2 or xz stream."""
    if kind == "zstd":
        return cast("BinaryIO", io.BufferedReader(_Unzstd(stream), buffer_size=1 << 17))
    if kind == "gzip":
        return cast("BinaryIO", gzip.GzipFile(fileobj=stream))
    return cast("BinaryIO", bz2.BZ2File(stream) if kind == "bzip2" else lzma.LZMAFile(stream))


# Not in the stubs of the standard library.
_BROKEN_HEADER: tuple[type[tarfile.TarError], ...] = (
    tarfile.InvalidHeaderError,  # type: ignore[attr-defined]
    tarfile.TruncatedHeaderError,  # type: ignore[attr-defined]
)


class _StrictTarInfo(tarfile.TarInfo):
    """Raises where the standard library ends an archive silently at a header that it cannot read."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _StrictTarInfo:
        try:
            return super().fromtarfile(tarfile)
        except _BROKEN_HEADER as error:
            raise _errors.ReadError(str(error)) from None

    def _proc_member(self, tarfile: tarfile.TarFile) -> tarfile.TarInfo:
        """Long names and attributes stand in members that are read into memory whole, as large as they say."""
        if self.type in _NAMES and self.size > LONGEST_NAME_BYTES:
            raise _errors.ReadError(f"a header of {self.size:,} bytes")
        return super()._proc_member(tarfile)  # type: ignore[misc,no-any-return] # not in the stubs


# The standard library's name for the parameter above hides the module.
_errors = tarfile


def tar_members(stream: BinaryIO) -> Iterator[tuple[str, int, BinaryIO]]:
    """(name, size in bytes, content) of each file in a tar stream; read a content before the next one.

    Raises one of `DAMAGE` where the archive is broken or ends early.
    """
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictTarInfo) as archive:
        while (member := archive.next()) is not None:
            if member.isreg() and (content := archive.extractfile(member)) is not None:
                yield member.name, member.size, cast("BinaryIO", content)
            # The list would hold an entry for each member of an archive of any size.
            archive.members.clear()  # type: ignore[attr-defined]
