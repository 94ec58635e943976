"""Contents of attachments: (signal, message, value, other message, its value)."""

# ruff: noqa: ANN002, ANN003, E501 - a row of the table is one line, and its parts are free

from __future__ import annotations

from math import log1p

from scorelane.mail import Extraction, Opened, with_opened
from scorelane.mail.opened import Archive, Calendar, Image, Lnk, Mail, Markup, Office, OneNote, Pdf

OOXML = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
KINDS = {
    Archive: ("archive", "application/zip"), Office: ("office", OOXML), Pdf: ("pdf", "application/pdf"),
    Lnk: ("lnk", "application/x-ms-shortcut"), OneNote: ("onenote", "application/onenote"),
    Markup: ("markup", "text/html"), Image: ("image", "image/png"), Calendar: ("calendar", "text/calendar"),
    Mail: ("mail", "message/rfc822"),
}  # fmt: skip


def held(value, *children, **more):
    """The extraction of one kind's findings."""
    field, kind = KINDS[type(value)]
    return Extraction("ok", more.pop("true_type", kind), children=children, **{field: value}, **more)


def file(*found, name="file", **more):
    """A message whose attachments were opened; findings stand for their extraction."""
    opened = [
        Opened(str(at), name, one if isinstance(one, Extraction) else held(one)) for at, one in enumerate(found, 2)
    ]
    return {"edit": lambda message: with_opened(message, opened), **more}


def stopped(kind, status="timeout"):
    return file(Extraction(status, kind))


UNSEEN = {}
EMPTY = file()
ZIP = file(Archive("zip", 2))
DOC = file(Office())
PLAIN_PDF = file(Pdf(page_count=1))
PAGE = file(Markup("html"))
LINK = "https://login.evil.test/a"
EXE = Extraction("unsupported", "application/vnd.microsoft.portable-executable", name="a.exe")
LOCKED = Archive("zip", 1, encrypted=True)
TELLS = {"text": "The password is 1234, see you."}
BUTTON = held(Pdf(page_count=1), urls=(LINK,), text="View document")
CODE = held(Image(200, 200, qr=(LINK,)), urls=(LINK,))


def text(words):
    return file(held(Pdf(page_count=1), text=words))


ROWS = [
    ("archive_holds_program", file(Archive("zip", 1, executable_members=("a.exe",))), 1, ZIP, 0),
    ("archive_holds_program", stopped("application/zip"), None, ZIP, 0),
    ("archive_holds_lure", file(held(Archive("zip", 1), held(Markup("html")))), 1, ZIP, 0),
    ("archive_needs_password", file(LOCKED), 1, ZIP, 0),
    ("archive_password_in_mail", file(LOCKED, **TELLS), 1, file(Archive("zip", 1), **TELLS), 0),
    ("archive_depth", file(Archive("zip", 1, nested_depth=3)), 3, ZIP, 0),
    ("archive_ratio_log", file(Archive("zip", 1, max_ratio=1000.0)), log1p(1000), ZIP, 0),
    ("archive_name_tricks", file(Archive("zip", 1, tricks=("double_extension", "rtl_override"))), 2, ZIP, 0),
    ("archive_of_one_file", file(Archive("zip", 1)), 1, ZIP, 0),
    ("attachment_stops_reader", stopped("application/pdf", "crashed"), 1, EMPTY, 0),
    ("attachment_over_limit", file(Extraction("limit", "application/zip", archive=Archive("zip"), detail="ratio")), 1, ZIP, 0),
    ("attachment_hides_container", file(held(Archive("zip", 1), held(OneNote()))), 1, file(OneNote()), 0),
    ("opened_type_lies", file(EXE, Archive("zip", 1), name="bill.pdf"), 1, file(Pdf(page_count=1), name="bill.pdf"), 0),
    ("file_link_domains", file(BUTTON), 1, EMPTY, 0),
    ("file_links_leave_sender", file(BUTTON), 1, file(held(Pdf(), urls=("https://www.example.com/",))), 0),
    ("file_link_only", file(BUTTON), 1, file(BUTTON, text="See https://a.test/"), 0),
    ("file_text_log", text("a bc"), log1p(4), EMPTY, 0),
    ("file_credential_language", text("Please verify your account now"), 1, text("Hello"), 0),
    ("file_payment_language", text("the overdue balance"), 1, text("Hello"), 0),
    ("file_callback_language", text("call us immediately"), 2, text("Hello"), 0),
    ("file_document_lure", text("Please see the attached secure document"), 1, text("Hello"), 0),
    ("office_has_macros", file(Office(has_macros=True)), 1, DOC, 0),
    ("office_macro_runs_itself", file(Office(has_macros=True, auto_exec=("AutoOpen",))), 1, DOC, 0),
    ("office_macro_words", file(Office(suspicious_keywords=("Shell", "Kill"))), 2, DOC, 0),
    ("office_loads_remote", file(Office(remote_template=(LINK,))), 1, DOC, 0),
    ("office_dde", file(Office(dde=("DDEAUTO",))), 1, DOC, 0),
    ("office_embeds_program", file(held(Office(embedded_objects=("oleObject1.bin",)), EXE)), 1, file(Office(embedded_objects=("chart.xlsx",))), 0),
    ("office_encrypted", file(Office(encrypted=True)), 1, DOC, 0),
    ("locked_file_password_in_mail", file(Office(encrypted=True), **TELLS), 1, file(LOCKED), 0),
    ("onenote_holds_program", file(OneNote(embedded_names=("Open.hta",))), 1, file(OneNote(embedded_files=("image/png",))), 0),
    ("shortcut_starts_interpreter", file(Lnk("..\\powershell.exe", "-enc x")), 1, file(Lnk("C:\\notes.txt")), 0),
    ("shortcut_arguments_log", file(Lnk("a", "x" * 99)), log1p(99), file(Lnk("a")), 0),
    ("shortcut_to_share", file(Lnk("file://203.0.113.7/a.exe")), 1, file(Lnk("https://a.test/")), 0),
    ("pdf_has_script", file(Pdf(javascript=2)), 1, PLAIN_PDF, 0),
    ("pdf_launches", file(Pdf(launch=1)), 1, PLAIN_PDF, 0),
    ("pdf_acts_on_opening", file(Pdf(open_action=True)), 1, PLAIN_PDF, 0),
    ("pdf_submits_form", file(Pdf(submit=1)), 1, PLAIN_PDF, 0),
    ("pdf_embedded_files", file(Pdf(embedded_files=("a.lnk",))), 1, PLAIN_PDF, 0),
    ("pdf_encrypted", file(Pdf(encrypted=True)), 1, PLAIN_PDF, 0),
    ("pdf_is_picture", file(Pdf(image_only=True)), 1, PLAIN_PDF, 0),
    ("pdf_link_only", file(BUTTON), 1, file(held(Pdf(page_count=9), urls=(LINK,), text="x " * 400)), 0),
    ("page_smuggles", file(Markup("html", smuggling_score=0.75)), 0.75, PAGE, 0),
    ("page_holds_file", file(Markup("html", payload_types=("application/zip",))), 1, file(Markup("html", payload_types=("image/png",))), 0),
    ("page_asks_password", file(held(Archive("zip", 1), held(Markup("html", password_inputs=1)))), 1, PAGE, 0),
    ("page_redirects", file(Markup("html", meta_refresh=LINK)), 1, PAGE, 0),
    ("page_scripts", file(Markup("html", scripts=2, event_handlers=1)), 3, PAGE, 0),
    ("svg_has_script", file(held(Markup("svg", scripts=1), true_type="image/svg+xml")), 1, file(held(Markup("svg"), true_type="image/svg+xml")), 0),
    ("codes_seen", file(CODE), 1, EMPTY, 0),
    ("code_link_only", file(CODE), 1, file(CODE, text="Or click https://a.test/"), 0),
    ("invitation_by_stranger", file(Calendar(organizer="x@evil.test")), 1, file(Calendar(organizer="ann.lee@example.com")), 0),
    ("invitation_links", file(Calendar(urls=(LINK,))), 1, file(Calendar()), 0),
    ("invitation_asks", file(Calendar(method="REQUEST")), 1, file(Calendar(method="CANCEL")), 0),
    ("attached_mail_has_file", file(Mail("eml", attachment_names=("a.zip",))), 1, file(Mail("eml")), 0),
    ("attached_mail_is_outlook", file(Mail("msg")), 1, file(Mail("eml")), 0),
]  # fmt: skip

ROWS += [(name, speaks, gives, UNSEEN, None) for name, speaks, gives, *_ in ROWS if gives is not None]
