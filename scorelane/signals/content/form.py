"""How the text and its HTML look: length, capitals, hidden text, images, forms and scripts."""

from __future__ import annotations

import re
from math import log1p
from typing import TYPE_CHECKING

from scorelane.signals.declaration import signal

if TYPE_CHECKING:
    from scorelane.mail.message import Link, Message
    from scorelane.signals.derived.texts import Shape

NO_HTML = "no HTML body"
NO_TEXT = "no text"
NO_SUBJECT = "no subject"
LOG_MOST = 20.0
"""Upper end of a log1p of sizes."""
MIXED_WORD = re.compile(r"[a-zA-Z][\u0370-\u058f]|[\u0370-\u058f][a-zA-Z]")


@signal(version=1, range=(0, LOG_MOST))
def size_log(message: Message) -> float:
    """log1p of the raw size in bytes."""
    return min(log1p(message.size_bytes), LOG_MOST)


@signal(version=1, range=(0, 5_000))
def text_words(word_count: int) -> float:
    """Words of the newest text, at most 5,000."""
    return float(min(word_count, 5_000))


@signal(version=1)
def text_empty(text_folded: str) -> float:
    """1 when the newest text has fewer than ten characters."""
    return float(len(text_folded) < 10)  # noqa: PLR2004 - as documented


@signal(version=1, range=(0, LOG_MOST))
def quoted_text_log(message: Message) -> float:
    """log1p of characters of quoted text: a talk that goes on."""
    return min(log1p(len(message.quoted_text)), LOG_MOST)


@signal(version=1, missing=NO_TEXT, attacks=("spam",))
def text_upper_share(text_shape: Shape) -> float | None:
    """Share of capitals among the text's Latin letters; 0 to 1."""
    letters = text_shape.upper + text_shape.lower
    return text_shape.upper / letters if letters else None


@signal(version=1, missing=NO_TEXT)
def text_digit_share(text_shape: Shape) -> float | None:
    """Share of digits among the text's characters; 0 to 1."""
    return text_shape.digits / text_shape.chars if text_shape.chars else None


@signal(version=1, missing=NO_TEXT)
def text_foreign_share(text_shape: Shape) -> float | None:
    """Share of characters outside ISO 8859-1; 0 to 1."""
    return max(0.0, min(1.0, text_shape.foreign / text_shape.chars)) if text_shape.chars else None


@signal(version=1, range=(0, 50), attacks=("spam",))
def text_exclamations(text_shape: Shape) -> float:
    """Exclamation marks, at most 50."""
    return float(min(text_shape.exclamations, 50))


@signal(version=1, range=(0, 50), attacks=("spam", "advance_fee"))
def text_money_signs(text_shape: Shape) -> float:
    """Signs of dollar, pound and euro, at most 50."""
    return float(min(text_shape.money_signs, 50))


@signal(version=1, range=(0, 1_000))
def subject_length(message: Message) -> float:
    """Characters of the subject, at most 1,000."""
    return float(min(len(message.subject), 1_000))


@signal(version=1, missing=NO_SUBJECT, attacks=("spam",))
def subject_upper_share(subject_shape: Shape) -> float | None:
    """Share of capitals among the subject's Latin letters; 0 to 1."""
    letters = subject_shape.upper + subject_shape.lower
    return subject_shape.upper / letters if letters else None


@signal(version=1, attacks=("spam",), range=(0, 10), monotone=1)
def subject_exclamations(subject_shape: Shape) -> float:
    """Exclamation marks in the subject, at most 10."""
    return float(min(subject_shape.exclamations, 10))


@signal(version=1, missing=NO_SUBJECT)
def subject_foreign_share(subject_shape: Shape) -> float | None:
    """Share of the subject's characters outside ISO 8859-1; 0 to 1."""
    shape = subject_shape
    return max(0.0, min(1.0, shape.foreign / shape.chars)) if shape.chars else None


@signal(version=1, missing="no subject, or no recipient", attacks=("spam", "phishing"))
def subject_names_recipient(message: Message, subject_folded: str) -> float | None:
    """1 when the subject carries the recipient's address or its local part of five letters or more."""
    if not subject_folded or not message.to or not message.to[0].domain:
        return None
    first = message.to[0]
    local = first.local.lower()
    return float(first.addr in subject_folded or (len(local) > 4 and local in subject_folded))  # noqa: PLR2004 - as documented


@signal(version=1, attacks=("spam", "phishing"))
def subject_trailing_code(message: Message) -> float:
    """1 when the subject ends in a run of letters and digits that tells copies apart."""
    last = message.subject.rstrip(" )]#").rpartition(" ")[2][:64]
    return float(len(last) >= 6 and CODE.fullmatch(last) is not None)  # noqa: PLR2004 - shorter ones are words


CODE = re.compile(r"[(\[#]*(?=\w*\d\w*[a-zA-Z]|\w*[a-zA-Z]\w*\d)\w+")


@signal(version=1, attacks=("phishing", "spam"), monotone=1)
def text_mixed_script_words(message: Message, text_shape: Shape) -> float:
    """1 when words mix Latin with Greek, Cyrillic or Armenian letters (Unicode TS 39 section 5)."""
    if not text_shape.foreign:
        return 0.0
    return float(MIXED_WORD.search(message.text[:1_024]) is not None)


@signal(version=1)
def html_only(message: Message) -> float:
    """1 when there is an HTML body and no plain one."""
    return float(message.html is not None and not message.plain_text.strip())


@signal(version=1)
def has_html(message: Message) -> float:
    """1 when there is an HTML body."""
    return float(message.html is not None)


@signal(version=1, missing="not both a plain and an HTML body", attacks=("spam",))
def plain_and_html_agree(message: Message) -> float | None:
    """Share of the plain body's first words that the HTML shows too; 0 to 1."""
    if message.html is None or not message.plain_text.strip():
        return None
    plain = {word for word in message.plain_text[:300].lower().split() if word.isalpha()}
    if len(plain) < 5:  # noqa: PLR2004 - too few to compare
        return None
    shown = set(message.html.visible_text[:1_024].lower().split())
    return len(plain & shown) / len(plain)


@signal(version=1, missing=NO_HTML, attacks=("spam", "phishing"))
def hidden_text_share(message: Message) -> float | None:
    """Hidden characters among all characters of the HTML's text; 0 to 1."""
    if message.html is None:
        return None
    hidden, shown = len(message.html.hidden_text), len(message.html.visible_text)
    return hidden / (hidden + shown) if hidden + shown else 0.0


@signal(version=1, missing=NO_HTML, range=(0, 10), attacks=("spam", "phishing"))
def hidden_text_kinds(message: Message) -> float | None:
    """Different ways in which text is hidden (zero font, same colour, ...), at most 10."""
    return None if message.html is None else float(min(len(message.html.hidden_kinds), 10))


@signal(version=1, missing=NO_HTML, attacks=("spam",), monotone=1)
def hidden_by_colour_or_size(message: Message) -> float | None:
    """1 when text is hidden by zero font or the background's colour: not what preheaders use."""
    if message.html is None:
        return None
    return float(not message.html.hidden_kinds.isdisjoint({"zero_font", "same_colour", "offscreen"}))


@signal(version=1, missing=NO_HTML, attacks=("spam", "phishing"))
def zero_width_characters(message: Message) -> float | None:
    """1 when zero-width characters cut the HTML's words."""
    return None if message.html is None else float("zero_width_chars" in message.html.hidden_kinds)


@signal(version=1, missing=NO_HTML, attacks=("spam", "phishing"))
def image_only(message: Message, word_count: int) -> float | None:
    """1 when the HTML shows an image and fewer than 20 words."""
    if message.html is None:
        return None
    return float(message.html.image_count > 0 and word_count < 20)  # noqa: PLR2004 - as documented


@signal(version=1, missing=NO_HTML, range=(0, 200))
def image_count(message: Message) -> float | None:
    """Images of the HTML, at most 200."""
    return None if message.html is None else float(min(message.html.image_count, 200))


@signal(version=1, missing="no image in the HTML")
def remote_image_share(message: Message) -> float | None:
    """Share of images that are loaded from elsewhere; 0 to 1."""
    if message.html is None or not message.html.image_count:
        return None
    return min(1.0, message.html.remote_image_count / message.html.image_count)


@signal(version=1, missing=NO_HTML, range=(0, 20))
def tracking_pixels(message: Message) -> float | None:
    """Images of at most 3 by 3 pixels, at most 20."""
    return None if message.html is None else float(min(message.html.tiny_image_count, 20))


@signal(version=1, missing=NO_HTML, attacks=("phishing",), monotone=1)
def html_form(message: Message) -> float | None:
    """1 when the body has a form with fields."""
    if message.html is None:
        return None
    return float(bool(message.html.form_actions) or message.html.input_count > 0)


@signal(version=1, missing=NO_HTML, attacks=("phishing",), monotone=1)
def html_password_field(message: Message) -> float | None:
    """1 when the body asks for a password itself."""
    return None if message.html is None else float(message.html.password_inputs > 0)


@signal(version=1, missing=NO_HTML, attacks=("phishing", "malware"), monotone=1)
def html_script(message: Message) -> float | None:
    """1 when the body carries scripts or event handlers, which no mail reader runs."""
    if message.html is None:
        return None
    return float(message.html.script_count > 0 or message.html.event_handlers > 0)


@signal(version=1, missing=NO_HTML, attacks=("phishing",), monotone=1)
def html_iframe(message: Message) -> float | None:
    """1 when the body embeds another page."""
    return None if message.html is None else float(message.html.iframe_count > 0)


@signal(version=1, missing=NO_HTML, attacks=("phishing",), monotone=1)
def html_base_or_refresh(message: Message) -> float | None:
    """1 when the body moves its links (base) or itself (meta refresh)."""
    if message.html is None:
        return None
    return float(bool(message.html.base_href) or bool(message.html.meta_refresh))


@signal(version=1, missing=NO_HTML, attacks=("phishing", "malware"), monotone=1)
def html_data_urls(message: Message) -> float | None:
    """1 when the body carries data: or blob: URLs (HTML smuggling, T1027.006)."""
    return None if message.html is None else float(message.html.data_urls + message.html.blob_urls > 0)


@signal(version=1, missing=NO_HTML, range=(0, LOG_MOST))
def html_size_log(message: Message) -> float | None:
    """log1p of the HTML's bytes."""
    return None if message.html is None else min(log1p(message.html.size_bytes), LOG_MOST)


@signal(version=1, missing=NO_HTML)
def html_text_share(message: Message) -> float | None:
    """Visible characters a byte of HTML; 0 to 1."""
    if message.html is None or not message.html.size_bytes:
        return None
    return min(1.0, len(message.html.visible_text) / message.html.size_bytes)


@signal(version=1, missing=NO_HTML)
def html_comment_share(message: Message) -> float | None:
    """Share of the HTML's bytes that are comments; 0 to 1."""
    if message.html is None or not message.html.size_bytes:
        return None
    return min(1.0, message.html.comment_bytes / message.html.size_bytes)


@signal(version=1, missing=NO_HTML)
def html_style_share(message: Message) -> float | None:
    """Share of the HTML's bytes that are style; 0 to 1. Designed mail has much, hasty mail none."""
    if message.html is None or not message.html.size_bytes:
        return None
    return min(1.0, message.html.style_bytes / message.html.size_bytes)


@signal(version=1, missing=NO_HTML, range=(0, 200))
def html_tables(message: Message) -> float | None:
    """Tables of the HTML, at most 200: layout of designed mail."""
    return None if message.html is None else float(min(message.html.table_count, 200))


@signal(version=2, missing="no link that a reader can follow", range=(0, 2_000))
def words_per_link(word_count: int, web_links: tuple[Link, ...]) -> float | None:
    """Words of the newest text for each followed link, at most 2,000."""
    return min(word_count / len(web_links), 2_000.0) if web_links else None


@signal(version=1, missing="too short to tell the language")
def language_is_english(message: Message) -> float | None:
    """1 when the newest text is English."""
    return None if message.language is None else float(message.language == "en")
