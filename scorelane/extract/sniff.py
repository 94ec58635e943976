"""The true type of a file by its first bytes, cheaply and without unpacking anything."""

from __future__ import annotations

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"MSCF", "application/vnd.ms-cab-compressed"),
    (0, b"{\\rt", "application/rtf"),
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", "application/onenote"),
    (0, b"L\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00F", "application/x-ms-shortcut"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"ITSF", "application/vnd.ms-htmlhelp"),
    (0, b"x\x9f>\x22", "application/vnd.ms-tnef"),
    (257, b"ustar", "application/x-tar"),
    (0x8001, b"CD001", "application/x-iso9660-image"),
    (0x8801, b"CD001", "application/x-iso9660-image"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_TYPES = (
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("EncryptedPackage", "application/x-ole-encrypted"),
    ("__nameid_version1.0", "application/vnd.ms-outlook"),
)
_OOXML = "application/vnd.openxmlformats-officedocument."
_ZIP_TYPES = (
    (b"word/", _OOXML + "wordprocessingml.document"),
    (b"xl/", _OOXML + "spreadsheetml.sheet"),
    (b"ppt/", _OOXML + "presentationml.presentation"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
    (b"AndroidManifest.xml", "application/vnd.android.package-archive"),
)
_WINDOW = 65_536
_STARTS = ((b"begin:vcalendar", "text/calendar"), (b"[internetshortcut]", "application/x-mswinurl"))
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<title", b"<iframe", b"<meta")
_MAIL = (b"received:", b"return-path:", b"message-id:", b"mime-version:", b"from:", b"subject:", b"date:", b"to:")
_MAIL_NEEDED = 3
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

SUPPORTED = frozenset(
    {
        "application/pdf", "application/zip", "application/vnd.rar", "application/x-7z-compressed", "application/gzip",
        "application/x-bzip2", "application/x-xz", "application/x-tar", "application/x-iso9660-image",
        "application/vnd.ms-cab-compressed", "application/java-archive", "application/vnd.android.package-archive",
        "application/rtf", "application/onenote", "application/x-ms-shortcut", "application/msword",
        "application/vnd.ms-excel", "application/vnd.ms-powerpoint", "application/vnd.ms-outlook",
        "application/x-ole-encrypted", "application/x-ole-storage", "application/x-mswinurl", "text/html",
        "image/svg+xml", "text/calendar", "message/rfc822", "image/png", "image/jpeg", "image/gif", "image/bmp",
        "image/tiff", "image/webp", *(kind for _, kind in _ZIP_TYPES),
    }
)  # fmt: skip
"""Types that have a reader; anything else is answered without a child process."""


def _zip_type(content: bytes) -> str:
    # The directory of names stands at the end; the first local headers at the start.
    seen = content[:_WINDOW] + content[-_WINDOW:]
    if b"[Content_Types].xml" in seen or b"_rels/" in seen:
        for mark, kind in _ZIP_TYPES[:3]:
            if mark in seen:
                return kind
    for mark, kind in _ZIP_TYPES[3:]:
        if mark in seen:
            return kind
    return "application/zip"


def _ole_type(content: bytes) -> str:
    for name, kind in _OLE_TYPES:
        if name.encode("utf-16-le") in content:
            return kind
    return "application/x-ole-storage"


def _text_type(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.replace(b"\x00", b"")
    for bom in _BOMS:
        head = head.removeprefix(bom)
    lower = head.lstrip().lower()
    for start, kind in _STARTS:
        if lower.startswith(start):
            return kind
    if b"<svg" in lower[:1024] and not any(mark in lower[:1024] for mark in _HTML[:4]):
        return "image/svg+xml"
    if lower.startswith(b"<") and any(mark in lower for mark in _HTML):
        return "text/html"
    lines = lower.split(b"\n", 40)[:40]
    if sum(line.startswith(_MAIL) for line in lines) >= _MAIL_NEEDED:
        return "message/rfc822"
    if any(mark in lower for mark in _HTML[:5]):
        return "text/html"
    return None


_EXTENSIONS = {
    "htm": "text/html", "html": "text/html", "shtml": "text/html", "xhtml": "text/html", "hta": "text/html",
    "svg": "image/svg+xml", "ics": "text/calendar", "eml": "message/rfc822", "url": "application/x-mswinurl",
}  # fmt: skip


def true_type(content: bytes, declared_type: str = "", filename: str = "") -> str:
    """MIME type by content; the name decides among text formats, the declared type is the last resort.

    Bounded: looks at 128 KiB at most, except for OLE where a directory name may stand anywhere.
    """
    extension = filename.lower().rsplit(".", 1)[-1] if "." in filename else ""
    return (
        _binary_type(content)
        or _text_type(content[:4096])
        or _EXTENSIONS.get(extension)
        or declared_type.lower()
        or "application/octet-stream"
    )


def _binary_type(content: bytes) -> str | None:
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK00PK\x03\x04")):
        return _zip_type(content)
    if content.startswith(_OLE):
        return _ole_type(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    for offset, magic, kind in _MAGIC:
        if content.startswith(magic, offset):
            return kind
    # Readers accept junk before the header.
    return "application/pdf" if b"%PDF-" in content[:1024] else None
