"""Labelled mail from archives with an INDEX.tsv, parsed and turned into vectors by processes of their own."""

from __future__ import annotations

import csv
import hashlib
import tarfile
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import cache, partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard

from scorelane.extract import Extractor, open_all
from scorelane.mail import parse, refang
from scorelane.scoring import tokens
from scorelane.scoring.errors import TrainingRejected
from scorelane.scoring.text_model import read_by_model
from scorelane.signals import compute_chunk, signal_set
from scorelane.signals.errors import UnknownSignal
from scorelane.signals.fingerprint import bands

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from scorelane.scoring.tokens import Tokens

DEFANGED = frozenset({"cwl_2026"})
"""Sources whose links were made harmless for keeping; undone before parsing, or the model reads that instead."""
BATCH = 200
SAFE_CLASSES = frozenset({"ham", "legitimate", "wanted", "clean", "good"})
UNSAFE_CLASSES = frozenset({"spam", "phish", "phishing", "malware", "attack", "unwanted", "bad", "scam", "fraud"})


class Labelled(NamedTuple):
    """One message with what somebody said of it."""

    source: str
    unwanted: bool
    label: str
    """The class in the source's own word: ham, spam, phish, or an attack category."""
    member: str
    date: str
    """ISO 8601, or empty."""
    cluster: str
    """Its campaign, never shared between sources; empty to find it by the text's fingerprint."""
    raw: bytes


class Dataset(NamedTuple):
    """Vectors with their labels, in the order of source, date and member."""

    sources: npt.NDArray[np.str_]
    unwanted: npt.NDArray[np.bool_]
    labels: npt.NDArray[np.str_]
    clusters: npt.NDArray[np.str_]
    names: tuple[str, ...]
    """Signals, one a column of `matrix`."""
    matrix: npt.NDArray[np.float32]
    words: Tokens
    """What the text model reads; nothing where the raw mail is gone."""
    weights: npt.NDArray[np.float64]
    """How much each label counts, more than 0 and at most 1."""
    digest: str
    """Hex SHA-256 over the digests and labels of the messages in order."""


def sources_of(folder: Path) -> list[str]:
    """Sources that a folder's index names and that have an archive there."""
    with (folder / "INDEX.tsv").open(encoding="utf-8", newline="") as lines:
        named = {row.get("source") or "" for row in csv.DictReader(lines, delimiter="\t")}
    return sorted(source for source in named if (folder / f"{source}.tar.zst").exists())


def read_index(folder: Path, sources: Collection[str]) -> Iterator[Labelled]:
    """Messages of the wanted sources. Raises TrainingRejected for a folder without index or archive."""
    try:
        with (folder / "INDEX.tsv").open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["source"] in sources]
    except (OSError, KeyError) as fault:
        raise TrainingRejected(f"{folder} has no INDEX.tsv with source, class, member, date and cluster") from fault
    by_member = {row["member"]: row for row in rows}
    for source in sorted(sources):
        archive = folder / f"{source}.tar.zst"
        if not archive.exists():
            raise TrainingRejected(f"{archive} is not there; the index names it")
        decompressor = zstandard.ZstdDecompressor(max_window_size=2**31)
        with (
            archive.open("rb") as packed,
            decompressor.stream_reader(packed) as stream,
            tarfile.open(fileobj=stream, mode="r|") as members,
        ):
            for member in members:
                row = by_member.get(member.name)
                content = members.extractfile(member) if row is not None else None
                if row is None or content is None:
                    continue
                raw = content.read()
                yield Labelled(
                    source=source,
                    unwanted=row["class"] not in SAFE_CLASSES,
                    label=row["class"],
                    member=row["member"],
                    date=row["date"],
                    cluster=f"{source}:{row['cluster'] or row['member']}",
                    raw=refang(raw) if source in DEFANGED else raw,
                )


def build(messages: Iterable[Labelled], names: Sequence[str] | None = None, processes: int = 2) -> Dataset:
    """Vectors of labelled messages, of every signal or of the named ones.

    Raises:
        TrainingRejected: when there is no mail or one class only, or a signal is not in this code.
    """
    labelled = list(messages)
    need_classes([message.unwanted for message in labelled])
    return vectors(labelled, names, processes)


def need_classes(unwanted: Collection[bool]) -> None:
    """Raise TrainingRejected where all labelled messages are of one class."""
    if len(set(unwanted)) == 1:
        only = "unwanted" if next(iter(unwanted)) else "wanted"
        raise TrainingRejected(f"training needs wanted and unwanted mail; all {len(unwanted)} messages are {only}")


def vectors(messages: Iterable[Labelled], names: Sequence[str] | None = None, processes: int = 2) -> Dataset:
    """The same for mail of one class or two, in the order of source, date and member."""
    ordered = sorted(messages, key=lambda m: (m.source, m.date, m.member))
    if not ordered:
        raise TrainingRejected("there is no labelled mail under what was named")
    try:
        wanted = signal_set(names).names
    except UnknownSignal as fault:
        raise TrainingRejected(str(fault)) from fault
    batches = [ordered[at : at + BATCH] for at in range(0, len(ordered), BATCH)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(partial(_vectors, wanted), batches))
    campaigns = [campaign for part in parts for campaign in part.campaigns]
    state = hashlib.sha256()
    for message in ordered:
        state.update(hashlib.sha256(message.raw).digest() + f"{message.source} {message.label}\n".encode())
    return Dataset(
        sources=np.array([m.source for m in ordered]),
        unwanted=np.array([m.unwanted for m in ordered]),
        labels=np.array([m.label for m in ordered]),
        clusters=np.array(
            [m.cluster or f"{m.source}:{c or m.member}" for m, c in zip(ordered, campaigns, strict=True)]
        ),
        names=wanted,
        matrix=np.concatenate([part.matrix for part in parts]),
        words=tokens.joined([part.words for part in parts]),
        weights=np.ones(len(ordered)),
        digest=state.hexdigest(),
    )


def without(data: Dataset, source: str) -> Dataset:
    """The data but for one source; its digest says so."""
    return chosen(data, data.sources != source)._replace(digest=f"{data.digest} without {source}")


def chosen(data: Dataset, rows: npt.NDArray[np.bool_]) -> Dataset:
    """Some of the messages, in their order; the digest stays that of the whole."""
    return data._replace(
        sources=data.sources[rows],
        unwanted=data.unwanted[rows],
        labels=data.labels[rows],
        clusters=data.clusters[rows],
        matrix=data.matrix[rows],
        words=tokens.chosen(data.words, rows),
        weights=data.weights[rows],
    )


def joined(parts: Sequence[Dataset]) -> Dataset:
    """Data of several origins under the same signals, by source."""
    if len(parts) == 1:
        return parts[0]
    sources = np.concatenate([part.sources for part in parts])
    order = np.argsort(sources, kind="stable")
    return Dataset(
        sources=sources[order],
        unwanted=np.concatenate([part.unwanted for part in parts])[order],
        labels=np.concatenate([part.labels for part in parts])[order],
        clusters=np.concatenate([part.clusters for part in parts])[order],
        names=parts[0].names,
        matrix=np.concatenate([part.matrix for part in parts])[order],
        words=tokens.chosen(tokens.joined([part.words for part in parts]), order),
        weights=np.concatenate([part.weights for part in parts])[order],
        digest=hashlib.sha256(" ".join(part.digest for part in parts).encode()).hexdigest(),
    )


class _Part(NamedTuple):
    matrix: npt.NDArray[np.float32]
    words: Tokens
    campaigns: list[str]
    """A fingerprint of the text, empty for a short one."""


def _vectors(names: tuple[str, ...], batch: list[Labelled]) -> _Part:
    messages = open_all([parse(m.raw, received_at=received(m.date)) for m in batch], extractor())
    matrix, _ = compute_chunk(messages, set_=signal_set(names))
    prints = [bands(message) for message in messages]
    words = tokens.tokens_of([read_by_model(message) for message in messages])
    return _Part(matrix, words, [found[0].hex() if found else "" for found in prints])


@cache
def extractor() -> Extractor:
    """The server of this process: vectors of training know attachments as those of workers do."""
    return Extractor()


def received(date: str) -> datetime | None:
    """Time of receipt of labelled mail, UTC unless it says otherwise; None where the date is none."""
    try:
        found = datetime.fromisoformat(date)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
