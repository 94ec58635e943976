"""This project's learners on the mail of one server that stays there, where a sender's habits are fair to learn.

Three readers, added: words of the author's own headers, words of the text with domains and links left as they are,
and trees over every signal. Words of headers that the receiving server writes are never read. No bundle holds this
model: it shows what the learners are worth where the later mail is of the same senders, as peers learn it, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from scorelane.mail import parse
from scorelane.scoring import read_by_model, tokens
from scorelane.scoring.bundle import columns, raw_score
from scorelane.scoring.training.models import Recipe, Words, fit_trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scorelane.scoring.training.corpus import Dataset

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_RECEIVER = re.compile(
    rb"^(?:from |(?:received|return-path|delivered-to|x-original-to|envelope-to|x-envelope-.*|authentication-results"
    rb"|arc-.*|received-spf|x-spam-.*|x-virus-.*|x-google-.*|x-gm-.*|x-received|status|x-status|content-length|lines"
    rb"|x-keywords|x-uid|x-mozilla-.*|x-barracuda-.*|x-ms-exchange-.*|x-forefront-.*)[ \t]*:)",
    re.IGNORECASE,
)
"""Written by the receiving server. A list's own headers are the list's, and stay."""
_WORD = re.compile(r"[a-z0-9_$!'\x80-\uffff-]+")
_LINK = re.compile(rb"https?://([^\s\"'<>]{1,200})", re.IGNORECASE)
_MASKED = re.compile(r"[.@]|://")
_DIGITS = str.maketrans("0123456789", "qwxzjkvyuf")
"""The tokeniser makes one of every run of digits; here a number is a word."""
LINE_WORDS = 60
LINKS, BODY_BYTES = 60, 40_000
RECIPE = Recipe(leaves=15, is_monotone=False)
C = 100.0
TREES_SHARE = 0.5
"""Chosen within the learnt part: learning before 9 May 2007 and judging until the 20th."""


class OwnMail:
    """The three readers."""

    name = "scorelane"

    def __init__(self, data: Dataset, raws: Sequence[bytes]) -> None:
        """Read the words of all messages once."""
        self._data = data
        parted = [_parted(raw) for raw in raws]
        texts = _words([_MASKED.sub(" ", read_by_model(parse(raw)).translate(_DIGITS)) for raw in raws])
        links = _words([link_words(body) for _, body in parted])
        self._readers: list[Any] = [
            _words([head_words(lines) for lines, _ in parted]).features,
            sparse.hstack((texts.features, links.features)).tocsr(),
        ]

    def scores(self, learn: Mask, judge: Mask) -> Floats:
        """Sum of the three, in log-odds."""
        unwanted = self._data.unwanted
        said = sum((_fitted(words, learn, unwanted)[judge] for words in self._readers), np.zeros(int(judge.sum())))
        matrix, even, none = self._data.matrix, np.ones(len(unwanted)), np.zeros(len(unwanted))
        trees = fit_trees(self._data.names, matrix[learn], none[learn], unwanted[learn], even[learn], recipe=RECIPE)
        return np.asarray(said + TREES_SHARE * raw_score(trees, columns(matrix[judge], none[judge])))


def _words(texts: Sequence[str]) -> Words:
    return Words.of(tokens.tokens_of(texts))


def _fitted(words: Any, learn: Mask, unwanted: Mask) -> Floats:
    model = LogisticRegression(C=C, solver="lbfgs", max_iter=60, tol=1e-3).fit(words[learn], unwanted[learn])
    return np.asarray(model.decision_function(words))


def _parted(raw: bytes) -> tuple[list[bytes], bytes]:
    """Lines of the headers that the receiving server did not write, and the body."""
    end = b"\r\n\r\n" if b"\r\n\r\n" in raw else b"\n\n"
    head, _, body = raw.partition(end)
    kept, skipping = [], False
    for line in head.split(b"\n"):
        if line[:1] not in (b" ", b"\t"):
            skipping = _RECEIVER.match(line) is not None
        if not skipping:
            kept.append(line)
    return kept, body


def head_words(lines: Sequence[bytes]) -> str:
    """Words of headers, each with the header's name before it."""
    out, name = [], ""
    for line in lines:
        text = line.decode("latin-1").lower()
        if text[:1] not in (" ", "\t") and ":" in text:
            name, _, text = text.partition(":")
            name = re.sub(r"[^a-z]", "", name)
            out.append(name)
        out += [f"{name}'{word.translate(_DIGITS)}" for word in _WORD.findall(text)[:LINE_WORDS]]
    return " ".join(out)[: tokens.LIMIT_CHARS]


def link_words(body: bytes) -> str:
    """Words of links as they stand in the raw body."""
    found = _LINK.findall(body[:BODY_BYTES])[:LINKS]
    words = [word.translate(_DIGITS) for link in found for word in _WORD.findall(link.decode("latin-1").lower())]
    return " ".join(f"u'{word}" for word in words)[: tokens.LIMIT_CHARS]
