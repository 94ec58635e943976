from __future__ import annotations

import pytest

from scorelane.mail import parse
from scorelane.mail.quoting import newest

MARKED = "> old one\n> old two"


@pytest.mark.parametrize(
    ("text", "fresh"),
    [
        (f"Yes.\n\nOn Mon, 5 Jan 2026, Ann wrote:\n{MARKED}", "Yes."),
        (f"Oui.\n\nLe lun. 5 janv. 2026 à 10:00, Ann a écrit :\n{MARKED}", "Oui."),
        (f"Ja.\n\nAm 5.1.2026 um 10:00 schrieb Ann Lee:\n{MARKED}", "Ja."),
        (f"Sí.\n\nEl lun, 5 ene 2026 a las 10:00, Ann escribió:\n{MARKED}", "Sí."),
        (f"{MARKED}\nMy answer below.", "My answer below."),
        ("Yes.\n-----Original Message-----\nFrom: Ann\nold", "Yes."),
        ("Yes.\n________________________________\nFrom: Ann\nSent: Monday\nold", "Yes."),
        ("Yes.\n\nBegin forwarded message:\n\nold", "Yes."),
        ("Yes.\n-- \nAnn Lee\nHead of Sales", "Yes."),
        (
            "Yes.\n_______________________________________________\nlist mailing list\nhttp://l.test/mailman/listinfo",
            "Yes.",
        ),
        ("Yes.\n\nYou received this message because you are subscribed to the Google Groups", "Yes."),
    ],
)
def test_the_newest_text_is_apart_from_what_it_answers(text, fresh):
    assert newest(text)[0] == fresh


@pytest.mark.parametrize(
    "text",
    [
        "Dear all:\nplease read this.",
        "He wrote:\nnothing of note.",
        "-- \n" + "a long letter after a rule\n" * 20,
        "Please pay\n____________\nthe bill.",
    ],
)
def test_a_text_that_only_looks_quoted_is_whole(text):
    assert newest(text) == (text.strip(), "")


def test_what_is_quoted_is_kept_apart():
    assert newest(f"Yes.\nOn Mon, Ann wrote:\n{MARKED}")[1] == f"On Mon, Ann wrote:\n{MARKED}"


def test_a_message_that_only_quotes_keeps_its_text():
    assert newest(MARKED) == (MARKED, "")
    assert newest("-----Original Message-----\nFrom: Ann\nread me")[0].endswith("read me")


@pytest.mark.parametrize(
    "quote",
    [
        "<blockquote type=cite>old</blockquote>",
        '<div class="gmail_quote">On Monday<blockquote>old</blockquote></div>',
        '<div id="appendonsend"></div><div id="divRplyFwdMsg">From: Ann old</div>',
        '<div class="yahoo_quoted">old</div>',
        '<div class="protonmail_quote">old</div>',
    ],
)
def test_quotes_of_html_mail_are_no_newest_text(quote, read_html):
    message = read_html(f"<p>Yes.</p>{quote}")
    assert message.text == "Yes."
    assert "old" in message.full_text or "old" not in quote


def test_hidden_text_is_neither_newest_nor_full(read_html):
    message = read_html('<p>Yes.</p><p style="display:none">salad</p>')
    assert message.text == message.full_text == "Yes."


def test_the_plain_body_is_kept_beside_the_html_that_is_shown(build_parts):

    parts = ((["Content-Type: text/plain"], b"plain words"), (["Content-Type: text/html"], b"<p>shown words</p>"))
    message = parse(build_parts(*parts, kind="alternative"))
    assert (message.text, message.plain_text) == ("shown words", "plain words")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Please find the report of this week and let us know if you have any questions for the board", "en"),
        ("Bitte bestätigen Sie die Zahlung, sonst werden wir das Konto nicht mehr für Sie halten", "de"),
        ("Veuillez confirmer votre adresse dans les 24 heures pour que nous puissions vous livrer", "fr"),
        ("Por favor confirme los datos de su cuenta para que no se cancele el servicio", "es"),
        ("Подтвердите свой пароль, иначе почтовый ящик будет закрыт", "ru"),
        ("アカウントを確認してください", "ja"),
        ("请确认您的账户信息", "zh"),
        ("계정을 확인하십시오", "ko"),
        ("يرجى تأكيد حسابك", "ar"),
        ("xk3 99 qqq", None),
        ("", None),
    ],
)
def test_the_language_of_the_newest_text(text, language, read):
    assert read(text).language == language
