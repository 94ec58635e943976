"""The whole way of each kind: a message carries the file, a child process opens it, a signal says so."""

from __future__ import annotations

import runpy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import pytest

from scorelane.extract import open_chunk
from scorelane.mail import parse
from scorelane.signals import compute, signal_set

HARMLESS = "Minutes of the meeting, as agreed: lunch on Friday, the budget on Monday. "


def _files(samples):
    """(kind, signal, its value, file name, content, words of the mail)."""
    inner = samples.zipped({"page.html": samples.login_html(), "invoice.pdf.exe": samples.PE})
    smuggled = samples.smuggling_html(samples.zipped({"a.exe": bytes(range(256)) * 8}))
    template = samples.relation("attachedTemplate", "https://evil.example/t.dotm")
    code = samples.picture(samples.code(samples.LURE))
    secret = "The archive password is 4711."
    return [
        ("true type", "opened_type_lies", 1, "bill.pdf", inner, ""),
        ("true type", "opened_type_lies", 0, "bill.zip", samples.zipped({"a.txt": b"hello"}), ""),
        ("zip", "archive_holds_program", 1, "a.zip", inner, ""),
        ("zip", "archive_holds_lure", 1, "a.zip", inner, ""),
        ("zip", "archive_name_tricks", 1, "a.zip", inner, ""),
        ("rar", "archive_holds_program", 1, "a.rar", samples.rar("a.exe", samples.PE), ""),
        ("packed rar", "archive_holds_program", 1, "a.rar", samples.rar_packed("a", samples.PE), ""),
        ("cab", "archive_holds_program", 1, "a.cab", samples.cab({"a": samples.PE}), ""),
        ("7z", "archive_holds_program", 1, "a.7z", samples.seven_bcj("a", samples.PE), ""),
        ("tar", "archive_holds_program", 1, "a.tar", samples.tarred({"a.js": b"x"}), ""),
        ("gz", "archive_holds_program", 1, "a.tgz", samples.gzipped(samples.tarred({"a.js": b"x"})), ""),
        ("iso", "archive_holds_program", 1, "a.iso", samples.iso("a.lnk", b"x"), ""),
        ("nested", "archive_depth", 2, "a.zip", samples.zipped({"b.zip": samples.zipped({"c.zip": inner})}), ""),
        ("hidden iso", "attachment_hides_container", 1, "a.zip", samples.zipped({"b": samples.iso("a", b"x")}), ""),
        ("encrypted", "archive_needs_password", 1, "a.zip", samples.encrypted_zip(), ""),
        ("hidden names", "archive_needs_password", 1, "a.7z", samples.seven_hidden_names(), ""),
        ("password", "archive_password_in_mail", 1, "a.zip", samples.encrypted_zip(), secret),
        ("password", "archive_password_in_mail", 0, "a.zip", samples.encrypted_zip(), ""),
        ("password", "locked_file_password_in_mail", 1, "a.doc", samples.ole({"EncryptedPackage": b"x"}), secret),
        ("ratio", "attachment_over_limit", 1, "a.zip", samples.zip_bomb(), ""),
        ("count", "attachment_over_limit", 1, "a.zip", samples.zipped({str(n): b"x" for n in range(300)}), ""),
        ("broken", "attachment_stops_reader", 1, "a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ""),
        ("macros", "office_has_macros", 1, "a.docm", samples.docm(), ""),
        ("auto-exec", "office_macro_runs_itself", 1, "a.doc", samples.doc(), ""),
        ("macro words", "office_macro_words", 5, "a.docm", samples.docm(), ""),
        ("template", "office_loads_remote", 1, "a.docx", samples.docx(template), ""),
        ("template", "office_loads_remote", 0, "a.docx", samples.docx(), ""),
        ("rtf template", "office_loads_remote", 1, "a.doc", samples.rtf(), ""),
        ("dde", "office_dde", 1, "a.doc", samples.doc(), ""),
        ("embedded", "office_embeds_program", 1, "a.doc", samples.doc(), ""),
        ("macro sheet", "office_macro_runs_itself", 1, "a.xls", samples.xls_macro_sheet(), ""),
        ("onenote", "onenote_holds_program", 1, "a.one", samples.onenote(samples.login_html()), ""),
        ("lnk", "shortcut_starts_interpreter", 1, "a.lnk", samples.lnk("..\\powershell.exe", "-enc x"), ""),
        ("url", "shortcut_to_share", 1, "a.url", b"[InternetShortcut]\r\nURL=file://1.2.3.4/a.exe\r\n", ""),
        ("html smuggling", "page_smuggles", 1, "a.html", smuggled, ""),
        ("html smuggling", "page_holds_file", 1, "a.html", smuggled, ""),
        ("html smuggling", "archive_holds_program", 1, "a.html", smuggled, ""),
        ("login page", "page_asks_password", 1, "a.htm", samples.login_html(), ""),
        ("login page", "page_smuggles", 0, "a.htm", samples.login_html(), ""),
        ("redirect", "page_redirects", 1, "a.htm", samples.login_html(), ""),
        ("svg", "svg_has_script", 1, "a.svg", samples.svg(), ""),
        ("pdf script", "pdf_has_script", 1, "a.pdf", samples.pdf_hidden_in_object_stream(), ""),
        ("pdf script", "pdf_has_script", 0, "a.pdf", samples.pdf(), ""),
        ("pdf launch", "pdf_launches", 1, "a.pdf", samples.pdf_actions(), ""),
        ("pdf action", "pdf_acts_on_opening", 1, "a.pdf", samples.pdf_actions(), ""),
        ("pdf link", "pdf_link_only", 1, "a.pdf", samples.pdf_actions(), ""),
        ("pdf link", "file_link_domains", 1, "a.pdf", samples.pdf_actions(), ""),
        ("pdf file", "pdf_embedded_files", 1, "a.pdf", samples.pdf_with_file("a.lnk", samples.lnk("cmd.exe", "")), ""),
        ("pdf text", "file_credential_language", 1, "a.pdf", samples.pdf(text="Please verify your account now"), ""),
        ("qr", "codes_seen", 1, "a.png", code, ""),
        ("qr", "code_link_only", 1, "a.png", code, ""),
        ("qr", "link_in_qr_code", 1, "a.png", code, ""),
        ("qr in pdf", "codes_seen", 1, "a.pdf", samples.pdf_with_code(samples.LURE), ""),
        ("qr in docx", "codes_seen", 1, "a.docx", samples.docx_with_picture(code), ""),
        ("calendar", "invitation_asks", 1, "invite.ics", samples.ics(), ""),
        ("calendar", "invitation_by_stranger", 1, "invite.ics", samples.ics(), ""),
        ("eml", "attached_mail_has_file", 1, "fwd.eml", samples.eml(), ""),
        ("eml", "shortcut_starts_interpreter", 1, "fwd.eml", samples.eml(), ""),
        ("msg", "attached_mail_is_outlook", 1, "fwd.msg", samples.msg(), ""),
        ("msg", "pdf_launches", 1, "fwd.msg", samples.msg(), ""),
    ]


def value_of(name, filename, content, words, extractor):
    message = EmailMessage()
    message["From"] = "Ann <ann@example.com>"
    message["To"] = "bob@example.org"
    message.set_content(HARMLESS + words)
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=filename)
    opened = open_chunk([parse(message.as_bytes())], extractor).messages[0]
    failures = []
    vector = compute(opened, set_=signal_set([name]), on_failure=lambda *failure: failures.append(failure))
    assert not failures
    return float(vector.values[0])


ROWS = _files(SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("samples.py")))))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_a_file_of_the_kind_reaches_its_signal(row, extractor):
    _, name, expected, *carried = row
    assert value_of(name, *carried, extractor) == pytest.approx(expected)
