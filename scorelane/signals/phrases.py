"""Phrase families found in one pass over a text, whatever their number (Aho and Corasick 1975).

A family is one file of `lists/phrases/`. A phrase counts where it stands as whole words; `*` at its end
lets any ending follow, and phrases in scripts without spaces count anywhere.
"""

from __future__ import annotations

import ahocorasick_rs
import msgspec

from scorelane.signals.hashing import code_hash
from scorelane.signals.reference import SHIPPED, read_entries

MOST_PHRASES = 20
"""More phrases of one family than this say nothing more."""

FOLDER = SHIPPED / "phrases"


class Phrases(msgspec.Struct, frozen=True, gc=False):
    """How many different phrases of each family a text shows, at most `MOST_PHRASES`."""

    account_threat: int = 0
    advance_fee: int = 0
    archive_password: int = 0
    bec_probe: int = 0
    bulk_footer: int = 0
    callback: int = 0
    click_action: int = 0
    credential: int = 0
    delivery: int = 0
    document_lure: int = 0
    extortion: int = 0
    gift_card: int = 0
    goods: int = 0
    greeting: int = 0
    investment: int = 0
    invoice: int = 0
    job_scam: int = 0
    mailbox_notice: int = 0
    outreach: int = 0
    payment_change: int = 0
    payroll: int = 0
    pharma: int = 0
    pivot: int = 0
    prize: int = 0
    refund: int = 0
    removal_claim: int = 0
    romance: int = 0
    secrecy: int = 0
    sign_off: int = 0
    urgency: int = 0


PHRASE_FAMILIES = tuple(Phrases.__struct_fields__)


class Finder:
    """The automaton over every phrase of every family."""

    def __init__(self) -> None:
        """Read the phrase files and build; done once a process."""
        owners: dict[str, set[int]] = {}
        for at, family in enumerate(PHRASE_FAMILIES):
            for phrase in read_entries(FOLDER / f"{family}.txt"):
                owners.setdefault(phrase, set()).add(at)
        self._patterns = [phrase.removesuffix("*") for phrase in owners]
        self._families = [tuple(sorted(found)) for found in owners.values()]
        self._left = [_is_spaced(phrase[0]) for phrase in self._patterns]
        self._right = [_is_spaced(phrase[-1]) for phrase in owners]
        compact = ahocorasick_rs.Implementation.ContiguousNFA  # beside all signals, a table of megabytes is slower
        self._automaton = ahocorasick_rs.AhoCorasick(self._patterns, implementation=compact)

    def hash_lines(self) -> str:
        """How phrases are found; a signal's hash names the phrase files that it reads itself."""
        return code_hash(Finder.find)

    def find(self, text: str, split: int) -> tuple[Phrases, Phrases]:
        """Counts over the whole text, and over what starts before `split` (the subject).

        Args:
            text: lower case, white space folded to single spaces.
            split: where the subject ends.
        """
        seen: set[int] = set()
        early: set[int] = set()
        last = len(text)
        for at, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            if at in seen and start >= split:
                continue
            if self._left[at] and start and text[start - 1].isalnum():
                continue
            if self._right[at] and end < last and text[end].isalnum():
                continue
            seen.add(at)
            if start < split:
                early.add(at)
        return self._count(seen), self._count(early)

    def _count(self, seen: set[int]) -> Phrases:
        if not seen:
            return NONE
        counts = [0] * len(PHRASE_FAMILIES)
        for at in seen:
            for family in self._families[at]:
                counts[family] += 1
        return Phrases(*[min(count, MOST_PHRASES) for count in counts])


NONE = Phrases()


def _is_spaced(char: str) -> bool:
    """Whether a word boundary means something beside this character: not in CJK scripts, nor signs."""
    return char.isalnum() and not "\u2e80" <= char <= "\uffef"


FINDER = Finder()
"""The one automaton of this process."""
