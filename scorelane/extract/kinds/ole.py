"""Compound files (MS-CFB): macros, embedded objects and what old Office formats hide."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import olefile

from scorelane.extract.kinds import vba

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scorelane.extract.kinds.reading import Reading

_MAX_STREAMS = 500
_FIB_ENCRYPTED = 0x0100
_BOUNDSHEET, _FILEPASS, _BOF = 0x0085, 0x002F, 0x0809
_MACRO_SHEET = 1


class Compound:
    """An open compound file; streams are read within the budget."""

    def __init__(self, content: bytes, reading: Reading) -> None:
        self.file = olefile.OleFileIO(io.BytesIO(content), raise_defects=olefile.DEFECT_FATAL)
        self.reading = reading
        self.paths: list[list[str]] = self.file.listdir()[:_MAX_STREAMS]

    def read(self, path: list[str]) -> bytes:
        """One stream's content, cut at the budget; empty when broken."""
        allowed = self.reading.budget.allowance()
        try:
            content = self.file.openstream(path).read(allowed)
        except (OSError, ValueError, IndexError, TypeError):
            return b""
        self.reading.budget.spend(len(content))
        return bytes(content)

    def named(self, *names: str) -> Iterator[list[str]]:
        """Paths whose last part is one of the names, case ignored."""
        wanted = {name.lower() for name in names}
        for path in self.paths:
            if path[-1].lower() in wanted:
                yield path


class Findings:
    """What an Office document showed so far; turned into `protocol.Office` at the end."""

    def __init__(self) -> None:
        self.has_macros = False
        self.encrypted = False
        self.macro_sheet = False
        self.auto_exec: list[str] = []
        self.suspicious: list[str] = []
        self.templates: list[str] = []
        self.links: list[str] = []
        self.dde: list[str] = []
        self.objects: list[str] = []

    def fields(self, reading: Reading) -> dict[str, Any]:
        """Keyword arguments of `protocol.Office`."""
        return {
            "has_macros": self.has_macros,
            "encrypted": self.encrypted,
            "macro_sheet": self.macro_sheet,
            "auto_exec": reading.items(self.auto_exec),
            "suspicious_keywords": reading.items(self.suspicious),
            "remote_template": reading.items(self.templates),
            "external_links": reading.items(self.links),
            "dde": reading.items(self.dde),
            "embedded_objects": reading.items(self.objects),
        }


def macros(compound: Compound, found: Findings) -> None:
    """Look at every VBA module."""
    for path in compound.paths:
        if "_vba_project" in path[-1].lower():
            found.has_macros = True
        if len(path) < 2 or path[-2].upper() != "VBA" or path[-1].lower() in {"dir", "_vba_project"}:  # noqa: PLR2004
            continue
        found.has_macros = True
        text = vba.source(compound.read(path), compound.reading.limits.member_bytes)
        auto, suspicious = vba.marks(text)
        found.auto_exec += auto
        found.suspicious += suspicious
        compound.reading.urls_in(text)


def embedded(compound: Compound, found: Findings) -> None:
    """Packages and objects put into the document."""
    for path in compound.named("\x01Ole10Native"):
        name, content = package(compound.read(path))
        found.objects.append(name or "Ole10Native")
        if content and compound.reading.budget.take_member():
            compound.reading.descend(name, content)
    for path in compound.named("Package", "CONTENTS"):
        content = compound.read(path)
        found.objects.append(path[-1])
        if content and compound.reading.budget.take_member():
            compound.reading.descend("", content)
    for path in compound.named("Equation Native"):
        found.objects.append(path[-1])


def package(native: bytes) -> tuple[str, bytes]:
    """(file name, content) of an Ole10Native stream; empty where it is cut."""
    body = native[4:] if native[4:6] == b"\x02\x00" else native
    label_end = body.find(b"\x00", 2, 600)
    path_end = body.find(b"\x00", label_end + 1, label_end + 600) if label_end > 0 else -1
    if path_end < 0:
        return "", b""
    name = body[2:label_end].decode("latin-1")
    at = path_end + 1 + 4
    length = int.from_bytes(body[at : at + 4], "little")
    at += 4 + length
    size = int.from_bytes(body[at : at + 4], "little")
    return name.replace("\\", "/").rsplit("/", 1)[-1], body[at + 4 : at + 4 + size]


def word(compound: Compound, found: Findings) -> None:
    """Encryption and DDE of a Word 97 document, and its text."""
    for path in compound.named("WordDocument"):
        content = compound.read(path)
        if int.from_bytes(content[10:12], "little") & _FIB_ENCRYPTED:
            found.encrypted = True
        for mark in (b"DDEAUTO", b"DDE "):
            if mark in content or mark.decode().encode("utf-16-le") in content:
                found.dde.append(mark.decode().strip())
        compound.reading.strings_in(content)
        compound.reading.text(readable(content))


def workbook(compound: Compound, found: Findings) -> None:
    """Encryption and Excel 4.0 macro sheets of a BIFF8 workbook ([MS-XLS] section 2.4)."""
    for path in compound.named("Workbook", "Book"):
        content = compound.read(path)
        at = 0
        while at + 4 <= len(content):
            kind = int.from_bytes(content[at : at + 2], "little")
            size = int.from_bytes(content[at + 2 : at + 4], "little")
            if kind == _FILEPASS:
                found.encrypted = True
            if kind == _BOUNDSHEET and size > 5 and content[at + 4 + 5] == _MACRO_SHEET:  # noqa: PLR2004
                found.macro_sheet = found.has_macros = True
            at += 4 + size
        compound.reading.strings_in(content)
        compound.reading.text(readable(content))


def readable(content: bytes, minimum_chars: int = 6) -> str:
    """Runs of printable text, one or two bytes a character, as a person would pick them out."""
    head = content[: 1 << 18]
    runs = []
    for text in (head.decode("latin-1"), head[: len(head) & ~1].decode("utf-16-le", "replace")):
        kept = "".join(char if char.isascii() and char.isprintable() else "\n" for char in text)
        runs += [run for run in kept.split("\n") if len(run) >= minimum_chars]
    return " ".join(runs)
