"""Finding known names in texts, and domains that look like known ones, in time that does not grow with the lists."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import ahocorasick_rs

from scorelane.signals.declaration import derived
from scorelane.signals.derived.senders import registrable, skeleton, unpuny

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scorelane.signals.context import Directory
    from scorelane.signals.reference import Lists

MIN_LABEL = 6
"""Shorter names are near too many others."""

BRAND_TEXT_CHARS = 1_000
"""Brands count in the first part of a text: who it claims to be from stands early."""


class NameFinder:
    """Finds names of a list in a text in one pass; the longest where several begin."""

    def __init__(self, names: Iterable[str]) -> None:
        """Build the automaton; names are lower case."""
        self.names = sorted(set(names))
        self._automaton = ahocorasick_rs.AhoCorasick(
            self.names,
            matchkind=ahocorasick_rs.MatchKind.LeftmostLongest,
            implementation=ahocorasick_rs.Implementation.DFA,
        )

    def hash_lines(self) -> str:
        """The names, for the hash of a signal that reaches the finder as a constant."""
        return repr(self.names)

    def words(self, text: str) -> tuple[str, ...]:
        """Names that stand in the text as whole words, in order, each once."""
        found: dict[str, None] = {}
        for at, start, end in self._automaton.find_matches_as_indexes(text):
            if not (start and text[start - 1].isalnum()) and not text[end : end + 1].isalnum():
                found[self.names[at]] = None
        return tuple(found)

    def anywhere(self, text: str) -> bool:
        """Whether a name stands in the text, in the middle of a word too."""
        return bool(self._automaton.find_matches_as_indexes(text))


class LookalikeIndex:
    """Tells whether a domain is taken for one of the known labels: confusable, or one edit away.

    Source: Garbe 2012, symmetric deletion spelling correction; Damerau 1964 for what one edit is.
    """

    def __init__(self, labels: Iterable[str], allowed: frozenset[str]) -> None:
        """Index labels of at least six letters and what is left of each without one letter."""
        self.allowed = allowed
        self.labels = frozenset(label for label in labels if len(label) >= MIN_LABEL)
        self._near: dict[str, set[str]] = {}
        self.match = lru_cache(maxsize=16_384)(self._match)
        """1 when a registrable domain looks like a known one and is not allowed, else 0."""
        for label in self.labels:
            if len(label) > MIN_LABEL:
                for form in (label, *shorter(label)):
                    self._near.setdefault(form, set()).add(label)

    def __bool__(self) -> bool:
        """Whether there is anything to be like."""
        return bool(self.labels)

    def _match(self, org: str) -> float:
        if not org or org in self.allowed:
            return 0.0
        label = unpuny(org).partition(".")[0][:63]
        words = label.split("-") if "-" in label else ()
        return float(self._is_near(label) or any(map(self._is_near, words)))

    def _is_near(self, word: str) -> bool:
        if len(word) < MIN_LABEL - 1 or word in self.labels:
            return False
        shown = skeleton(word)
        if shown in self.labels:
            return True
        return any(
            one_edit(shown, label)
            for form in (shown, *shorter(shown))
            if form in self._near
            for label in self._near[form]
        )


def shorter(word: str) -> set[str]:
    """The word without one of its letters, in every way."""
    return {word[:at] + word[at + 1 :] for at in range(len(word))}


def one_edit(left: str, right: str) -> bool:
    """Whether one insertion, deletion, replacement or swap of neighbours makes one word the other."""
    if left == right or abs(len(left) - len(right)) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    rest, other = left[at:], right[at:]
    if len(left) == len(right):
        swapped = len(rest) > 1 and rest[0] == other[1] and rest[1] == other[0] and rest[2:] == other[2:]
        return rest[1:] == other[1:] or swapped
    return rest[1:] == other if len(left) > len(right) else rest == other[1:]


def within(host: str, known: frozenset[str]) -> bool:
    """Whether a host or one of the names above it is known."""
    while host:
        if host in known:
            return True
        host = host.partition(".")[2]
    return False


def main_label(domain: str) -> str:
    """The label before the public suffix."""
    return registrable(domain).partition(".")[0]


@derived
def partner_orgs(directory: Directory) -> frozenset[str]:
    """Registrable domains of partners."""
    return frozenset(registrable(domain) for domain in directory.partners)


@derived
def own_lookalikes(directory: Directory, own_orgs: frozenset[str], partner_orgs: frozenset[str]) -> LookalikeIndex:
    """Index of own and partner domains; empty without a directory."""
    labels = (main_label(domain) for domain in (*directory.domains, *directory.partners))
    return LookalikeIndex(labels, own_orgs | partner_orgs)


@derived
def brand_orgs(lists: Lists) -> frozenset[str]:
    """Every registrable domain that a known brand owns."""
    return frozenset(domain for domains in lists.brands.values() for domain in domains)


@derived
def brand_lookalikes(lists: Lists, brand_orgs: frozenset[str]) -> LookalikeIndex:
    """Index of known brands written as one word."""
    return LookalikeIndex(_one_word(lists.brands), brand_orgs)


@derived
def brand_spelling(lists: Lists) -> NameFinder:
    """Finder of brands of at least six letters written as one word, for addresses and links."""
    return NameFinder(name for name in _one_word(lists.brands) if len(name) >= MIN_LABEL)


def _one_word(brands: Mapping[str, frozenset[str]]) -> list[str]:
    names = (name.replace(" ", "") for name in brands)
    return [name for name in names if name.isalpha() and name.isascii()]


@derived
def brand_names(lists: Lists) -> NameFinder:
    """Finder of brands as people write them."""
    return NameFinder(lists.brands)


@derived
def executive_titles(lists: Lists) -> NameFinder:
    """Finder of titles of the head or purse of an organisation."""
    return NameFinder(lists.executives)


@derived
def name_brands(author_name: str, brand_names: NameFinder) -> tuple[str, ...]:
    """Brands that the display name says."""
    return brand_names.words(author_name) if author_name else ()


@derived
def subject_brands(subject_folded: str, brand_names: NameFinder) -> tuple[str, ...]:
    """Brands that the subject says."""
    return brand_names.words(subject_folded) if subject_folded else ()


@derived
def text_brands(text_folded: str, brand_names: NameFinder) -> tuple[str, ...]:
    """Brands that the first part of the text says."""
    return brand_names.words(text_folded[:BRAND_TEXT_CHARS]) if text_folded else ()
