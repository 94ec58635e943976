"""Combinations that an attack needs and honest mail seldom shows, and phrases of the subject."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scorelane.signals.declaration import signal
from scorelane.signals.derived.senders import registrable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scorelane.mail.message import Address, Link, Message
    from scorelane.signals.derived.texts import Shape
    from scorelane.signals.phrases import Phrases
    from scorelane.signals.reference import Lists

BITCOIN = re.compile(r"\b(?:bc1[ac-hj-np-z02-9]{25,62}|[13][1-9A-HJ-NP-Za-km-z]{25,34}|0x[0-9a-fA-F]{40})\b")
NUMBER = re.compile(r"[+(\d][\d ().-]{8,20}\d")
TOLL_FREE = re.compile(r"1?8(?:00|33|44|55|66|77|88|0[1-9])\d{7}")
MONEY_SIGNED = re.compile(r"[$€£¥]\s?\d[\d.,]{2,20}")
MONEY_NAMED = re.compile(r"\d[\d.,]{2,20}\s?(?:usd|eur|gbp|dollars?|euros?|pounds|million|us\$)")


@signal(version=1, attacks=("phishing",), range=(0, 20), monotone=1)
def subject_phishing_language(subject_phrases: Phrases) -> float:
    """Phrases of credential, account threat, mailbox notice and document lures in the subject."""
    return float(
        min(
            subject_phrases.credential
            + subject_phrases.account_threat
            + subject_phrases.mailbox_notice
            + subject_phrases.document_lure,
            20,
        )
    )


@signal(version=1, attacks=("bec", "phishing"), range=(0, 20), monotone=1)
def subject_urgency(subject_phrases: Phrases) -> float:
    """Phrases of haste in the subject."""
    return float(min(subject_phrases.urgency, 20))


@signal(version=1, attacks=("invoice_fraud", "bec"), range=(0, 20))
def subject_payment_language(subject_phrases: Phrases) -> float:
    """Phrases of invoices, payments and payroll in the subject."""
    return float(min(subject_phrases.invoice + subject_phrases.payment_change + subject_phrases.payroll, 20))


@signal(version=1, attacks=("spam",), range=(0, 20), monotone=1)
def subject_offer_language(subject_phrases: Phrases) -> float:
    """Phrases of goods, prizes, medicines and riches in the subject."""
    return float(
        min(subject_phrases.goods + subject_phrases.prize + subject_phrases.pharma + subject_phrases.investment, 20)
    )


@signal(version=2, attacks=("phishing",), range=(0, 3), monotone=1)
def phishing_pattern(phrases: Phrases, web_links: tuple[Link, ...]) -> float:
    """Parts of a credential phish that meet: asks for an account, threatens or hurries, has a link.

    0 without the first; 1 to 3. Source: Fette et al. 2007.
    """
    asks = phrases.credential or phrases.mailbox_notice
    presses = phrases.account_threat or phrases.urgency
    return float(bool(asks)) * (1 + bool(presses) + bool(web_links))


@signal(version=2, attacks=("bec",), range=(0, 3), monotone=1)
def bec_pattern(phrases: Phrases, web_links: tuple[Link, ...], word_count: int, message: Message) -> float:
    """Parts of a payment or gift-card fraud that meet: a request, pressure, a short text without link.

    0 without the first; 1 to 3. Source: Cidon et al. 2019, "High precision detection of BEC".
    """
    asks = phrases.bec_probe + phrases.payment_change + phrases.gift_card + phrases.payroll
    presses = phrases.urgency + phrases.secrecy + phrases.pivot
    bare = not web_links and 0 < word_count <= SHORT_WORDS and message.html is None
    return float(asks > 0) * (1 + (presses > 0) + bare)


SHORT_WORDS = 150


@signal(version=1, attacks=("extortion",), range=(0, 3), monotone=1)
def extortion_pattern(phrases: Phrases, shows_coin_address: float) -> float:
    """Parts of an extortion that meet: three threats, a coin address, a deadline; 0 without threats."""
    if phrases.extortion < 3:  # noqa: PLR2004 - as documented
        return 0.0
    return 1.0 + shows_coin_address + (phrases.urgency > 0 or phrases.extortion > 6)  # noqa: PLR2004 - twice as many


@signal(version=1, attacks=("extortion",), monotone=1)
def shows_coin_address(message: Message, phrases: Phrases) -> float:
    """1 when a text about coins shows a Bitcoin or Ethereum address (BIP 13, BIP 173, EIP 55)."""
    if phrases.extortion < 2 and not phrases.investment:  # noqa: PLR2004 - one such phrase is chance
        return 0.0
    return float(BITCOIN.search(message.text[:4_096]) is not None)


@signal(version=1, attacks=("callback",), range=(0, 20))
def phone_count(text_folded: str, text_shape: Shape, phrases: Phrases) -> float:
    """Telephone numbers, toll-free or international, beside a phrase that asks to call; at most 20.

    The first 2,048 characters are read. Source: ITU-T E.164; North American toll-free codes.
    """
    if text_shape.digits < 9 or not phrases.callback:  # noqa: PLR2004 - no number is shorter
        return 0.0
    return float(min(sum(map(_is_phone, NUMBER.findall(text_folded[:2_048]))), 20))


def _is_phone(found: str) -> bool:
    digits = "".join(filter(str.isdecimal, found))
    if found.startswith("+"):
        return 9 <= len(digits) <= 15  # noqa: PLR2004 - E.164
    return TOLL_FREE.fullmatch(digits) is not None and not found.startswith(digits)


@signal(version=2, attacks=("callback",), range=(0, 3), monotone=1)
def callback_pattern(
    phrases: Phrases,
    phone_count: float,
    text_names_brand: float,
    web_links: tuple[Link, ...],
    author_is_free_mail: bool,  # noqa: FBT001 - a dependency
) -> float:
    """Parts of a callback fraud that meet: a number and a bill, then a brand, then no link or free mail.

    0 without the first; 1 to 3. Source: APWG, "Phishing activity trends", vishing sections.
    """
    if not phone_count or not (phrases.callback and phrases.invoice):
        return 0.0
    return 1.0 + text_names_brand + (not web_links or author_is_free_mail)


@signal(version=1)
def text_names_brand(text_brands: tuple[str, ...], subject_brands: tuple[str, ...]) -> float:
    """1 when subject or the first part of the text says a known brand (list `brands`)."""
    return float(bool(text_brands or subject_brands))


@signal(version=2, missing="no author", attacks=("phishing", "callback"), monotone=1)
def text_brand_is_not_author(  # noqa: PLR0917 - dependencies, given by position
    text_brands: tuple[str, ...],
    subject_brands: tuple[str, ...],
    author_org: str,
    link_domains: Mapping[str, int],
    phrases: Phrases,
    lists: Lists,
) -> float | None:
    """1 when a brand is named, an account or payment asked for, and neither author nor links are its own."""
    if not author_org:
        return None
    named = (*subject_brands, *text_brands)
    if not named or not (phrases.credential or phrases.account_threat or phrases.invoice or phrases.delivery):
        return 0.0
    own = [lists.brands[brand] for brand in named]
    return float(all(author_org not in domains and domains.isdisjoint(link_domains) for domains in own))


@signal(version=1, attacks=("advance_fee",), range=(0, 20))
def money_amounts(text_folded: str, text_shape: Shape, phrases: Phrases) -> float:
    """Sums of money, by sign, or by name in a text that speaks of funds or payment; at most 20."""
    found = len(MONEY_SIGNED.findall(text_folded)) if text_shape.money_signs else 0
    if text_shape.digits and (phrases.advance_fee or phrases.payment_change or phrases.investment):
        found += len(MONEY_NAMED.findall(text_folded))
    return float(min(found, 20))


@signal(version=1, attacks=("advance_fee", "job_scam"), range=(0, 3), monotone=1)
def advance_fee_pattern(phrases: Phrases, money_amounts: float, text_free_mail_address: float) -> float:
    """Parts of an advance-fee fraud that meet: three phrases, a sum, a free mailbox to answer to."""
    if phrases.advance_fee < 3:  # noqa: PLR2004 - as documented
        return 0.0
    return 1.0 + (money_amounts > 0) + text_free_mail_address


@signal(version=1, attacks=("advance_fee", "job_scam", "romance"), monotone=1)
def text_free_mail_address(text_addresses: tuple[str, ...], author: Address | None, lists: Lists) -> float:
    """1 when the text shows a free mailbox that is not the author's: where to answer."""
    own = author.addr if author else ""
    return float(any(a != own and a.rpartition("@")[2] in lists.free_mail for a in text_addresses))


@signal(version=1, missing="the text shows no address, or no author")
def text_address_of_author_domain(text_addresses: tuple[str, ...], author_org: str) -> float | None:
    """1 when an address in the text is of the author's own domain."""
    if not text_addresses or not author_org:
        return None
    return float(any(registrable(a.rpartition("@")[2]) == author_org for a in text_addresses))


@signal(version=1, attacks=("malware",), monotone=1)
def archive_with_password_in_text(phrases: Phrases, message: Message) -> float:
    """1 when an archive or document is attached and the text gives a password.

    Scanners cannot look inside; only the reader can.
    """
    if not phrases.archive_password:
        return 0.0
    kinds = ("zip", "rar", "7z", "gzip", "iso", "officedocument", "msword", "ms-excel", "pdf")
    return float(any(kind in part.true_type for part in message.attachments for kind in kinds))


@signal(version=1, missing="no word of the recipient's name, or no text", monotone=-1)
def text_greets_recipient(message: Message, text_folded: str) -> float | None:
    """1 when the first words carry a word of the recipient's display name, 0 when not."""
    words = [w for w in message.to[0].name.lower().split() if len(w) > 2 and w.isalpha()] if message.to else []  # noqa: PLR2004 - initials are no name
    if not words or not text_folded:
        return None
    return float(any(word in text_folded[:120] for word in words))


@signal(version=2, missing="no recipient, or no text", attacks=("phishing", "extortion"))
def text_greets_address(message: Message, text_folded: str) -> float | None:
    """1 when the first words are the recipient's address or its local part: a list was mail-merged."""
    if not message.to or not text_folded or not message.to[0].local:
        return None
    first, start = message.to[0], text_folded[:120]
    if first.local.lower() not in start:
        return 0.0
    greeted = any(f"{word} {first.local.lower()}" in start for word in ("dear", "hello", "hi", "attn:"))
    return float(greeted or first.addr in start)
