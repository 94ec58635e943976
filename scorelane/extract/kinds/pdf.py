"""PDF: actions by a scan of its objects, pages, links and pictures by PDFium."""

from __future__ import annotations

import ctypes
import zlib
from typing import TYPE_CHECKING, Any

import pypdfium2
import pypdfium2.raw as pdfium
import re2

from scorelane.extract.kinds import images
from scorelane.mail.opened import Pdf

if TYPE_CHECKING:
    from scorelane.extract.kinds.reading import Reading

_NAME_ESCAPE = re2.compile(rb"#([0-9A-Fa-f]{2})")
_STREAM = re2.compile(rb"(?s)/ObjStm\b.{0,400}?stream\r?\n")
_URI = re2.compile(rb"(?s)/URI\s*\(((?:[^()\\]|\\.)+)\)")
_COUNTS = {
    "javascript": re2.compile(rb"/(?:JavaScript|JS)\b"),
    "open_action": re2.compile(rb"/OpenAction\b|/AA\s*<<"),
    "launch": re2.compile(rb"/Launch\b"),
    "submit": re2.compile(rb"/SubmitForm\b|/ImportData\b"),
    "forms": re2.compile(rb"/AcroForm\b|/XFA\b"),
    "embedded": re2.compile(rb"/EmbeddedFiles?\b"),
    "encrypted": re2.compile(rb"/Encrypt\b"),
    "pages": re2.compile(rb"/Type\s*/Page\b"),
}
_STRING = re2.compile(rb"(?s)\\(\r\n|[\s\S])")
_RENDER_PIXELS = 1400
_MAX_LINKS = 500
_MAX_STREAMS = 200
_MAX_OBJECTS = 2000
_STREAM_ENDS = re2.compile(rb"\bstream\r?\n|endstream|endobj")
_SEARCHED_BYTES = 256 << 20
"""What PDFium may have to search for ends of streams; a second of CPU."""


def _objects(content: bytes, reading: Reading) -> bytes:
    """The file with names unescaped and its object streams unpacked behind it."""
    parts = [content]
    for number, match in enumerate(_STREAM.finditer(content)):
        allowed = reading.budget.allowance()
        if number >= _MAX_STREAMS or not allowed:
            reading.budget.refuse("unpacked_bytes")
            break
        try:
            body = zlib.decompressobj().decompress(content[match.end() :], allowed)
        except zlib.error:
            continue
        reading.budget.spend(len(body))
        parts.append(body)
    whole = b"\n".join(parts)
    return _NAME_ESCAPE.sub(lambda match: bytes([int(match.group(1), 16)]), whole) if b"#" in whole else whole


def read(content: bytes, reading: Reading) -> dict[str, Any]:
    """Findings of one PDF; what PDFium cannot open is told by the scan alone."""
    objects = _objects(content, reading)
    counts = {name: sum(1 for _ in pattern.finditer(objects)) for name, pattern in _COUNTS.items()}
    for match in _URI.finditer(objects):
        reading.url(_STRING.sub(rb"\1", match.group(1)).decode("latin-1"))
    pages = _pages(content, reading)
    return {
        "pdf": Pdf(
            javascript=counts["javascript"],
            open_action=bool(counts["open_action"]),
            launch=counts["launch"],
            submit=counts["submit"],
            forms=bool(counts["forms"]),
            encrypted=bool(counts["encrypted"]) or pages.locked,
            embedded_files=reading.items(pages.embedded) or (("",) if counts["embedded"] else ()),
            uri_count=len(reading.urls),
            page_count=pages.count or counts["pages"],
            image_only=pages.image_only,
            qr=tuple(pages.qr),
        )
    }


class Pages:
    """What PDFium told of a document."""

    def __init__(self) -> None:
        self.count = 0
        self.locked = False
        self.embedded: list[str] = []
        self.qr: list[str] = []
        self.pictures = 0
        self.characters = 0

    @property
    def image_only(self) -> bool:
        """Pictures and next to no text."""
        return self.pictures > 0 and self.characters < 20  # noqa: PLR2004 - a page number is no text


def _searched_bytes(content: bytes) -> int:
    """Bytes between each start of a stream and its end, summed: PDFium repairs a file in that time.

    Starts that share one end make it quadratic; an honest file is searched once.
    """
    total, starts, starts_at = 0, 0, 0
    for match in _STREAM_ENDS.finditer(content):
        if match.group().startswith(b"stream"):
            starts, starts_at = starts + 1, starts_at + match.start()
        else:
            total += starts * match.start() - starts_at
            starts = starts_at = 0
    return total + starts * len(content) - starts_at


def _pages(content: bytes, reading: Reading) -> Pages:
    found = Pages()
    if _searched_bytes(content) > _SEARCHED_BYTES:
        reading.budget.refuse("pdf_streams")
        return found
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        found.locked = "password" in str(error).lower()
        return found
    found.count = len(document)
    for index in range(min(found.count, reading.limits.pdf_pages)):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            continue
        text = page.get_textpage().get_text_bounded()
        found.characters += len(text.strip())
        reading.text(text)
        reading.urls_in(text, index + 1)
        _links(document, page, index, reading)
        has_picture = _has_picture(page)
        found.pictures += has_picture
        if has_picture or not text.strip():
            _codes(page, index, reading, found)
    _attachments(document, reading, found)
    return found


def _links(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, index: int, reading: Reading) -> None:
    at, link = ctypes.c_int(0), pdfium.FPDF_LINK()
    for _ in range(_MAX_LINKS):
        if not pdfium.FPDFLink_Enumerate(page.raw, ctypes.byref(at), ctypes.byref(link)):
            return
        action = pdfium.FPDFLink_GetAction(link)
        if not action:
            continue
        size = pdfium.FPDFAction_GetURIPath(document.raw, action, None, 0)
        if 1 < size <= reading.limits.url_chars:
            buffer = ctypes.create_string_buffer(size)
            pdfium.FPDFAction_GetURIPath(document.raw, action, buffer, size)
            reading.url(buffer.value.decode("utf-8", "replace"), index + 1)


def _has_picture(page: pypdfium2.PdfPage) -> bool:
    count = min(pdfium.FPDFPage_CountObjects(page.raw), _MAX_OBJECTS)
    for index in range(count):
        kind = pdfium.FPDFPageObj_GetType(pdfium.FPDFPage_GetObject(page.raw, index))
        if kind in {pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM}:
            return True
        # A code may be drawn as squares instead of a picture.
        if kind == pdfium.FPDF_PAGEOBJ_PATH and count > 100:  # noqa: PLR2004 - fewer squares are no code
            return True
    return False


def _codes(page: pypdfium2.PdfPage, index: int, reading: Reading, found: Pages) -> None:
    if index >= reading.limits.pdf_rendered:
        return
    width, height = page.get_size()
    longest = max(width, height)
    if not 0 < longest < 20_000:  # noqa: PLR2004 - PDF's own limit is 14,400 points
        return
    bitmap = page.render(scale=_RENDER_PIXELS / longest, grayscale=True)
    found.qr += images.codes(bitmap.to_pil(), reading, index + 1)


def _attachments(document: pypdfium2.PdfDocument, reading: Reading, found: Pages) -> None:
    for index in range(min(document.count_attachments(), reading.limits.items)):
        try:
            attachment = document.get_attachment(index)
            name, body = attachment.get_name(), bytes(attachment.get_data())
        except pypdfium2.PdfiumError:
            continue
        found.embedded.append(name or "unnamed")
        reading.budget.spend(len(body))
        if reading.budget.take_member():
            reading.descend(name, body)
