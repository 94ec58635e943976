"""Opens the attachments of a chunk's messages: what is known already is reused, the rest goes to the server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from scorelane.extract.protocol import decode, encode
from scorelane.extract.worth import Wanted, wanted
from scorelane.mail import Extraction, Opened, with_opened

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from scorelane.extract.client import Extractor
    from scorelane.mail import Message

BUDGET_S = 20.0
"""What one task may take for attachments, whatever is attached; well under its time limit."""

Key = tuple[bytes, str]
"""(SHA-256 of the content, true type): with the extractor's version, all that a result depends on."""


class Opening(NamedTuple):
    """A chunk with its attachments opened."""

    messages: list[Message]
    new: dict[Key, bytes]
    """Results that were not known, encoded, to be kept."""
    skipped: list[tuple[bytes, ...]]
    """For each message, hashes of the attachments that the budget left unopened; these are not kept."""


def keys(chosen: Sequence[Sequence[Wanted]]) -> list[Key]:
    """Keys of what `wanted` chose of each message, each once, in order of first appearance."""
    return list(dict.fromkeys((one.sha256, one.kind) for row in chosen for one in row))


def open_chunk(
    messages: Sequence[Message],
    extractor: Extractor,
    *,
    chosen: Sequence[Sequence[Wanted]] | None = None,
    known: Mapping[Key, bytes] | None = None,
    budget_s: float = BUDGET_S,
    clock: Callable[[], float] = time.monotonic,
) -> Opening:
    """Join messages with the extractions of their attachments.

    Equal bytes are opened once. Small files go first, so that a slow one seldom costs others their turn; when the
    budget is spent the rest has status timeout. `chosen` is what `wanted` gives for each message, where the caller
    has it already.

    Raises:
        Unavailable: when no server can be started; nothing is known about the attachments then.
    """
    rows = [wanted(message) for message in messages] if chosen is None else chosen
    have = dict(known or {})
    missing = {(one.sha256, one.kind): one for row in rows for one in row if (one.sha256, one.kind) not in have}
    new: dict[Key, bytes] = {}
    deadline = clock() + budget_s
    for key, one in sorted(missing.items(), key=lambda item: (item[1].part.size_bytes, item[0])):
        if clock() >= deadline:
            break
        new[key] = encode(extractor.open(one.part.content, one.kind))
    have |= new
    return Opening(
        [join(message, row, have) for message, row in zip(messages, rows, strict=True)],
        new,
        [tuple(one.sha256 for one in row if (one.sha256, one.kind) not in have) for row in rows],
    )


def open_all(messages: Sequence[Message], extractor: Extractor) -> list[Message]:
    """Messages joined with their attachments where nothing is kept and time is no matter: training, one command.

    Raises:
        Unavailable: when no server can be started.
    """
    return open_chunk(messages, extractor, budget_s=float("inf")).messages


def join(
    message: Message, chosen: Sequence[Wanted], known: Mapping[Key, bytes], skipped: Collection[bytes] = ()
) -> Message:
    """A message with the kept results of its attachments. This is the whole of a replay: nothing is opened.

    An attachment without a result, or in `skipped`, has status timeout, as it had when the budget was spent.
    """
    opened = []
    for one in chosen:
        stored = None if one.sha256 in skipped else known.get((one.sha256, one.kind))
        found = Extraction("timeout", one.kind, detail="chunk_budget") if stored is None else decode(stored)
        opened.append(Opened(one.place, one.part.filename, found))
    return with_opened(message, opened)
