"""Content: (signal, message, value, other message, its value)."""

# ruff: noqa: ANN003, E501 - a row of the table is one line, and its parts are free

from __future__ import annotations

from math import log1p

HONEST = {}
CREDENTIAL = "Please verify your account now."


def say(text, **more):
    return {"text": text, **more}


def page(html, **more):
    return {"html": html, "text": None, **more}


def subject(text):
    return {"subject": text}


PLAIN_PAGE = page("<p>Hello there, see you on Friday</p>")
SPEAKS = {
    "account_threat": "your account has been suspended",
    "advance_fee": "as next of kin",
    "archive_password": "Passwort lautet kohl",
    "bec_probe": "are you at your desk",
    "bulk_footer": "manage your preferences",
    "callback": "llame al departamento",
    "click_action": "klik hier",
    "credential": "confirmez votre identité",
    "delivery": "ihr paket wartet",
    "document_lure": "review and sign",
    "extortion": "I infected the machine",
    "gift_card": "three Steam cards",
    "goods": "replica",
    "greeting": "Dear customer,",
    "investment": "hot stock",
    "invoice": "offene Posten und Mahnung",
    "job_scam": "mystery shopper",
    "mailbox_notice": "邮箱已满",
    "outreach": "top of Google",
    "payment_change": "nuovo conto, bonifico",
    "payroll": "my next paycheck",
    "pharma": "no prescription",
    "pivot": "WhatsApp",
    "prize": "jackpot",
    "refund": "tax refund",
    "removal_claim": "remove me",
    "romance": "my darling",
    "secrecy": "keep this between the two of you",
    "sign_off": "fraud department",
    "urgency": "innerhalb von 24 Stunden",
}
NAMES = {
    "archive_password": "archive_password_language", "click_action": "call_to_action_language",
    "greeting": "generic_greeting", "sign_off": "department_sign_off",
}  # fmt: skip

ROWS = [
    (NAMES.get(family, f"{family}_language"), say(f"Well, {text} as ever"), 1, HONEST, 0)
    for family, text in SPEAKS.items()
] + [
    ("subject_phishing_language", subject("Verify your account: account suspension"), 2, say(CREDENTIAL), 0),
    ("subject_urgency", subject("URGENT reply"), 1, say("urgent"), 0),
    ("subject_payment_language", subject("Wire transfer for the unpaid invoice"), 3, HONEST, 0),
    ("subject_offer_language", subject("Jackpot"), 1, HONEST, 0),
    ("phishing_pattern", say(f"{CREDENTIAL} Act immediately: https://evil.test/x"), 3, say("Act immediately: https://a.test/"), 0),
    ("bec_pattern", say("Are you at your desk? Urgent."), 3, say("Urgent."), 0),
    ("extortion_pattern", say("I infected your files. I recorded you by webcam. 48 hours. bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"), 3, say("my webcam"), 0),
    ("shows_coin_address", say("invest in bitcoin, 1BoatSLRHtKNngkdXEeobR76b53LETtpyT"), 1, say("invest in bitcoin"), 0),
    ("phone_count", say("Call us at +1 (808) 555-0199 or 1-888-555-0142."), 2, say("Call us at noon. Order 123456789012."), 0),
    ("callback_pattern", say("Your Norton invoice: please call +1 808 555 0199"), 3, say("Your invoice: +1 808 555 0199"), 0),
    ("text_names_brand", say("Your PayPal balance"), 1, HONEST, 0),
    ("text_brand_is_not_author", say("Your PayPal invoice"), 1, say("Your PayPal invoice", from_="a@paypal.com"), 0),
    ("money_amounts", say("$5,000 or, by bank transfer, 3,000,000 dollars"), 2, HONEST, 0),
    ("advance_fee_pattern", say("The deceased, a widow in Ghana, left $9,500,000. Write to heir@gmail.com"), 3, say("a widow"), 0),
    ("text_free_mail_address", say("Write to me at heir@gmail.com"), 1, say("Write to me at heir@example.com"), 0),
    ("text_address_of_author_domain", say("Write to desk@example.com"), 1, say("Write to heir@gmail.com"), 0),
    ("archive_with_password_in_text", say("The password is 1234", files=[("a.zip", "application/zip", b"PK\x03\x04" + bytes(40))]), 1, say("The password is 1234"), 0),
    ("text_greets_recipient", say("Hello Bob, lunch?"), 1, say("Hello you, lunch?"), 0),
    ("text_greets_address", say("Dear bob, your box is full"), 1, say("Hello, lunch?"), 0),
    ("size_log", {"raw": b"From: a@b.test\r\n\r\nx\r\n"}, log1p(21), {"raw": b"\r\n"}, log1p(2)),
    ("text_words", say("one two three"), 3, say(""), 0),
    ("text_empty", say("hi"), 1, HONEST, 0),
    ("quoted_text_log", say("Yes.\r\n\r\n> Lunch?\r\n"), log1p(8), HONEST, 0),
    ("text_upper_share", say("ABcd"), 0.5, say("12"), None),
    ("text_digit_share", say("ab12"), 0.5, HONEST, 0),
    ("text_foreign_share", say("Приветик"), 1, HONEST, 0),
    ("text_exclamations", say("Now!!!"), 3, HONEST, 0),
    ("text_money_signs", say("$ and €"), 2, HONEST, 0),
    ("subject_length", subject("Four"), 4, subject(""), 0),
    ("subject_upper_share", subject("ABcd"), 0.5, subject("12"), None),
    ("subject_exclamations", subject("Now!!"), 2, HONEST, 0),
    ("subject_foreign_share", subject("=?utf-8?B?0J/RgNC40LLQtdGC?="), 1, HONEST, 0),
    ("subject_names_recipient", subject("bob@example.org: notice"), 1, HONEST, 0),
    ("subject_trailing_code", subject("Your order [k93jd02]"), 1, HONEST, 0),
    ("text_mixed_script_words", say("P\u0430yment"), 1, say("\u041f\u0440\u0438\u0432\u0435\u0442 Bob"), 0),
    ("html_only", PLAIN_PAGE, 1, HONEST, 0),
    ("has_html", PLAIN_PAGE, 1, HONEST, 0),
    ("plain_and_html_agree", {"text": "one two three four five", "html": "<p>one two three four five</p>"}, 1, {"text": "one two three four five", "html": "<p>buy</p>"}, 0),
    ("hidden_text_share", page('<p>abcd</p><p style="display:none">efgh</p>'), 0.5, PLAIN_PAGE, 0),
    ("hidden_text_kinds", page('<p>Hello</p><p style="display:none">x</p><p style="font-size:0">y</p>'), 2, PLAIN_PAGE, 0),
    ("hidden_by_colour_or_size", page('<p>Hello</p><p style="font-size:0">salad</p>'), 1, PLAIN_PAGE, 0),
    ("zero_width_characters", page("<p>Pay\u200bPal ac\u200bcount</p>"), 1, PLAIN_PAGE, 0),
    ("image_only", page('<img src="https://a.test/a.png">'), 1, PLAIN_PAGE, 0),
    ("image_count", page('<p>Hi</p><img src="https://a.test/a.png"><img src="cid:x">'), 2, PLAIN_PAGE, 0),
    ("remote_image_share", page('<p>Hi</p><img src="https://a.test/a.png"><img src="cid:x">'), 0.5, PLAIN_PAGE, None),
    ("tracking_pixels", page('<p>Hi</p><img width="1" height="1" src="https://a.test/a.gif">'), 1, PLAIN_PAGE, 0),
    ("html_form", page('<form action="https://a.test/"><input name="a"></form>'), 1, PLAIN_PAGE, 0),
    ("html_password_field", page('<form action="https://a.test/"><input type="password"></form>'), 1, PLAIN_PAGE, 0),
    ("html_script", page("<p>Hi</p><script>run()</script>"), 1, PLAIN_PAGE, 0),
    ("html_iframe", page('<p>Hi</p><iframe src="https://a.test/"></iframe>'), 1, PLAIN_PAGE, 0),
    ("html_base_or_refresh", page('<head><base href="https://a.test/"></head><p>Hi</p>'), 1, PLAIN_PAGE, 0),
    ("html_data_urls", page('<p>Hi</p><a href="data:text/html;base64,PGI+">open</a>'), 1, PLAIN_PAGE, 0),
    ("html_size_log", page("<p>Hello you</p>"), log1p(18), HONEST, None),
    ("html_text_share", page("<p>abc</p>"), 0.25, HONEST, None),
    ("html_comment_share", page("<p>Hello</p><!-- a salad of words that nobody reads at all -->"), 43 / 64, PLAIN_PAGE, 0),
    ("html_style_share", page("<style>p{color:red}</style><p>Hello</p>"), 12 / 41, PLAIN_PAGE, 0),
    ("html_tables", page("<table><tr><td>Hello</td></tr></table>"), 1, PLAIN_PAGE, 0),
    ("words_per_link", say("see https://a.test/"), 2, HONEST, None),
    ("language_is_english", HONEST, 1, say("hi"), None),
]  # fmt: skip
