"""Labelled vectors with what training reads beside them: from the database, as logged at scoring, or an export."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from db import bases, labelled, rescans
from scorelane.cli.errors import CommandError, Misused
from scorelane.scoring import tokens
from scorelane.scoring.training.corpus import SAFE_CLASSES, UNSAFE_CLASSES, Dataset
from scorelane.signals import parquet
from scorelane.signals.columns import aligned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from db.labelled import Span, Vector
    from db.session import Connection
    from scorelane.signals import SignalSet
    from scorelane.signals.columns import Columns

TEXTS_AT_ONCE = 256
ABOUT = ("tenant", "received_at", "revision", "label", "weight", "labelled_at", "signal_set")


class Page(NamedTuple):
    """Some rows, with their values and statuses in the columns of a set: shape (rows, signals)."""

    rows: list[Vector]
    values: npt.NDArray[np.float32]
    statuses: npt.NDArray[np.uint8]

    def about(self) -> dict[str, list[object]]:
        """What each row is, by the names of an export's first columns."""
        return {
            "message_id": [str(row.message_id) for row in self.rows],
            **{name: [getattr(row, name) for row in self.rows] for name in ABOUT},
        }


class Text(NamedTuple):
    """What training reads of one message; empty where its raw mail is gone."""

    campaign: str
    words: npt.NDArray[np.int32]


def pages(connection: Connection, span: Span, set_: SignalSet) -> Iterator[Page]:
    """Labelled vectors of a span, in the columns of a set."""
    columns_of = columns(connection)
    for rows in labelled.labelled(connection, span):
        sets, vectors, statuses = zip(*((row.signal_set, row.vector, row.statuses) for row in rows), strict=True)
        yield Page(rows, *aligned(sets, vectors, statuses, set_, columns_of))


def columns(connection: Connection) -> Callable[[str], Columns]:
    """Columns of a stored signal set by its hash, asked for once."""

    @cache
    def columns_of(digest: str) -> Columns:
        return bases.signals(connection, digest) or (None, ())

    return columns_of


def texts(connection: Connection, page: Page) -> list[Text]:
    """Hashed words and campaign of each row of a page, from the raw mail that is still stored."""
    out = []
    for start in range(0, len(page.rows), TEXTS_AT_ONCE):
        out += _texts(connection, page.rows[start : start + TEXTS_AT_ONCE])
    return out


def _texts(connection: Connection, rows: Sequence[Vector]) -> list[Text]:
    import zstandard

    from scorelane.exporting import MOST_RAW_BYTES
    from scorelane.mail import parse
    from scorelane.scoring import read_by_model
    from scorelane.signals.fingerprint import bands

    raw = rescans.raw(connection, [row.message_id for row in rows])
    said, campaigns = [], []
    for row in rows:
        content = raw.get(row.message_id)
        if content is None:
            said.append("")
            campaigns.append("")
            continue
        mail = zstandard.ZstdDecompressor().decompress(content, max_output_size=MOST_RAW_BYTES)
        message = parse(mail, received_at=row.received_at)
        prints = bands(message)
        said.append(read_by_model(message))
        campaigns.append(prints[0].hex() if prints else "")
    found = tokens.tokens_of(said)
    return [
        Text(campaign, found.buckets[found.starts[at] : found.starts[at + 1]]) for at, campaign in enumerate(campaigns)
    ]


def of_database(connection: Connection, span: Span, set_: SignalSet) -> Dataset:
    """What people labelled, with the vectors that were logged when it was scored. Raises CommandError for none."""
    about: dict[str, list[object]] = {}
    values: list[npt.NDArray[np.float32]] = []
    said: list[Text] = []
    for page in pages(connection, span, set_):
        for name, column in page.about().items():
            about.setdefault(name, []).extend(column)
        values.append(page.values)
        said += texts(connection, page)
    if not values:
        raise CommandError("no labelled message has a stored vector; see: scorelane labels list")
    return _dataset(about, np.concatenate(values), said, set_)


def of_file(path: Path, set_: SignalSet) -> Dataset:
    """What an export holds. Raises Misused or NotExported."""
    logged = parquet.read(path, set_)
    if logged.words_edition not in (None, tokens.EDITION):
        raise Misused(
            f"{path}: its words are hashed by edition {logged.words_edition}, this code by {tokens.EDITION}; "
            "export again"
        )
    strange = next((label for label in logged.about["label"] if label not in SAFE_CLASSES | UNSAFE_CLASSES), "")
    if strange != "":
        raise Misused(f"{path}: {strange!r} in the column label is neither legitimate nor attack nor spam")
    nothing = np.zeros(0, np.int32)
    words = logged.words or [nothing] * len(logged.campaigns)
    said = [Text(campaign, found) for campaign, found in zip(logged.campaigns, words, strict=True)]
    return _dataset(logged.about, logged.values, said, set_)


def _dataset(
    about: dict[str, list[object]], values: npt.NDArray[np.float32], said: Sequence[Text], set_: SignalSet
) -> Dataset:
    """The rows in the order of tenant, time of receipt and message."""
    ids, times = [str(one) for one in about["message_id"]], [str(one) for one in about["received_at"]]
    sources = [str(one) for one in about["tenant"]]
    order = np.array(sorted(range(len(ids)), key=lambda at: (sources[at], times[at], ids[at])), np.intp)
    labels = np.array([str(one) for one in about["label"]])[order]
    clusters = [f"{sources[at]}:{said[at].campaign or ids[at]}" for at in order]
    weights = np.array(about["weight"], np.float64)[order]
    counts = np.array([len(said[at].words) for at in order], np.int64)
    buckets = np.concatenate([np.zeros(0, np.int32), *(said[at].words for at in order)])
    state = hashlib.sha256(set_.hash.encode())
    for at, label, weight in zip(order, labels.tolist(), weights.tolist(), strict=True):
        state.update(f"{ids[at]} {sources[at]} {label} {weight}\n".encode() + values[at].astype("<f4").tobytes())
    state.update(buckets.astype("<i4").tobytes())
    return Dataset(
        sources=np.array(sources)[order],
        unwanted=np.array([label not in SAFE_CLASSES for label in labels.tolist()]),
        labels=labels,
        clusters=np.array(clusters),
        names=set_.names,
        matrix=values[order],
        words=tokens.Tokens(buckets.astype(np.int32), np.cumsum(np.concatenate((np.zeros(1, np.int64), counts)))),
        weights=weights,
        digest=state.hexdigest(),
    )
