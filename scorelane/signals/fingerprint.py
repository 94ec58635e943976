"""Fingerprints under which near-duplicates meet: minhash bands over what a reader sees.

Source: Broder 1997, "On the resemblance and containment of documents"; bands as in Leskovec, Rajaraman and
Ullman, "Mining of Massive Datasets", section 3.4.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from scorelane.mail.message import Message

TEXT_CHARS = 8192
SHINGLE_BYTES = 8
LEAST_BYTES = 48
"""Shorter texts are greetings: nearly all mail would be a near-duplicate of some other."""
BANDS, ROWS = 2, 3
"""Two texts share a band with probability 1 - (1 - J^3)^2: 0.93 at a resemblance J of 0.9, 0.05 at 0.3."""
SAMPLE = np.uint64(7)
"""One shingle in eight is looked at, chosen by its own hash, so that both texts choose the same ones."""

# White space, digits and punctuation are what differs between copies: names of files, amounts, dates.
_DROPPED = bytes(byte for byte in range(128) if not chr(byte).isalpha())
_LOWER = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))  # noqa: PLR2004 - A to Z
_MIX = np.uint64(0x9E3779B97F4A7C15)
# Odd multipliers of one linear congruential sequence, so that they are the same for ever.
_ROWS = np.array([(0x2545F4914F6CDD1D * (2 * n + 1) + 2 * n) % 2**64 | 1 for n in range(BANDS * ROWS)], np.uint64)


def bands(message: Message) -> tuple[bytes, ...]:
    """BANDS keys of 16 bytes; two messages with a key in common are near-duplicates. Empty for a short text."""
    letters = message.text[:TEXT_CHARS].encode("utf-8", "surrogatepass").translate(_LOWER, _DROPPED)
    if len(letters) < LEAST_BYTES:
        return ()
    least = _least(letters)
    return tuple(
        hashlib.sha256(bytes([band]) + least[band * ROWS : (band + 1) * ROWS].tobytes()).digest()[:16]
        for band in range(BANDS)
    )


def _least(letters: bytes) -> npt.NDArray[np.uint64]:
    """The smallest hash of the text's shingles under each of the hash functions."""
    count = len(letters) - SHINGLE_BYTES + 1
    shingles = np.ndarray(shape=(count,), dtype="<u8", buffer=letters, strides=(1,)).astype(np.uint64) * _MIX
    shingles ^= shingles >> np.uint64(29)
    chosen = shingles[(shingles & SAMPLE) == 0]
    if len(chosen) < ROWS * BANDS:
        chosen = shingles
    hashed = chosen[np.newaxis, :] * _ROWS[:, np.newaxis]
    return np.asarray((hashed ^ (hashed >> np.uint64(32))).min(axis=1))
