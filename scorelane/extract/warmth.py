"""Tiny samples that make each library import and allocate what a job will need."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import zxingcpp
from PIL import Image as Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

_PDF = b"""%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj
3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>> endobj
4 0 obj <</Length 34>> stream
BT /F 12 Tf 9 50 Td (warm up) Tj ET
endstream endobj
5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj
trailer <</Root 1 0 R>>
"""
_MAIL = b"From: a@b.example\nTo: c@d.example\nSubject: =?utf-8?q?warm?=\nDate: now\nMIME-Version: 1.0\n\nwarm up\n"


def _pictures() -> Iterator[tuple[str, bytes]]:
    code = zxingcpp.create_barcode("https://warm.example/", zxingcpp.BarcodeFormat.QRCode)
    picture = Picture.fromarray(code.to_image(scale=3))
    for kind in ("png", "jpeg", "gif", "bmp", "tiff", "webp"):
        file = io.BytesIO()
        picture.convert("RGB").save(file, kind)
        yield f"warm.{kind}", file.getvalue()


def _archives() -> Iterator[tuple[str, bytes]]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("warm.txt", "warm")
    yield "warm.zip", file.getvalue()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<w:t>warm</w:t>")
    yield "warm.docx", file.getvalue()
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("warm"), io.BytesIO())
    yield "warm.tgz", file.getvalue()


def samples() -> Iterator[tuple[str, bytes]]:
    """(name, content) of at least one sample a reader."""
    yield "warm.pdf", _PDF
    yield "warm.eml", _MAIL
    yield "warm.html", b"<html><title>t</title><script>atob('x')</script></html>"
    yield "warm.svg", b"<svg><text>warm</text></svg>"
    yield "warm.ics", b"BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n"
    yield "warm.url", b"[InternetShortcut]\nURL=https://warm.example/\n"
    yield "warm.rtf", b"{\\rtf1 warm}"
    yield "warm.lnk", b"L\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00F".ljust(80, b"\x00")
    # Broken on purpose: the error paths import too.
    yield "warm.rar", b"Rar!\x1a\x07\x01\x00"
    yield "warm.7z", b"7z\xbc\xaf\x27\x1c".ljust(40, b"\x00")
    yield "warm.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(1024, b"\x00")
    yield "warm.one", b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"
    yield from _archives()
    yield from _pictures()
