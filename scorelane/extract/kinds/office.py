"""Office documents: OOXML, the OLE formats before it, and RTF."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import re2

from scorelane.extract.kinds import archives, ole
from scorelane.mail.opened import Office

if TYPE_CHECKING:
    from collections.abc import Callable

    from scorelane.extract.kinds.reading import Reading

_OOXML = "application/vnd.openxmlformats-officedocument."
_RELATION = re2.compile(rb"(?is)<(?:\w+:)?Relationship\s[^>]+>")
_ATTRIBUTE = re2.compile(rb"""(?is)\b(Type|Target|TargetMode)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_TEXT = re2.compile(rb"<(?:w:t|a:t|t)(?:\s[^>]{0,200})?>([^<]+)</")
_FIELD = re2.compile(rb"<w:instrText(?:\s[^>]{0,200})?>([^<]+)<|w:instr=\"([^\"]+)\"")
_DDE_LINK = re2.compile(rb"(?i)<(?:\w+:)?ddeLink\s[^>]*>")
_LOADED = ("attachedtemplate", "oleobject", "frame", "subdocument", "externallink", "image", "package")
"""Relationship types whose external target is fetched without a click."""
_MEDIA = ("word/media/", "xl/media/", "ppt/media/")
_OBJECT_DIRS = ("word/embeddings/", "xl/embeddings/", "ppt/embeddings/", "word/activex/", "xl/activex/", "ppt/activex/")


def read_ooxml(content: bytes, reading: Reading) -> dict[str, Any]:
    """Word, Excel and PowerPoint since 2007."""
    found = ole.Findings()
    # Relations and macros first: a document with thousands of pictures must not use up the budget.
    members = sorted(archives.zip_members(content, reading), key=_urgency)
    for member in members:
        _part(member, reading, found)
    return {"office": Office(**found.fields(reading))}


def _urgency(member: archives.Member) -> tuple[int, str]:
    name = member.name.lower()
    if name.endswith(("vbaproject.bin", ".rels", "[content_types].xml")):
        return 0, name
    if name.startswith(_OBJECT_DIRS):
        return 2, name
    return (3 if name.startswith(_MEDIA) else 1), name


def _part(member: archives.Member, reading: Reading, found: ole.Findings) -> None:
    name = member.name.lower().lstrip("/")
    if name.startswith("xl/macrosheets/"):
        found.macro_sheet = found.has_macros = True
    if name.startswith(_OBJECT_DIRS):
        found.objects.append(member.name)
    interesting = name.endswith((".rels", ".bin")) or name.startswith((*_MEDIA, *_OBJECT_DIRS))
    if not interesting and not (name.endswith(".xml") and name.startswith(("word/", "xl/", "ppt/slides/"))):
        return
    body = archives.unpack(member, reading)
    if body is None:
        return
    if name.endswith("vbaproject.bin"):
        found.has_macros = True
        ole.macros(ole.Compound(body, reading), found)
    elif name.endswith(".rels"):
        _relations(body, reading, found)
    elif name.endswith(".xml"):
        _xml(body, reading, found)
    elif name.startswith((*_MEDIA, *_OBJECT_DIRS)):
        reading.descend(member.name, body)


def _relations(body: bytes, reading: Reading, found: ole.Findings) -> None:
    for element in _RELATION.finditer(body):
        values = {
            match.group(1).lower(): html.unescape((match.group(2) or match.group(3) or b"").decode("utf-8", "replace"))
            for match in _ATTRIBUTE.finditer(element.group())
        }
        if values.get(b"targetmode", "").lower() != "external":
            continue
        target, kind = values.get(b"target", ""), values.get(b"type", "").lower().rsplit("/", 1)[-1]
        if kind in _LOADED and not (kind == "image" and target.lower().startswith("file:")):
            found.templates.append(target)
        else:
            found.links.append(target)
        reading.url(target)


def _xml(body: bytes, reading: Reading, found: ole.Findings) -> None:
    fields = "".join(
        html.unescape((match.group(1) or match.group(2)).decode("utf-8", "replace")) for match in _FIELD.finditer(body)
    )
    if "dde" in fields.lower():  # a field may be split over many runs, so join them first
        found.dde.append(fields)
    found.dde += [match.group().decode("utf-8", "replace") for match in _DDE_LINK.finditer(body)]
    reading.urls_in(fields)
    if reading.text_room > 0:
        text = b" ".join(match.group(1) for match in _TEXT.finditer(body[: 1 << 20])).decode("utf-8", "replace")
        shown = html.unescape(text)
        reading.text(shown)
        reading.urls_in(shown)


def read_ole(content: bytes, reading: Reading) -> dict[str, Any]:
    """Word, Excel and PowerPoint before 2007, and unknown compound files."""
    compound = ole.Compound(content, reading)
    found = ole.Findings()
    found.encrypted = reading.kind == "application/x-ole-encrypted"
    ole.macros(compound, found)
    ole.word(compound, found)
    ole.workbook(compound, found)
    ole.embedded(compound, found)
    for path in compound.named("PowerPoint Document"):
        reading.strings_in(compound.read(path))
    return {"office": Office(**found.fields(reading))}


_RTF_TEMPLATE = re2.compile(rb"(?i)\{\\\*\\template\s+([^{}]+)\}")
_RTF_OBJDATA = re2.compile(rb"(?i)\\objdata\b")
_RTF_CLASS = re2.compile(rb"(?i)\\objclass\s+([^{}\\]{1,100})")
_RTF_FIELD = re2.compile(rb"(?i)\\fldinst[^}]*")
# Substitution by re2 costs microseconds a match; these two are linear in the standard library as well.
_RTF_CONTROL = re.compile(rb"\\[a-zA-Z]{1,32}-?\d{0,10} ?|\\'[0-9a-fA-F]{2}|[{}\\\r\n]")
_CONTROL_WORD = re.compile(rb"\\[a-zA-Z]{1,32}-?\d{0,10} ?")
_NOT_HEX = bytes(set(range(256)) - set(b"0123456789abcdefABCDEF"))
_OBJECT_HEX = 8 << 20
"""Digits of all objects together."""
_MAX_OBJECTS = 20


def read_rtf(content: bytes, reading: Reading) -> dict[str, Any]:
    """Rich text: templates, objects, links."""
    found = ole.Findings()
    for match in _RTF_TEMPLATE.finditer(content):
        target = match.group(1).decode("latin-1").strip()
        found.templates.append(target)
        reading.url(target)
    found.objects += [match.group(1).decode("latin-1") for match in _RTF_CLASS.finditer(content)]
    left = _OBJECT_HEX
    for number, match in enumerate(_RTF_OBJDATA.finditer(content)):
        if number >= _MAX_OBJECTS or not left:
            reading.budget.refuse("objects")
            break
        end = content.find(b"}", match.end(), match.end() + left)
        tail = content[match.end() : end if end >= 0 else match.end() + left]
        left -= len(tail)
        if not left:
            reading.budget.refuse("objects")
        _rtf_object(tail, reading, found)
    for match in _RTF_FIELD.finditer(content):
        text = match.group().decode("latin-1")
        reading.urls_in(text)
        if "ddeauto" in text.lower():
            found.dde.append(text)
    shown = _RTF_CONTROL.sub(b" ", content[: 1 << 18]).decode("latin-1")
    reading.text(shown)
    reading.urls_in(content[: 1 << 20].decode("latin-1"))
    return {"office": Office(**found.fields(reading))}


def _rtf_object(tail: bytes, reading: Reading, found: ole.Findings) -> None:
    digits = _CONTROL_WORD.sub(b"", tail).translate(None, _NOT_HEX)
    body = bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
    reading.budget.spend(len(body))
    if not found.objects:
        found.objects.append("objdata")
    at = body.find(b"\xd0\xcf\x11\xe0")
    inner = body[at:] if at >= 0 else body
    if b"Equation.3" in body:
        found.objects.append("Equation.3")
    reading.strings_in(inner)
    if at >= 0 and reading.budget.take_member():
        reading.descend("objdata", inner)
    elif b"Package" in body[:64]:
        name, content = ole.package(body[body.find(b"Package") + 8 + 12 :])
        if content and reading.budget.take_member():
            found.objects.append(name)
            reading.descend(name, content)


READERS: dict[str, Callable[[bytes, Reading], dict[str, Any]]] = {
    _OOXML + "wordprocessingml.document": read_ooxml,
    _OOXML + "spreadsheetml.sheet": read_ooxml,
    _OOXML + "presentationml.presentation": read_ooxml,
    "application/msword": read_ole,
    "application/vnd.ms-excel": read_ole,
    "application/vnd.ms-powerpoint": read_ole,
    "application/x-ole-storage": read_ole,
    "application/x-ole-encrypted": read_ole,
    "application/rtf": read_rtf,
}
