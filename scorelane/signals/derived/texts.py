"""Texts in the forms that content signals read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from scorelane.signals.declaration import derived
from scorelane.signals.phrases import FINDER

if TYPE_CHECKING:
    from scorelane.mail.message import Message
    from scorelane.signals.phrases import Phrases

READ_CHARS = 8_192
"""Content signals read this much of the newest text: fraud says what it wants early."""

SHAPE_CHARS = 2_048
"""Counting characters needs no more."""

CLASSES = bytes(
    b"U"[0] if 65 <= at <= 90 else  # noqa: PLR2004 - A to Z
    b"L"[0] if 97 <= at <= 122 else  # noqa: PLR2004 - a to z
    b"D"[0] if 48 <= at <= 57 else  # noqa: PLR2004 - 0 to 9
    b"$"[0] if at in b"$\xa3" else
    at if at in b"!?" else b" "[0]
    for at in range(256)
)  # fmt: skip
"""Class of each ISO 8859-1 character: counting a class is then one pass at memory speed."""


class Shape(msgspec.Struct, frozen=True, gc=False):
    """Counts of characters in a text."""

    chars: int
    upper: int
    lower: int
    digits: int
    exclamations: int
    money_signs: int
    foreign: int
    """Outside ISO 8859-1 and typographic punctuation."""


def fold(text: str) -> str:
    """Lower case, straight quotes, single spaces."""
    text = text.lower().replace("\n", " ").replace("\t", " ")
    if not text.isascii():
        text = text.replace("\u2019", "'").replace("\u2018", "'")
        text = text.replace("\u201c", '"').replace("\u201d", '"')
        text = text.replace("\u200b", "").replace("\u00ad", "").replace("\u200c", "")
    while "  " in text:
        text = text.replace("  ", " ")
    return text.strip()


@derived
def subject_folded(message: Message) -> str:
    """Subject in lower case with single spaces."""
    return fold(message.subject[:1_000])


@derived
def text_folded(message: Message) -> str:
    """Newest text in lower case with single spaces."""
    return fold(message.text[:READ_CHARS])


@derived
def phrase_counts(subject_folded: str, text_folded: str) -> tuple[Phrases, Phrases]:
    """Phrases of subject and text together, and of the subject."""
    return FINDER.find(f"{subject_folded}\n{text_folded}", len(subject_folded))


@derived
def phrases(phrase_counts: tuple[Phrases, Phrases]) -> Phrases:
    """Phrase counts over subject and newest text."""
    return phrase_counts[0]


@derived
def subject_phrases(phrase_counts: tuple[Phrases, Phrases]) -> Phrases:
    """Phrase counts over the subject alone."""
    return phrase_counts[1]


def shape_of(text: str) -> Shape:
    """Character counts, by byte tables: a loop over characters would cost more than the parser."""
    coded = text.encode("latin-1", "replace")
    count = coded.translate(CLASSES).count
    return Shape(
        chars=len(text),
        upper=count(b"U"),
        lower=count(b"L"),
        digits=count(b"D"),
        exclamations=count(b"!"),
        money_signs=count(b"$") + (0 if text.isascii() else text.count("\u20ac")),
        foreign=0 if text.isascii() else count(b"?") - text.count("?"),
    )


@derived
def text_shape(message: Message) -> Shape:
    """Character counts of the newest text."""
    return shape_of(message.text[:SHAPE_CHARS])


@derived
def subject_shape(message: Message) -> Shape:
    """Character counts of the subject."""
    return shape_of(message.subject[:1_000])


@derived
def word_count(text_folded: str) -> int:
    """Words of the newest text, as far as it is read."""
    return text_folded.count(" ") + 1 if text_folded else 0


DOMAIN = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")


@derived
def text_addresses(text_folded: str) -> tuple[str, ...]:
    """Mail addresses that the newest text shows, at most 20, found from their @ outwards."""
    found: list[str] = []
    at = text_folded.find("@")
    while at >= 0 and len(found) < 20:  # noqa: PLR2004 - as documented
        domain = DOMAIN.match(text_folded, at + 1)
        local = text_folded[max(0, at - 64) : at].rpartition(" ")[2].rpartition(":")[2].lstrip("<([\"'")
        if domain is not None and local:
            found.append(f"{local}@{domain[0]}")
        at = text_folded.find("@", at + 1)
    return tuple(found)
