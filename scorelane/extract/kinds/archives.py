"""Archives: names, encryption and ratios of all members, content of as many as the budget allows."""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import rarfile

from scorelane.extract.kinds import cab, iso, names, sevenzip
from scorelane.extract.kinds.packed import Unpacker
from scorelane.mail.opened import Archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scorelane.extract.kinds.reading import Reading

_ENTRIES = 50_000
"""Members of a directory that are looked at; more is refused whole."""
_STREAMS = frozenset({"gzip", "bzip2", "xz"})
_LZMA_MEMORY = 192 << 20
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError,
    NotImplementedError, KeyError, IndexError,
)  # fmt: skip


class Member:
    """One file named by an archive, with a way to unpack at most so many bytes of it."""

    def __init__(
        self,
        name: str,
        size_bytes: int,
        packed_bytes: int,
        *,
        encrypted: bool = False,
        read: Callable[[int], bytes] | None = None,
    ) -> None:
        self.name = name
        self.size_bytes = size_bytes
        self.packed_bytes = packed_bytes
        self.encrypted = encrypted
        self.read = read

    @property
    def ratio(self) -> float:
        """Unpacked over packed size as declared."""
        return self.size_bytes / max(1, self.packed_bytes)


def stored(content: bytes | memoryview) -> Callable[[int], bytes]:
    """A way to read content that is not packed."""
    return lambda size_bytes: bytes(content[:size_bytes])


def unpack(member: Member, reading: Reading) -> bytes | None:
    """The member's content within the budget; None when refused, encrypted or broken."""
    if member.encrypted or member.read is None:
        if not member.encrypted and member.size_bytes:
            reading.budget.lack("no_unpacker")
        return None
    if member.ratio > reading.limits.ratio and member.size_bytes > reading.limits.ratio:
        reading.budget.refuse("ratio")
        return None
    if not reading.budget.take_member():
        return None
    allowed = reading.budget.allowance()
    try:
        content = member.read(allowed + 1)
    except _BROKEN as error:
        if isinstance(error, NotImplementedError):  # a zip's method that Python does not know
            reading.budget.lack("no_unpacker")
        return None
    reading.budget.spend(len(content))
    if len(content) > allowed:
        reading.budget.refuse("member_bytes")
        content = content[:allowed]
    return content


def summarise(kind: str, members: list[Member], reading: Reading, *, encrypted: bool = False) -> Archive:
    """Unpack what may be unpacked, have it analysed, and sum up."""
    ratio = max((member.ratio for member in members), default=0.0)
    executable: dict[str, None] = {}
    nested_depth = 0
    for member in members:
        if names.is_executable(member.name):
            executable[member.name] = None
    for member in members:
        content = unpack(member, reading)
        if content is None:
            continue
        ratio = max(ratio, len(content) / max(1, member.packed_bytes))
        child = reading.descend(member.name, content)
        if child is None:
            continue
        if child.true_type in names.EXECUTABLE_TYPES:
            executable[member.name] = None
        if child.archive is not None:
            wraps = kind in _STREAMS and child.archive.kind == "tar"
            nested_depth = max(nested_depth, child.archive.nested_depth + (not wraps))
            encrypted = encrypted or child.archive.encrypted
            ratio = max(ratio, child.archive.max_ratio)
            executable.update(dict.fromkeys(f"{member.name}/{inner}" for inner in child.archive.executable_members))
    all_names = [member.name for member in members]
    if len(all_names) > reading.limits.names:
        reading.budget.refuse("names")
    return Archive(
        kind=kind,
        member_count=len(members),
        encrypted=encrypted or any(member.encrypted for member in members),
        nested_depth=nested_depth,
        max_ratio=round(ratio, 3),
        executable_members=reading.items(executable),
        names=tuple(_shown(all_names[: reading.limits.names], reading)),
        tricks=names.tricks(all_names),
    )


def _shown(all_names: list[str], reading: Reading) -> Iterator[str]:
    for name in all_names:
        yield name[: reading.limits.item_chars].encode("utf-8", "replace").decode("utf-8")


def zip_members(content: bytes, reading: Reading) -> list[Member]:
    """Members of a zip by its central directory, else by its local headers."""
    at = content.rfind(b"PK\x05\x06", max(0, len(content) - 66_000))
    if at >= 0 and int.from_bytes(content[at + 10 : at + 12], "little") > _ENTRIES:
        reading.budget.refuse("names")
        return _local_headers(content)
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except _BROKEN:
        return _local_headers(content)

    def reader(info: zipfile.ZipInfo) -> Callable[[int], bytes]:
        def read(size_bytes: int) -> bytes:
            with archive.open(info) as file:
                return file.read(size_bytes)

        return read

    return [
        Member(info.filename, info.file_size, info.compress_size, encrypted=bool(info.flag_bits & 1), read=reader(info))
        for info in archive.infolist()[:_ENTRIES]
        if not info.is_dir()
    ]


def _local_headers(content: bytes) -> list[Member]:
    members: list[Member] = []
    at = content.find(b"PK\x03\x04")
    while at >= 0 and len(members) < _ENTRIES // 10:
        header = content[at : at + 30]
        if len(header) < 30:  # noqa: PLR2004 - APPNOTE 4.3.7: the fixed part of a local header
            break
        flags, method = int.from_bytes(header[6:8], "little"), int.from_bytes(header[8:10], "little")
        packed, size = int.from_bytes(header[18:22], "little"), int.from_bytes(header[22:26], "little")
        name_end = at + 30 + int.from_bytes(header[26:28], "little")
        start = name_end + int.from_bytes(header[28:30], "little")
        name = content[at + 30 : name_end].decode("utf-8", "replace")
        if not name.endswith("/"):
            read = _local_reader(content, start, packed, method)
            members.append(Member(name, size, packed, encrypted=bool(flags & 1), read=read))
        at = content.find(b"PK\x03\x04", max(start, at + 4))
    return members


def _local_reader(content: bytes, start: int, packed: int, method: int) -> Callable[[int], bytes] | None:
    if method == zipfile.ZIP_DEFLATED:
        return lambda size_bytes: zlib.decompressobj(-15).decompress(content[start:], size_bytes)
    if method == zipfile.ZIP_STORED:
        return stored(content[start : start + packed])
    return None


def read_zip(content: bytes, reading: Reading) -> dict[str, Any]:
    """Zip, jar and apk."""
    return {"archive": summarise("zip", zip_members(content, reading), reading)}


def read_tar(content: bytes, reading: Reading) -> dict[str, Any]:
    """Tar of any dialect."""
    members: list[Member] = []
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        try:
            for info in archive:
                if len(members) >= _ENTRIES:
                    reading.budget.refuse("names")
                    break
                if info.isfile():
                    data = content[info.offset_data : info.offset_data + info.size]
                    members.append(Member(info.name, len(data), len(data), read=stored(data)))
                elif not info.isdir():
                    members.append(Member(info.name, 0, 0))
        except _BROKEN:
            reading.budget.refuse("broken_archive")
    return {"archive": summarise("tar", members, reading)}


_GZIP_EXTRA, _GZIP_NAME = 4, 8


def _inner_name(content: bytes, kind: str) -> str:
    """The name that a gzip header keeps (RFC 1952 section 2.3); empty when there is none.

    The file's own name is not asked: a result depends on the content alone.
    """
    if kind != "gzip" or len(content) < 12 or not content[3] & _GZIP_NAME:  # noqa: PLR2004 - header and a length
        return ""
    at = 10 + (2 + int.from_bytes(content[10:12], "little") if content[3] & _GZIP_EXTRA else 0)
    end = content.find(b"\0", at, at + 512)
    return content[at:end].decode("latin-1") if end > at else ""


def _stream(kind: str, decompress: Callable[[bytes, int], bytes]) -> Callable[[bytes, Reading], dict[str, Any]]:
    def read(content: bytes, reading: Reading) -> dict[str, Any]:
        # The size is not declared: let the budget and the ratio cap decide how much to unpack.
        most = int(len(content) * reading.limits.ratio) + 1024

        def bounded(size_bytes: int) -> bytes:
            return decompress(content, min(size_bytes, most))

        member = Member(_inner_name(content, kind), 0, len(content), read=bounded)
        return {"archive": summarise(kind, [member], reading)}

    return read


def _gunzip(content: bytes, size_bytes: int) -> bytes:
    return zlib.decompressobj(31).decompress(content, size_bytes)


def _bunzip2(content: bytes, size_bytes: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(content, size_bytes)


def _unxz(content: bytes, size_bytes: int) -> bytes:
    return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY).decompress(content, size_bytes)


def read_rar(content: bytes, reading: Reading) -> dict[str, Any]:
    """RAR 3 and 5: the list of members with their sizes; libarchive unpacks what is not stored."""
    unpacker = Unpacker(content)
    with rarfile.RarFile(io.BytesIO(content), part_only=True, errors="stop") as archive:
        members = []
        for number, info in enumerate(archive.infolist()[:_ENTRIES]):
            if info.is_dir():
                continue
            plain = info.compress_type == rarfile.RAR_M0 and not info.needs_password()
            size_bytes, packed_bytes = info.file_size or 0, info.compress_size or 0
            body = content[info.data_offset : info.data_offset + packed_bytes]
            members.append(
                Member(
                    info.filename,
                    size_bytes,
                    packed_bytes,
                    encrypted=info.needs_password(),
                    read=stored(body) if plain else unpacker.reader(number),
                )
            )
        return {"archive": summarise("rar", members, reading, encrypted=archive.needs_password())}


def read_7z(content: bytes, reading: Reading) -> dict[str, Any]:
    """7z: names, and content of folders packed by one plain coder."""
    listing = sevenzip.parse(content)
    members = [
        Member(file.name, file.size_bytes, file.packed_bytes, encrypted=file.encrypted, read=file.read)
        for file in listing.files
    ]
    return {"archive": summarise("7z", members, reading, encrypted=listing.encrypted)}


def read_iso(content: bytes, reading: Reading) -> dict[str, Any]:
    """ISO 9660 with Joliet names where there are some."""
    members = [Member(name, len(data), len(data), read=stored(data)) for name, data in iso.files(content)]
    return {"archive": summarise("iso", members, reading)}


def read_cab(content: bytes, reading: Reading) -> dict[str, Any]:
    """Cabinet: the list of members with their sizes; libarchive unpacks them."""
    files, packed_bytes = cab.files(content)
    total = max(1, sum(size for _, size in files))
    unpacker = Unpacker(content)
    members = [
        Member(name, size, max(1, packed_bytes * size // total), read=unpacker.reader(number))
        for number, (name, size) in enumerate(files)
    ]
    return {"archive": summarise("cab", members, reading)}


READERS: dict[str, Callable[[bytes, Reading], dict[str, Any]]] = {
    "application/zip": read_zip,
    "application/java-archive": read_zip,
    "application/vnd.android.package-archive": read_zip,
    "application/x-tar": read_tar,
    "application/gzip": _stream("gzip", _gunzip),
    "application/x-bzip2": _stream("bzip2", _bunzip2),
    "application/x-xz": _stream("xz", _unxz),
    "application/vnd.rar": read_rar,
    "application/x-7z-compressed": read_7z,
    "application/x-iso9660-image": read_iso,
    "application/vnd.ms-cab-compressed": read_cab,
}
