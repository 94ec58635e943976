"""What a chunk's messages are scored from: parsed mail with the context that each may know."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import zstandard

from scorelane.mail import Envelope, Message, parse
from scorelane.scoring import context
from scorelane.signals.sightings import Shown, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.chunks import Stored
    from scorelane.signals.compute import Facts
    from scorelane.signals.context import History

MAX_RAW_BYTES = 64 * 1024 * 1024


class Input(NamedTuple):
    """One message, parsed, with its context."""

    stored: Stored
    message: Message
    shown: Shown
    history: History | None = None
    facts: Facts | None = None
    """By kind; None where enrichment has not been asked."""
    extractor: str = ""
    """Version of the extractor whose stored results the message carries."""

    @property
    def fact_ids(self) -> tuple[str, ...] | None:
        """Ids of the facts, sorted; None where enrichment has not been asked."""
        if self.facts is None:
            return None
        return tuple(sorted({fact.fact_id for of_kind in self.facts.values() for fact in of_kind}))


def read(stored: Sequence[Stored]) -> list[Input]:
    """Stored messages, parsed."""
    found = []
    for row in stored:
        message = _message(row)
        seen = shown(message, mailbox=row.mailbox, at=row.received_at, outbound=row.direction == "outbound")
        found.append(Input(row, message, seen))
    return found


def as_logged(stored: Sequence[Stored]) -> list[Input]:
    """Stored messages with the history that their current vector consumed: what came later is not let in."""
    return [
        one._replace(history=None if one.stored.context is None else context.decode(one.stored.context).history)
        for one in read(stored)
    ]


def _message(row: Stored) -> Message:
    raw = zstandard.ZstdDecompressor().decompress(row.content, max_output_size=MAX_RAW_BYTES)
    envelope = None if row.envelope is None else msgspec.msgpack.decode(row.envelope, type=Envelope)
    return parse(raw, received_at=row.received_at, envelope=envelope)
