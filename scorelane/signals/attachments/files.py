"""What is attached, by name, declared type and true type, as far as cheap looks at the bytes tell.

Hostile binary formats are opened elsewhere, in a killable process; here only names and leading bytes count.
"""

from __future__ import annotations

import re
from math import log1p
from typing import TYPE_CHECKING

from scorelane.signals import derived as _declared  # noqa: F401 - declares what the parameters name
from scorelane.signals.declaration import derived, signal

if TYPE_CHECKING:
    from scorelane.mail.message import Message, Part
    from scorelane.signals.phrases import Phrases

NO_FILE = "nothing is attached"
LOG_MOST = 25.0
PROGRAMS = frozenset(
    [
        "exe",
        "scr",
        "com",
        "pif",
        "bat",
        "cmd",
        "cpl",
        "msi",
        "msix",
        "appx",
        "dll",
        "jar",
        "apk",
        "app",
        "dmg",
        "pkg",
        "deb",
        "rpm",
    ]
)
SCRIPTS = frozenset(
    [
        "js",
        "jse",
        "vbs",
        "vbe",
        "wsf",
        "wsh",
        "hta",
        "ps1",
        "psm1",
        "sh",
        "py",
        "pl",
        "lnk",
        "url",
        "scf",
        "reg",
        "inf",
        "chm",
        "settingcontent-ms",
    ]
)
ARCHIVES = frozenset(["zip", "rar", "7z", "gz", "tgz", "tar", "bz2", "xz", "ace", "arj", "cab", "lzh", "z", "zipx"])
DISKS = frozenset(["iso", "img", "vhd", "vhdx", "udf", "wim"])
MACRO_FILES = frozenset(["docm", "dotm", "xlsm", "xltm", "xlam", "xlsb", "pptm", "potm", "ppsm", "sldm", "ppam", "xll"])
OFFICE = frozenset(
    [
        "doc",
        "dot",
        "xls",
        "xlt",
        "ppt",
        "pps",
        "docx",
        "dotx",
        "xlsx",
        "xltx",
        "pptx",
        "ppsx",
        "rtf",
        "odt",
        "ods",
        "odp",
        "one",
    ]
)
HTML_FILES = frozenset(["html", "htm", "shtml", "xhtml", "mht", "mhtml", "svg", "xht"])
EXPECTED = {
    "pdf": "application/pdf", "png": "image/png", "gif": "image/gif", "jpg": "image/jpeg", "jpeg": "image/jpeg",
    "docx": "application/zip", "xlsx": "application/zip", "pptx": "application/zip", "zip": "application/zip",
    "rar": "application/vnd.rar", "7z": "application/x-7z-compressed",
}  # fmt: skip
"""Name endings whose content is certain, to its true type."""
SCANNED_BYTES = 65_536
SMUGGLING = re.compile(
    rb"atob\s*\(|createObjectURL|msSaveOrOpenBlob|fromCharCode|unescape\s*\(|document\.write|eval\s*\(|location\.(?:href|replace)"
)
"""How a page builds a file or another page by script (ATT&CK T1027.006)."""
PDF_ACTIONS = re.compile(rb"/(?:JavaScript|JS|Launch|OpenAction|EmbeddedFile|SubmitForm|AA|RichMedia)\b")
PDF_LINK = re.compile(rb"/URI\s*\(")
MACROS = re.compile(
    rb"vbaProject\.bin|_VBA_PROJECT|V\x00B\x00A\x00|Auto_?Open|AutoExec|Document_Open|Workbook_Open", re.IGNORECASE
)
RIGHT_TO_LEFT = "\u202e"
LURE_NAME = re.compile(
    r"invoice|payment|remit|receipt|statement|order|quot|scan|document|voice|fax|contract|salary|payroll|"
    r"rechnung|facture|factura|fattura|shipping|dhl|fedex|delivery|swift|urgent|secure"
)


@derived
def files(message: Message) -> tuple[Part, ...]:
    """Attached parts, those of nested messages included, at most 50."""
    if not message.nested:
        return message.attachments[:50]
    return tuple(part for inner in (message, *message.nested) for part in inner.attachments)[:50]


@derived
def endings(files: tuple[Part, ...]) -> tuple[str, ...]:
    """Last part of each file's name, lower case, without the dot; empty where there is none."""
    return tuple(_ending(part.filename) for part in files)


def _ending(name: str) -> str:
    return name.rstrip(" .").rpartition(".")[2].lower()[:20] if "." in name else ""


def _share(known: frozenset[str], endings: tuple[str, ...]) -> float | None:
    """1 when an ending is known, None when nothing is attached."""
    return float(not known.isdisjoint(endings)) if endings else None


@signal(version=1, range=(0, 50))
def attachment_count(files: tuple[Part, ...]) -> float:
    """Attached files, at most 50."""
    return float(len(files))


@signal(version=1, missing=NO_FILE, range=(0, LOG_MOST))
def attachment_size_log(files: tuple[Part, ...]) -> float | None:
    """log1p of the bytes of all files together."""
    return min(log1p(sum(part.size_bytes for part in files)), LOG_MOST) if files else None


@signal(version=1, missing=NO_FILE, attacks=("malware",), monotone=1)
def attached_program(files: tuple[Part, ...], endings: tuple[str, ...]) -> float | None:
    """1 when a file is a program, by name or by content (Windows, ELF, Java)."""
    if not files:
        return None
    kinds = {"application/x-dosexec", "application/x-executable", "application/java-vm", "application/x-msdownload"}
    return float(not PROGRAMS.isdisjoint(endings) or any(part.true_type in kinds for part in files))


@signal(version=1, missing=NO_FILE, attacks=("malware",), monotone=1)
def attached_script(files: tuple[Part, ...], endings: tuple[str, ...]) -> float | None:
    """1 when a file is a script or shortcut that Windows runs on a double click."""
    if not files:
        return None
    return float(not SCRIPTS.isdisjoint(endings) or any(p.true_type == "application/x-ms-shortcut" for p in files))


@signal(version=1, missing=NO_FILE, attacks=("malware",))
def attached_archive(endings: tuple[str, ...]) -> float | None:
    """1 when a file is an archive by name."""
    return _share(ARCHIVES, endings)


@signal(version=1, missing=NO_FILE, attacks=("malware",), monotone=1)
def attached_disk_image(files: tuple[Part, ...], endings: tuple[str, ...]) -> float | None:
    """1 when a file is a disk image: what is inside loses its mark of the web (T1553.005)."""
    if not files:
        return None
    return float(not DISKS.isdisjoint(endings) or any(p.true_type == "application/x-iso9660-image" for p in files))


@signal(version=1, missing=NO_FILE, attacks=("malware",), monotone=1)
def attached_macro_file(endings: tuple[str, ...]) -> float | None:
    """1 when a file's name is one that Office gives to files with macros."""
    return _share(MACRO_FILES, endings)


@signal(version=1, missing="no Office file is attached", attacks=("malware",), monotone=1)
def office_macro_traces(files: tuple[Part, ...], endings: tuple[str, ...]) -> float | None:
    """1 when an Office file's bytes carry traces of macros (MS-OVBA), uncompressed."""
    known = OFFICE | MACRO_FILES
    office = [part for part, ending in zip(files, endings, strict=True) if ending in known]
    if not office:
        return None
    return float(any(MACROS.search(part.content[:SCANNED_BYTES]) is not None for part in office))


@signal(version=1, missing="no Office file is attached", attacks=("malware",), monotone=1)
def office_legacy_format(files: tuple[Part, ...], endings: tuple[str, ...]) -> float | None:
    """1 when an Office file is in the old binary or rich-text format, which hide most."""
    office = [part for part, ending in zip(files, endings, strict=True) if ending in OFFICE]
    if not office:
        return None
    return float(any(part.true_type in {"application/x-ole-storage", "application/rtf"} for part in office))


@signal(version=1, missing=NO_FILE)
def attached_office(endings: tuple[str, ...]) -> float | None:
    """1 when a file is an Office document by name."""
    return _share(OFFICE | MACRO_FILES, endings)


@signal(version=1, missing=NO_FILE, attacks=("phishing",))
def attached_pdf(files: tuple[Part, ...], endings: tuple[str, ...]) -> float | None:
    """1 when a file is a PDF by name or content."""
    if not files:
        return None
    return float("pdf" in endings or any(part.true_type == "application/pdf" for part in files))


@signal(version=1, missing="no PDF is attached", attacks=("malware",), range=(0, 10), monotone=1)
def pdf_actions(files: tuple[Part, ...]) -> float | None:
    """Different active things that a PDF's first bytes name (JavaScript, Launch, ...), at most 10.

    Source: Stevens, "pdfid"; ISO 32000 section 12.6.
    """
    pdfs = [part.content[:SCANNED_BYTES] for part in files if part.true_type == "application/pdf"]
    if not pdfs:
        return None
    return float(min(max(len(set(PDF_ACTIONS.findall(content))) for content in pdfs), 10))


@signal(version=1, missing="no PDF is attached", attacks=("phishing",))
def pdf_links(files: tuple[Part, ...]) -> float | None:
    """1 when a PDF's first bytes show a link, uncompressed."""
    pdfs = [part.content[:SCANNED_BYTES] for part in files if part.true_type == "application/pdf"]
    return float(any(PDF_LINK.search(content) for content in pdfs)) if pdfs else None


@signal(version=1, missing=NO_FILE, attacks=("phishing", "malware"), monotone=1)
def attached_html(files: tuple[Part, ...], endings: tuple[str, ...]) -> float | None:
    """1 when a file is a web page or an SVG."""
    if not files:
        return None
    kinds = {"text/html", "application/xhtml+xml", "image/svg+xml"}
    return float(not HTML_FILES.isdisjoint(endings) or any(part.true_type in kinds for part in files))


@signal(version=1, missing="no web page or SVG is attached", attacks=("phishing", "malware"), range=(0, 10), monotone=1)
def html_smuggling(files: tuple[Part, ...], endings: tuple[str, ...]) -> float | None:
    """Different ways of building a page or file by script in an attached page, at most 10."""
    kinds = {"text/html", "image/svg+xml"}
    pages = [p for p, end in zip(files, endings, strict=True) if p.true_type in kinds or end in HTML_FILES]
    if not pages:
        return None
    found = {hit for page in pages[:5] for hit in SMUGGLING.findall(page.content[:SCANNED_BYTES])}
    return float(min(len(found), 10))


@signal(version=1, missing="no web page is attached", attacks=("phishing",), monotone=1)
def attached_html_asks_password(files: tuple[Part, ...], endings: tuple[str, ...]) -> float | None:
    """1 when an attached page has a password field."""
    pages = [p for p, end in zip(files, endings, strict=True) if p.true_type == "text/html" or end in HTML_FILES]
    if not pages:
        return None
    return float(any(PASSWORD.search(page.content[:SCANNED_BYTES]) is not None for page in pages[:5]))


PASSWORD = re.compile(rb"type\s*=\s*[\"']?password", re.IGNORECASE)


@signal(version=1, missing=NO_FILE, attacks=("malware",), monotone=1)
def attachment_double_ending(files: tuple[Part, ...], endings: tuple[str, ...]) -> float | None:
    """1 when a name ends twice and the last ending runs (invoice.pdf.exe)."""
    if not files:
        return None
    risky = PROGRAMS | SCRIPTS | HTML_FILES | DISKS
    return float(
        any(
            end in risky and _ending(part.filename.rstrip(" .").rpartition(".")[0]) in SHOWN_ENDINGS
            for part, end in zip(files, endings, strict=True)
        )
    )


SHOWN_ENDINGS = OFFICE | {"pdf", "jpg", "jpeg", "png", "gif", "txt", "zip", "mp3", "wav", "csv"}


@signal(version=1, missing="no file with an ending whose content is certain", attacks=("malware",), monotone=1)
def attachment_type_lies(files: tuple[Part, ...], endings: tuple[str, ...]) -> float | None:
    """1 when a file's content is plainly another than its name says (a program called .pdf)."""
    judged = [
        (part.true_type, EXPECTED[end])
        for part, end in zip(files, endings, strict=True)
        if end in EXPECTED and part.size_bytes > 0
    ]
    if not judged:
        return None
    return float(any(true != expected and true in CERTAIN for true, expected in judged))


CERTAIN = frozenset(EXPECTED.values()) | {
    "application/x-dosexec", "application/x-executable", "text/html", "application/x-ole-storage", "application/rtf",
    "application/x-ms-shortcut", "application/x-iso9660-image", "application/gzip",
}  # fmt: skip


@signal(version=1, missing=NO_FILE, attacks=("malware",), monotone=1)
def attachment_name_disguised(files: tuple[Part, ...]) -> float | None:
    """1 when a name hides its ending: right-to-left override, or a long run of blanks."""
    if not files:
        return None
    return float(any(RIGHT_TO_LEFT in part.filename or "     " in part.filename for part in files))


@signal(version=1, missing=NO_FILE, attacks=("phishing", "malware"))
def attachment_name_lures(files: tuple[Part, ...]) -> float | None:
    """1 when a name carries a word of business (invoice, payment, scan, ...)."""
    if not files:
        return None
    return float(any(LURE_NAME.search(part.filename.lower()) is not None for part in files))


@signal(version=1, missing="no zip archive is attached", attacks=("malware",), monotone=1)
def archive_encrypted(files: tuple[Part, ...]) -> float | None:
    """1 when a zip's first entry is encrypted (APPNOTE 4.4.4, general purpose bit 0)."""
    zips = [p.content[:8] for p in files if p.content[:4] == b"PK\x03\x04"]
    return float(any(head[6:7] and head[6] & 1 for head in zips)) if zips else None


@signal(version=1, missing="no zip archive is attached", attacks=("malware",), monotone=1)
def archive_first_name_runs(files: tuple[Part, ...]) -> float | None:
    """1 when a zip's first entry is a program, script or disk image by name (APPNOTE 4.3.7)."""
    heads = [p.content[:512] for p in files if p.content[:4] == b"PK\x03\x04"]
    if not heads:
        return None
    risky = PROGRAMS | SCRIPTS | DISKS
    return float(any(_ending(_first_name(head)) in risky for head in heads))


def _first_name(head: bytes) -> str:
    """Name of a zip's first entry: its length stands at byte 26, the name from byte 30."""
    return head[30 : 30 + int.from_bytes(head[26:28], "little")].decode("latin-1")


@signal(version=1, missing=NO_FILE, attacks=("phishing",))
def attached_calendar(files: tuple[Part, ...], endings: tuple[str, ...]) -> float | None:
    """1 when a calendar invitation is attached (RFC 5545)."""
    if not files:
        return None
    return float("ics" in endings or any(part.true_type == "text/calendar" for part in files))


@signal(version=1)
def carries_message(message: Message) -> float:
    """1 when another message is inside (message/rfc822)."""
    return float(bool(message.nested))


@signal(version=1, missing=NO_FILE)
def attached_image_share(files: tuple[Part, ...]) -> float | None:
    """Share of files that are images; 0 to 1."""
    return sum(part.true_type.startswith("image/") for part in files) / len(files) if files else None


@signal(version=1, missing=NO_FILE, attacks=("malware", "phishing"), monotone=1)
def file_is_the_message(files: tuple[Part, ...], word_count: int) -> float | None:
    """1 when a file that is no image comes with fewer than 15 words."""
    if not files:
        return None
    rest = any(not part.true_type.startswith(("image/", "text/plain", "application/pgp")) for part in files)
    return float(rest and word_count < 15)  # noqa: PLR2004 - as documented


@signal(version=1, missing=NO_FILE, attacks=("invoice_fraud", "malware"))
def bill_with_file(files: tuple[Part, ...], phrases: Phrases) -> float | None:
    """Phrases of invoices and payment beside an attached file, at most 20, as a share of 20."""
    return min(phrases.invoice + phrases.payment_change, 20) / 20 if files else None
