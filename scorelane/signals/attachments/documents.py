"""What opened documents do: Office macros and templates, OneNote, shortcuts, PDF actions."""

from __future__ import annotations

import re
from math import log1p
from typing import TYPE_CHECKING

from scorelane.signals.attachments.contents import Reading, of_kind
from scorelane.signals.declaration import Missing, derived, signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scorelane.mail.opened import Archive, Extraction, Lnk, Office, OneNote, Pdf
    from scorelane.signals.phrases import Phrases

NO_OFFICE = "no Office document was opened (timeout or failed: its reader was stopped)"
NO_PDF = "no PDF was opened (timeout or failed: its reader was stopped)"
NO_SHORTCUT = "no shortcut was opened (timeout or failed: its reader was stopped)"
NO_ONENOTE = "no OneNote section was opened (timeout or failed: its reader was stopped)"
OOXML = "application/vnd.openxmlformats-officedocument."
OFFICE_TYPES = frozenset(
    {
        "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint", "application/rtf",
        "application/x-ole-storage", "application/x-ole-encrypted", OOXML + "wordprocessingml.document",
        OOXML + "spreadsheetml.sheet", OOXML + "presentationml.presentation",
    }
)  # fmt: skip
PDF_TYPES = frozenset({"application/pdf"})
SHORTCUT_TYPES = frozenset({"application/x-ms-shortcut", "application/x-mswinurl"})
ONENOTE_TYPES = frozenset({"application/onenote"})
RUN_TYPES = frozenset(
    {
        "application/vnd.microsoft.portable-executable", "application/x-elf", "application/x-ms-shortcut",
        "application/java-vm", "application/java-archive", "application/vnd.ms-htmlhelp", "text/html",
    }
)  # fmt: skip
RUN_NAME = re.compile(
    r"\.(?:exe|scr|com|pif|cpl|msi|bat|cmd|ps1|vbs|vbe|js|jse|wsf|wsh|hta|lnk|jar|dll|chm|url|xll|html?)$"
)
INTERPRETER = re.compile(
    r"powershell|pwsh|cmd(?:\.exe)?\b|mshta|wscript|cscript|rundll32|regsvr32|certutil|bitsadmin|msiexec|curl|wmic|"
    r"forfiles|conhost|explorer\.exe\s+\\\\|ssh\.exe|python"
)
"""Programs of the system that a malicious shortcut starts (ATT&CK T1204.002, T1218)."""
SHARE = re.compile(r"^(?:file:|\\\\)")
MOST_WORDS = 20
LINK_ONLY_CHARS, LINK_ONLY_PAGES = 400, 2
MOST_LOG = 10.0


@derived
def office_files(found: tuple[Extraction, ...] | None) -> Sequence[Office] | Missing | None:
    """Office documents that were opened, those in archives too."""
    return of_kind(found, [one.office for one in found or ()], OFFICE_TYPES)


@derived
def pdf_files(found: tuple[Extraction, ...] | None) -> Sequence[Pdf] | Missing | None:
    """PDFs that were opened, those in archives too."""
    return of_kind(found, [one.pdf for one in found or ()], PDF_TYPES)


@derived
def shortcuts(found: tuple[Extraction, ...] | None) -> Sequence[Lnk] | Missing | None:
    """Windows and Internet shortcuts that were opened, those in archives too."""
    return of_kind(found, [one.lnk for one in found or ()], SHORTCUT_TYPES)


@derived
def onenote_files(found: tuple[Extraction, ...] | None) -> Sequence[OneNote] | Missing | None:
    """OneNote sections that were opened."""
    return of_kind(found, [one.onenote for one in found or ()], ONENOTE_TYPES)


@signal(version=1, missing=NO_OFFICE, attacks=("malware",), monotone=1)
def office_has_macros(office_files: Sequence[Office] | Missing | None) -> Reading:
    """1 when a document carries VBA or Excel 4.0 macros ([MS-OVBA]; ATT&CK T1137, T1204.002)."""
    if office_files is None or isinstance(office_files, Missing):
        return office_files
    return float(any(one.has_macros for one in office_files))


@signal(version=1, missing=NO_OFFICE, attacks=("malware",), monotone=1)
def office_macro_runs_itself(office_files: Sequence[Office] | Missing | None) -> Reading:
    """1 when a macro starts without a click on it: AutoOpen, Document_Open, Workbook_Open, a macro sheet."""
    if office_files is None or isinstance(office_files, Missing):
        return office_files
    return float(any(one.auto_exec or one.macro_sheet for one in office_files))


@signal(version=1, missing=NO_OFFICE, attacks=("malware",), range=(0, MOST_WORDS), monotone=1)
def office_macro_words(office_files: Sequence[Office] | Missing | None) -> Reading:
    """Different words in macros that reach outside the document (Shell, CreateObject, ...), at most 20.

    Source: the keyword list of oletools' olevba.
    """
    if office_files is None or isinstance(office_files, Missing):
        return office_files
    return float(min(len({word for one in office_files for word in one.suspicious_keywords}), MOST_WORDS))


@signal(version=1, missing=NO_OFFICE, attacks=("malware",), monotone=1)
def office_loads_remote(office_files: Sequence[Office] | Missing | None) -> Reading:
    """1 when a document loads a template, frame or object from elsewhere as it opens (ATT&CK T1221)."""
    if office_files is None or isinstance(office_files, Missing):
        return office_files
    return float(any(one.remote_template for one in office_files))


@signal(version=1, missing=NO_OFFICE, attacks=("malware",), monotone=1)
def office_dde(office_files: Sequence[Office] | Missing | None) -> Reading:
    """1 when a document has a DDE field or formula, which starts programs (ATT&CK T1559.002)."""
    if office_files is None or isinstance(office_files, Missing):
        return office_files
    return float(any(one.dde for one in office_files))


@signal(version=1, missing=NO_OFFICE, attacks=("malware",), monotone=1)
def office_embeds_program(
    found: tuple[Extraction, ...] | None, office_files: Sequence[Office] | Missing | None
) -> Reading:
    """1 when a document embeds a file that runs on a double click, or an equation object (CVE-2017-11882)."""
    if found is None or office_files is None or isinstance(office_files, Missing):
        return office_files if isinstance(office_files, Missing) else None
    names = [name.lower() for one in office_files for name in one.embedded_objects]
    inside = (inner.true_type for one in found if one.office is not None for inner in one.children)
    return float(
        any(RUN_NAME.search(name) or name.startswith("equation") for name in names)
        or any(kind in RUN_TYPES for kind in inside)
    )


@signal(version=1, missing=NO_OFFICE, attacks=("malware",))
def office_encrypted(office_files: Sequence[Office] | Missing | None) -> Reading:
    """1 when a document needs a password to open."""
    if office_files is None or isinstance(office_files, Missing):
        return office_files
    return float(any(one.encrypted for one in office_files))


@signal(version=1, missing="no locked file was opened", attacks=("malware",), monotone=1)
def locked_file_password_in_mail(
    archives: Sequence[Archive] | Missing | None,
    office_files: Sequence[Office] | Missing | None,
    pdf_files: Sequence[Pdf] | Missing | None,
    phrases: Phrases,
) -> float | None:
    """1 when an archive, Office document or PDF is encrypted and the mail gives a password, 0 when it gives none."""
    locked = any(
        one.encrypted
        for files in (archives, office_files, pdf_files)
        if files is not None and not isinstance(files, Missing)
        for one in files
    )
    return float(phrases.archive_password > 0) if locked else None


@signal(version=1, missing=NO_ONENOTE, attacks=("malware",), monotone=1)
def onenote_holds_program(
    found: tuple[Extraction, ...] | None, onenote_files: Sequence[OneNote] | Missing | None
) -> Reading:
    """1 when a OneNote section holds a file that runs on a double click, by name or content (ATT&CK T1204.002)."""
    if found is None or onenote_files is None or isinstance(onenote_files, Missing):
        return onenote_files if isinstance(onenote_files, Missing) else None
    names = (name.lower() for one in onenote_files for name in one.embedded_names)
    types = (kind for one in onenote_files for kind in one.embedded_files)
    return float(any(RUN_NAME.search(name) for name in names) or any(kind in RUN_TYPES for kind in types))


@signal(version=1, missing=NO_SHORTCUT, attacks=("malware",), monotone=1)
def shortcut_starts_interpreter(shortcuts: Sequence[Lnk] | Missing | None) -> Reading:
    """1 when a shortcut starts a shell, a script host or another loader of the system."""
    if shortcuts is None or isinstance(shortcuts, Missing):
        return shortcuts
    return float(any(INTERPRETER.search(f"{one.target} {one.args}"[:2000].lower()) for one in shortcuts))


@signal(version=1, missing=NO_SHORTCUT, attacks=("malware",), range=(0, MOST_LOG), monotone=1)
def shortcut_arguments_log(shortcuts: Sequence[Lnk] | Missing | None) -> Reading:
    """log1p of the longest arguments of a shortcut: honest ones have few."""
    if shortcuts is None or isinstance(shortcuts, Missing):
        return shortcuts
    return min(log1p(max(len(one.args) for one in shortcuts)), MOST_LOG)


@signal(version=1, missing=NO_SHORTCUT, attacks=("malware",), monotone=1)
def shortcut_to_share(shortcuts: Sequence[Lnk] | Missing | None) -> Reading:
    """1 when a shortcut, or its icon, lies on a network share: opening it sends a password hash (ATT&CK T1187)."""
    if shortcuts is None or isinstance(shortcuts, Missing):
        return shortcuts
    return float(any(SHARE.match(place.lower()) for one in shortcuts for place in (one.target, one.icon)))


@signal(version=1, missing=NO_PDF, attacks=("malware",), monotone=1)
def pdf_has_script(pdf_files: Sequence[Pdf] | Missing | None) -> Reading:
    """1 when a PDF has JavaScript, object streams included (ISO 32000 section 12.6.4.17)."""
    if pdf_files is None or isinstance(pdf_files, Missing):
        return pdf_files
    return float(any(one.javascript for one in pdf_files))


@signal(version=1, missing=NO_PDF, attacks=("malware",), monotone=1)
def pdf_launches(pdf_files: Sequence[Pdf] | Missing | None) -> Reading:
    """1 when a PDF has an action that starts a program (ISO 32000 section 12.6.4.6)."""
    if pdf_files is None or isinstance(pdf_files, Missing):
        return pdf_files
    return float(any(one.launch for one in pdf_files))


@signal(version=1, missing=NO_PDF, attacks=("malware",))
def pdf_acts_on_opening(pdf_files: Sequence[Pdf] | Missing | None) -> Reading:
    """1 when a PDF does something as it opens (OpenAction, AA); many honest ones only set the view."""
    if pdf_files is None or isinstance(pdf_files, Missing):
        return pdf_files
    return float(any(one.open_action for one in pdf_files))


@signal(version=1, missing=NO_PDF, attacks=("phishing",), monotone=1)
def pdf_submits_form(pdf_files: Sequence[Pdf] | Missing | None) -> Reading:
    """1 when a PDF sends what is typed into it."""
    if pdf_files is None or isinstance(pdf_files, Missing):
        return pdf_files
    return float(any(one.submit for one in pdf_files))


@signal(version=1, missing=NO_PDF, attacks=("malware",), range=(0, 10), monotone=1)
def pdf_embedded_files(pdf_files: Sequence[Pdf] | Missing | None) -> Reading:
    """Files inside a PDF, at most 10."""
    if pdf_files is None or isinstance(pdf_files, Missing):
        return pdf_files
    return float(min(max(len(one.embedded_files) for one in pdf_files), 10))


@signal(version=1, missing=NO_PDF, attacks=("phishing",))
def pdf_encrypted(pdf_files: Sequence[Pdf] | Missing | None) -> Reading:
    """1 when a PDF is encrypted."""
    if pdf_files is None or isinstance(pdf_files, Missing):
        return pdf_files
    return float(any(one.encrypted for one in pdf_files))


@signal(version=1, missing=NO_PDF, attacks=("phishing",))
def pdf_is_picture(pdf_files: Sequence[Pdf] | Missing | None) -> Reading:
    """1 when the pages of a PDF show pictures and no text."""
    if pdf_files is None or isinstance(pdf_files, Missing):
        return pdf_files
    return float(any(one.image_only for one in pdf_files))


@signal(version=1, missing=NO_PDF, attacks=("phishing",), monotone=1)
def pdf_link_only(found: tuple[Extraction, ...] | None, pdf_files: Sequence[Pdf] | Missing | None) -> Reading:
    """1 when a PDF of at most two pages has a link and fewer than 400 characters: a button in a file."""
    if found is None or pdf_files is None or isinstance(pdf_files, Missing):
        return pdf_files if isinstance(pdf_files, Missing) else None
    return float(
        any(
            bool(one.urls) and one.pdf.page_count <= LINK_ONLY_PAGES and len(one.text) < LINK_ONLY_CHARS
            for one in found
            if one.pdf is not None
        )
    )
