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
from scorelane.scoring.errors import TrainingRejected
from scorelane.scoring.text_model import read_by_model
from scorelane.signals import compute_chunk, signal_set

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

DEFANGED = frozenset({"cwl_2026"})
"""Sources whose links were made harmless for keeping; undone before parsing, or the model reads that instead."""
BATCH = 200
SAFE_CLASSES = frozenset({"ham"})


class Labelled(NamedTuple):
    """One message as the index describes it."""

    source: str
    unwanted: bool
    member: str
    date: str
    cluster: str
    raw: bytes


class Dataset(NamedTuple):
    """Vectors with their labels, in the order of source, date and member."""

    sources: npt.NDArray[np.str_]
    unwanted: npt.NDArray[np.bool_]
    clusters: npt.NDArray[np.str_]
    names: tuple[str, ...]
    """Signals, one a column of `matrix`."""
    matrix: npt.NDArray[np.float32]
    texts: list[str]
    digest: str
    """Hex SHA-256 over the digests and labels of the messages in order."""


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
                    member=row["member"],
                    date=row["date"],
                    cluster=f"{source}:{row['cluster'] or row['member']}",
                    raw=refang(raw) if source in DEFANGED else raw,
                )


def build(messages: Iterator[Labelled], processes: int = 2) -> Dataset:
    """Vectors of every signal for labelled messages. Raises TrainingRejected when there is one class only."""
    ordered = sorted(messages, key=lambda m: (m.source, m.date, m.member))
    if len({message.unwanted for message in ordered}) < 2:  # noqa: PLR2004 - wanted and unwanted
        raise TrainingRejected("training needs wanted and unwanted mail; there is one class only")
    names = signal_set().names
    batches = [ordered[at : at + BATCH] for at in range(0, len(ordered), BATCH)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(partial(_vectors, names), batches))
    state = hashlib.sha256()
    for message in ordered:
        state.update(hashlib.sha256(message.raw).digest() + bytes([message.unwanted]))
    return Dataset(
        sources=np.array([m.source for m in ordered]),
        unwanted=np.array([m.unwanted for m in ordered]),
        clusters=np.array([m.cluster for m in ordered]),
        names=names,
        matrix=np.concatenate([matrix for matrix, _ in parts]),
        texts=[text for _, texts in parts for text in texts],
        digest=state.hexdigest(),
    )


def _vectors(names: tuple[str, ...], batch: list[Labelled]) -> tuple[npt.NDArray[np.float32], list[str]]:
    messages = open_all([parse(m.raw, received_at=_received(m.date)) for m in batch], _extractor())
    matrix, _ = compute_chunk(messages, set_=signal_set(names))
    return matrix, [read_by_model(message) for message in messages]


@cache
def _extractor() -> Extractor:
    """The server of this training process: vectors of training know attachments as those of workers do."""
    return Extractor()


def _received(date: str) -> datetime | None:
    try:
        return datetime.fromisoformat(date).replace(tzinfo=UTC)
    except ValueError:
        return None
