"""From texts to hashed words and word pairs, for a whole chunk at once.

Everything is integer arithmetic on one array of bytes, so a message's tokens are the same in a chunk of 1
and of 512. What tells the source and not the attack is masked: addresses, domains and links become one
token each, and a run of digits is one digit. Short lines of what bulk mail must say of itself (how to leave,
whose copyright) are left out: all bulk mail says it, and the bulk mail that training sees is mostly unwanted.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EDITION = 2
"""Counts up when the same text gives other tokens. Part of a text model's digest."""

BITS = 18
BUCKETS = 1 << BITS
LIMIT_CHARS = 6000
BLOCK_BYTES = 1 << 16
"""Messages are taken in blocks of about this size, so that the arrays stay in the processor's cache."""

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

_BASE = np.uint64(0x9E3779B97F4A7C15)
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_MASKED = {"link": np.uint64(11), "address": np.uint64(12), "domain": np.uint64(13)}

_SPACE, _WORD = 0, 1
_FOOTER = (
    "unsubscribe unsubscribed unsubscribing subscribe subscribed subscriber subscribers "
    "privacy copyright © preferences reserved"
)
"""Words that mark a line as what bulk mail must say; "subscription" is not among them, as frauds sell those."""
_FOOTER_LINE_BYTES = 400
"""Longer lines are paragraphs and stay."""


def _classes() -> npt.NDArray[np.uint8]:
    """Class of each byte: 0 separates, 1 is of a word, others are runs of one telling mark."""
    table = np.zeros(256, np.uint8)
    for byte in b"abcdefghijklmnopqrstuvwxyz0123456789'":
        table[byte] = _WORD
    table[0x80:] = _WORD
    for number, byte in enumerate(b"!$%?#*", 2):
        table[byte] = number
    return table


_CLASS = _classes()
_IS_DIGIT = np.isin(np.arange(256), np.frombuffer(b"0123456789", np.uint8))
_IS_BLANK = np.isin(np.arange(256), np.frombuffer(b' \n\t\r<>()[]"|,;', np.uint8))
_IS_LETTER = np.isin(np.arange(256), np.frombuffer(b"abcdefghijklmnopqrstuvwxyz0", np.uint8))
_SYLLABLE = np.zeros(256, bool)
_SYLLABLE[0xE3:0xEE] = True
"""Lead bytes of East Asian scripts, which have no spaces: each character is a word."""


class Tokens(NamedTuple):
    """Distinct buckets of each message: those of message i are `buckets[starts[i]:starts[i + 1]]`, ascending."""

    buckets: npt.NDArray[np.int32]
    starts: I64


class Words(NamedTuple):
    """Word tokens of a block in order, before pairing."""

    hashes: U64
    owner: I64
    """Index of the message in the block."""
    begin: I64
    """Place of the first byte in the folded bytes."""
    end: I64


@cache
def _powers() -> U64:
    """Powers of the base up to the longest block and one message more."""
    out = np.full(BLOCK_BYTES + 4 * LIMIT_CHARS + 64, _BASE, np.uint64)
    out[0] = 1
    return np.multiply.accumulate(out)


def fold(text: str) -> bytes:
    """Lower-case UTF-8 of what a model reads of a text."""
    return text[:LIMIT_CHARS].lower().encode("utf-8", "replace")


def _squeezed(raw: bytes) -> npt.NDArray[np.uint8]:
    """Bytes with every run of digits as one zero."""
    data = np.frombuffer(raw, np.uint8)
    digit = _IS_DIGIT[data]
    if digit.any():
        keep = np.ones(len(data), bool)
        np.logical_and(digit[1:], digit[:-1], out=keep[1:])
        np.logical_not(keep[1:], out=keep[1:])
        data = np.where(digit, np.uint8(ord("0")), data)[keep]
    return data


def words_of(data: npt.NDArray[np.uint8]) -> Words:
    """Words of a block of folded messages, each ended by a zero byte."""
    kinds = _CLASS[data]
    typographic = np.flatnonzero(data == 0xE2)  # noqa: PLR2004 - lead byte of dashes and curly quotes
    for step in (0, 1, 2):
        kinds[np.minimum(typographic + step, len(data) - 1)] = _SPACE
    edge = np.empty(len(data), bool)
    edge[0] = True
    np.not_equal(kinds[1:], kinds[:-1], out=edge[1:])
    edge |= _SYLLABLE[data] & (kinds == _WORD)
    begin = np.flatnonzero(edge)
    end = np.append(begin[1:], len(data))
    wanted = kinds[begin] != _SPACE
    begin, end = begin[wanted], end[wanted]
    sums = np.zeros(len(data) + 1, np.uint64)
    powers = _powers()
    np.cumsum((data.astype(np.uint64) + np.uint64(1)) * powers[: len(data)], out=sums[1:])
    hashes = (sums[end] - sums[begin]) * powers[len(data) - begin]
    # The power above depends on the block's length; dividing it out leaves the word's own hash.
    hashes *= _inverse_power(len(data))
    owner = np.searchsorted(np.flatnonzero(data == 0), begin).astype(np.int64)
    return _masked(data, Words(hashes, owner, begin, end))


def _hash_of(word: str) -> int:
    """Hash of one word, as `words_of` gives it wherever the word stands."""
    return sum((byte + 1) * pow(int(_BASE), at, 1 << 64) for at, byte in enumerate(word.encode())) % (1 << 64)


_FOOTER_HASHES = np.sort(np.array([_hash_of(word) for word in _FOOTER.split()], np.uint64))


def without_footers(data: npt.NDArray[np.uint8], words: Words) -> Words:
    """The same without the words of short footer lines; a message's first line, its subject, stays."""
    at = np.searchsorted(_FOOTER_HASHES, words.hashes)
    marks = np.flatnonzero(_FOOTER_HASHES[np.minimum(at, len(_FOOTER_HASHES) - 1)] == words.hashes)
    if not len(marks):
        return words
    breaks = np.flatnonzero((data == ord("\n")) | (data == 0))
    line = np.searchsorted(breaks, words.begin)
    starts = np.concatenate((np.zeros(1, np.int64), breaks[:-1] + 1))
    is_first = (starts == 0) | (data[starts - 1] == 0)
    may_drop = ~is_first & (breaks - starts <= _FOOTER_LINE_BYTES)
    dropped = np.zeros(len(breaks), bool)
    dropped[line[marks]] = True
    keep = ~(dropped & may_drop)[line]
    return Words(words.hashes[keep], words.owner[keep], words.begin[keep], words.end[keep])


@cache
def _inverse_power(exponent: int) -> np.uint64:
    return np.uint64(pow(int(_BASE), -exponent, 1 << 64))


def _masked(data: npt.NDArray[np.uint8], words: Words) -> Words:
    """The same with each link, address and domain as one word."""
    stops = np.flatnonzero(data == ord("."))
    stops = stops[(stops > 0) & (stops < len(data) - 1)]
    stops = stops[_IS_LETTER[data[stops - 1]] & _IS_LETTER[data[stops + 1]]]
    colons = np.flatnonzero(data == ord(":"))
    colons = colons[colons < len(data) - 2]
    colons = colons[(data[colons + 1] == ord("/")) & (data[colons + 2] == ord("/"))]
    found = (("domain", stops), ("address", np.flatnonzero(data == ord("@"))), ("link", colons))
    if not any(len(at) for _, at in found):
        return words
    blanks = np.flatnonzero(_IS_BLANK[data] | (data == 0))
    run = np.searchsorted(blanks, words.begin)
    mark = np.zeros(len(blanks) + 1, np.uint64)
    for name, at in found:
        mark[np.searchsorted(blanks, at)] = _MASKED[name]
    marks = mark[run]
    first = np.ones(len(run), bool)
    np.not_equal(run[1:], run[:-1], out=first[1:])
    keep = (marks == 0) | first
    hashes = np.where(marks != 0, marks * _MIX, words.hashes)
    return Words(hashes[keep], words.owner[keep], words.begin[keep], words.end[keep])


def _bucket(hashes: U64) -> I64:
    mixed = hashes ^ (hashes >> np.uint64(32))
    mixed = mixed * _MIX
    mixed ^= mixed >> np.uint64(29)
    mixed *= _PAIR
    return (mixed >> np.uint64(64 - BITS)).astype(np.int64)


def single_buckets(words: Words) -> I64:
    """Bucket of each word."""
    return _bucket(words.hashes)


def pair_buckets(words: Words) -> I64:
    """Bucket of each word with the next; -1 where the next is of another message."""
    joined = _bucket(words.hashes[:-1] * _PAIR + words.hashes[1:] * _BASE + np.uint64(1))
    return np.where(words.owner[:-1] == words.owner[1:], joined, -1)


def _block(folded: Sequence[bytes]) -> tuple[npt.NDArray[np.int32], I64]:
    """Distinct buckets of a few messages, and how many each has."""
    data = _squeezed(b"\0".join(folded) + b"\0")
    words = without_footers(data, words_of(data))
    pairs = pair_buckets(words) if len(words.hashes) else np.zeros(0, np.int64)
    same = pairs >= 0
    keys = np.concatenate((words.owner << BITS | single_buckets(words), words.owner[:-1][same] << BITS | pairs[same]))
    keys.sort()
    distinct = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=distinct[1:])
    keys = keys[distinct]
    counts = np.bincount(keys >> BITS, minlength=len(folded)).astype(np.int64)
    return (keys & (BUCKETS - 1)).astype(np.int32), counts


def blocks(folded: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Consecutive messages of about BLOCK_BYTES together."""
    begin, size = 0, 0
    for at, text in enumerate(folded):
        if size and size + len(text) + 1 > BLOCK_BYTES:
            yield folded[begin:at]
            begin, size = at, 0
        size += len(text) + 1
    if size:
        yield folded[begin:]


def tokens_of(texts: Sequence[str]) -> Tokens:
    """Distinct buckets of each text."""
    folded = [fold(text).replace(b"\0", b" ") for text in texts]
    parts = [_block(part) for part in blocks(folded)]
    counts = np.concatenate([np.zeros(1, np.int64), *(count for _, count in parts)])
    found = [bucket for bucket, _ in parts]
    return Tokens(np.concatenate(found) if found else np.zeros(0, np.int32), np.cumsum(counts))


def joined(parts: Sequence[Tokens]) -> Tokens:
    """The messages of all parts, in order."""
    counts = [np.diff(part.starts) for part in parts]
    starts = np.cumsum(np.concatenate([np.zeros(1, np.int64), *counts]))
    return Tokens(np.concatenate([np.zeros(0, np.int32), *(part.buckets for part in parts)]), starts)


def chosen(found: Tokens, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Tokens:
    """Some of the messages, by mask or by index, in that order."""
    at = np.flatnonzero(rows) if rows.dtype == bool else rows
    return joined([Tokens(found.buckets[found.starts[n] : found.starts[n + 1]], found.starts[n : n + 2]) for n in at])


def spelled(text: str) -> list[tuple[str, int]]:
    """(word or pair as text, bucket) of a text in order, for explanations."""
    data = _squeezed(fold(text).replace(b"\0", b" ") + b"\0")
    words = without_footers(data, words_of(data))
    if not len(words.hashes):
        return []
    whole = data.tobytes()
    masks = {int(value) * int(_MIX) % 2**64: f"<{name}>" for name, value in _MASKED.items()}
    names = [
        masks.get(int(hashed)) or whole[begin:end].decode("utf-8", "replace")
        for hashed, begin, end in zip(words.hashes, words.begin, words.end, strict=True)
    ]
    singles = zip(names, single_buckets(words).tolist(), strict=True)
    pairs = pair_buckets(words).tolist()
    joined = [(f"{a} {b}", at) for a, b, at in zip(names, names[1:], pairs, strict=False) if at >= 0]
    return [*singles, *joined]
