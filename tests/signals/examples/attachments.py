"""Attachments: (signal, message, value, other message, its value)."""

# ruff: noqa: ANN003, E501 - a row of the table is one line, and its parts are free

from __future__ import annotations

from math import log1p

NONE = {}
PDF = b"%PDF-1.7\n1 0 obj\n"
EXE = b"MZ" + bytes(64)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64)
PAGE = b"<html><body>Hello</body></html>"


def entry(name, flags=0):
    """A zip's first local file header (APPNOTE 4.3.7)."""
    head = b"PK\x03\x04\x14\x00" + flags.to_bytes(2, "little") + bytes(18)
    return head + len(name).to_bytes(2, "little") + b"\x00\x00" + name + b"data"


def with_file(name, content, kind="application/octet-stream", **more):
    return {"files": [(name, kind, content)], **more}


PLAIN = with_file("notes.bin", b"abc")
INNER = b"From: c@d.test\r\nSubject: inner\r\n\r\nHello\r\n"

ROWS = [
    ("attachment_count", PLAIN, 1, NONE, 0),
    ("attachment_size_log", PLAIN, log1p(3), NONE, None),
    ("attached_program", with_file("photo.jpg", EXE), 1, PLAIN, 0),
    ("attached_script", with_file("bill.js", b"x"), 1, PLAIN, 0),
    ("attached_archive", with_file("bill.7z", b"x"), 1, PLAIN, 0),
    ("attached_disk_image", with_file("bill.iso", b"x"), 1, PLAIN, 0),
    ("attached_macro_file", with_file("bill.xlsm", b"x"), 1, PLAIN, 0),
    ("office_macro_traces", with_file("bill.doc", OLE + b"_VBA_PROJECT"), 1, with_file("bill.doc", OLE), 0),
    ("office_legacy_format", with_file("bill.doc", OLE), 1, with_file("bill.docx", entry(b"word/document.xml")), 0),
    ("attached_office", with_file("bill.docx", entry(b"word/document.xml")), 1, PLAIN, 0),
    ("attached_pdf", with_file("bill", PDF), 1, PLAIN, 0),
    ("pdf_actions", with_file("bill.pdf", PDF + b"/OpenAction 2 0 R /JavaScript (x)"), 2, with_file("bill.pdf", PDF), 0),
    ("pdf_links", with_file("bill.pdf", PDF + b"/URI (https://a.test/)"), 1, with_file("bill.pdf", PDF), 0),
    ("attached_html", with_file("bill.htm", PAGE), 1, PLAIN, 0),
    ("html_smuggling", with_file("bill.html", b"<html><script>x=atob('a');URL.createObjectURL(x)</script>"), 2, with_file("bill.html", PAGE), 0),
    ("attached_html_asks_password", with_file("bill.html", b'<html><input type="password">'), 1, with_file("bill.html", PAGE), 0),
    ("attachment_double_ending", with_file("bill.pdf.exe", EXE), 1, with_file("bill.v2.exe", EXE), 0),
    ("attachment_type_lies", with_file("bill.pdf", EXE), 1, with_file("bill.pdf", PDF), 0),
    ("attachment_name_disguised", with_file("bill.pdf          .exe", EXE), 1, PLAIN, 0),
    ("attachment_name_lures", with_file("Invoice_77.bin", b"x"), 1, PLAIN, 0),
    ("archive_encrypted", with_file("a.zip", entry(b"a.txt", flags=1)), 1, with_file("a.zip", entry(b"a.txt")), 0),
    ("archive_first_name_runs", with_file("a.zip", entry(b"bill.js")), 1, with_file("a.zip", entry(b"a.txt")), 0),
    ("attached_calendar", with_file("invite.ics", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"), 1, PLAIN, 0),
    ("carries_message", with_file("", INNER, "message/rfc822"), 1, PLAIN, 0),
    ("attached_image_share", with_file("a.png", b"\x89PNG\r\n\x1a\n" + bytes(9), "image/png"), 1, PLAIN, 0),
    ("file_is_the_message", with_file("bill.pdf", PDF, text="see file"), 1, with_file("bill.pdf", PDF), 0),
    ("bill_with_file", with_file("a.bin", b"x", text="the overdue balance"), 1 / 20, with_file("a.bin", b"x", text="hello"), 0),
]  # fmt: skip
