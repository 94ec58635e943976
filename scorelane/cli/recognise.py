"""Tells by its first bytes what a file is: mail, an mbox, an archive, or something else with a name."""

from __future__ import annotations

import re
from typing import Literal

HEAD_BYTES = 1 << 16

Kind = Literal["mail", "mbox", "tar", "zstd", "gzip", "bzip2", "xz", "empty", "other"]

_COMPRESSED: tuple[tuple[bytes, Kind], ...] = (
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"\x7fELF", "a program (ELF)"),
    (b"MZ", "a program (Windows)"),
    (b"\xcf\xfa\xed\xfe", "a program (Mach-O)"),
    (b"\xca\xfe\xba\xbe", "a program (Mach-O or Java)"),
    (b"#!", "a script"),
    (b"PK\x03\x04", "a zip file"),
    (b"Rar!", "a rar file"),
    (b"7z\xbc\xaf", "a 7-Zip file"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"\xd0\xcf\x11\xe0", "an Office or Outlook .msg file; export it as .eml"),
    (b"!BDN", "an Outlook .pst file; export it as mbox"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
)
_TAR_MAGIC = slice(257, 262)
_HEADER = re.compile(rb"[!-9;-~]{1,256}[ \t]*:")
_KNOWN = re.compile(
    rb"^[ \t]*(?:from|to|cc|bcc|subject|date|received|return-path|delivered-to|message-id|mime-version"
    rb"|content-[a-z-]+|reply-to|sender|references|in-reply-to|list-[a-z-]+|resent-[a-z-]+|dkim-signature"
    rb"|authentication-results|arc-[a-z-]+|envelope-to|status|errors-to|x-[!-9;-~]+)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_END_OF_HEADERS = re.compile(rb"\n\r?\n")


def recognise(head: bytes) -> tuple[Kind, str]:  # noqa: PLR0911 - one return a kind
    """Kind of a file by its first `HEAD_BYTES`, and for "other" what it looks like."""
    if not head.strip():
        return ("empty", "") if len(head) < HEAD_BYTES else ("other", "blank")
    for magic, kind in _COMPRESSED:
        if head.startswith(magic):
            return kind, ""
    if head[_TAR_MAGIC] == b"ustar":
        return "tar", ""
    if head.startswith(b"From ") and not head.startswith(b"From :"):
        return "mbox", ""
    if looks_like_mail(head):
        return "mail", ""
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return "other", name
    return "other", "a binary file" if b"\x00" in head[:4096] else "text without mail headers"


def looks_like_mail(head: bytes) -> bool:
    """Whether the bytes begin as a message does: a header line, and one of the field's headers below it."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\t ")
    if start.startswith((b">From ", b"From ")):
        start = start.partition(b"\n")[2]
    if not _HEADER.match(start):
        return False
    end = _END_OF_HEADERS.search(start)
    headers = start[: end.start()] if end else start
    if _KNOWN.search(headers):
        return True
    # A first header larger than what was read: nothing speaks against mail.
    return end is None and len(head) >= HEAD_BYTES and b"\x00" not in head
