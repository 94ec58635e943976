"""Vectors and tokens of labelled mail, computed once and kept in a folder that the caller names.

The key of a kept file covers the mail, the code that reads it and the tokens' edition, so a stale one is
never read.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scorelane.mail import parse, refang
from scorelane.scoring import tokens
from scorelane.scoring.text_model import read_by_model
from scorelane.signals import compute_chunk, signal_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scorelane.scoring.training.corpus import Labelled

CHUNK = 250
PROCESSES = 2
DEFANGED = (b"hxxp", b"[.]", b"[:]", b"[@]")


@dataclass(frozen=True, eq=False)
class Features:
    """One source's messages as arrays, in time order."""

    source: str
    members: list[str]
    labels: list[str]
    dates: list[str]
    clusters: list[str]
    unwanted: npt.NDArray[np.bool_]
    matrix: npt.NDArray[np.float32]
    """Every signal that there is, in the order of `names`."""
    names: tuple[str, ...]
    tokens: tokens.Tokens
    digests: list[str]
    """SHA-256 of each raw message."""

    def __len__(self) -> int:
        """Messages."""
        return len(self.members)


def code_digest() -> str:
    """Hex digest of the code that makes features: parser, signals, lists, tokens."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    files = [*(root / "mail").rglob("*"), *(root / "signals").rglob("*"), root / "scoring" / "tokens.py"]
    files += [root / "scoring" / "text_model.py"]
    for path in sorted(files):
        if path.is_file() and path.suffix in {".py", ".txt"}:
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def features_of(messages: Sequence[Labelled], source: str, cache: Path | None) -> Features:
    """Features of one source, from the cache when it has them."""
    digests = [hashlib.sha256(one.raw).hexdigest() for one in messages]
    key = hashlib.sha256("\n".join([code_digest(), source, *digests]).encode()).hexdigest()[:24]
    path = cache / f"{source}-{key}.npz" if cache else None
    names = signal_set().names
    if path is not None and path.exists():
        with np.load(path) as kept:
            matrix, found = kept["matrix"], tokens.Tokens(kept["buckets"], kept["starts"])
    else:
        matrix, found = _computed(messages)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_suffix(".half.npz")
            np.savez(half, matrix=matrix, buckets=found.buckets, starts=found.starts)
            half.rename(path)
    return Features(
        source=source,
        members=[one.member for one in messages],
        labels=[one.label for one in messages],
        dates=[one.date for one in messages],
        clusters=[one.cluster for one in messages],
        unwanted=np.array([one.is_unwanted for one in messages], bool),
        matrix=matrix,
        names=names,
        tokens=found,
        digests=digests,
    )


def _computed(messages: Sequence[Labelled]) -> tuple[npt.NDArray[np.float32], tokens.Tokens]:
    chunks = [[(one.raw, one.date) for one in messages[at : at + CHUNK]] for at in range(0, len(messages), CHUNK)]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(_chunk, chunks))
    return joined([part[0] for part in parts], [tokens.Tokens(*part[1:]) for part in parts])


def joined(
    matrices: Sequence[npt.NDArray[np.float32]], found: Sequence[tokens.Tokens]
) -> tuple[npt.NDArray[np.float32], tokens.Tokens]:
    """Rows of all, one below the other."""
    counts = np.concatenate([np.zeros(1, np.int64), *(np.diff(one.starts) for one in found)])
    buckets = np.concatenate([one.buckets for one in found])
    return np.concatenate(list(matrices)), tokens.Tokens(buckets, np.cumsum(counts))


def _chunk(
    raws: list[tuple[bytes, str]],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Matrix and tokens of a few messages; runs in a child process."""
    messages = []
    for raw, date in raws:
        armed = refang(raw) if any(mark in raw for mark in DEFANGED) else raw
        messages.append(parse(armed, received_at=_day(date)))
    matrix, _ = compute_chunk(messages)
    found = tokens.tokens_of([read_by_model(message) for message in messages])
    return matrix, found.buckets, found.starts


def _day(date: str) -> datetime | None:
    """Noon of an ISO day: the Received time would be better, where the source kept one."""
    try:
        return datetime.fromisoformat(date).replace(hour=12, tzinfo=UTC) if date else None
    except ValueError:
        return None


def read_all(found: dict[str, Path], indexes: dict[str, dict[str, object]], cache: Path | None) -> Iterator[Features]:
    """Features of each source."""
    raise NotImplementedError
