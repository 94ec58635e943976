"""What a chunk's messages are scored from: parsed mail with the context that each may know."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import zstandard

from scorelane.mail import Envelope, Message, parse
from scorelane.scoring import context
from scorelane.signals.sightings import Shown, shown
from tasks.attachments import replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.chunks import Stored
    from db.session import Connection
    from scorelane.enrichment import Request
    from scorelane.signals.compute import Facts
    from scorelane.signals.context import History
    from tasks.attachments import Attachments, Known

MAX_RAW_BYTES = 64 * 1024 * 1024


class Input(NamedTuple):
    """One message, parsed, with its context."""

    stored: Stored
    message: Message
    shown: Shown
    history: History | None = None
    facts: Facts | None = None
    """By kind; None where enrichment has not been asked."""
    wanted: tuple[Request, ...] = ()
    """What has no answer yet: the score is provisional while there is any."""
    refresh: tuple[Request, ...] = ()
    """What has an old answer that is used, and is to be asked again."""
    extractor: str = ""
    """Version of the extractor whose stored results the message carries."""
    unopened: tuple[bytes, ...] = ()
    """SHA-256 of the attachments for which the chunk's time was not enough."""

    @property
    def fact_ids(self) -> tuple[str, ...] | None:
        """Ids of the facts, sorted; None where enrichment has not been asked."""
        if self.facts is None:
            return None
        return tuple(sorted({fact.fact_id for of_kind in self.facts.values() for fact in of_kind}))


def read(connection: Connection, tenant_id: int, stored: Sequence[Stored], attachments: Attachments) -> list[Input]:
    """Stored messages, parsed, their attachments opened."""
    known = attachments.open(connection, tenant_id, [_message(row) for row in stored])
    return [_input(*row) for row in zip(stored, known, strict=True)]


def as_logged(connection: Connection, tenant_id: int, stored: Sequence[Stored]) -> list[Input]:
    """Stored messages with the history and the attachments' results that their current vector consumed.

    What came later is not let in.
    """
    logged = [None if row.context is None else context.decode(row.context) for row in stored]
    known = replay(connection, tenant_id, [_message(row) for row in stored], logged)
    return [
        _input(row, one)._replace(history=None if said is None else said.history)
        for row, one, said in zip(stored, known, logged, strict=True)
    ]


def _input(row: Stored, known: Known) -> Input:
    seen = shown(known.message, mailbox=row.mailbox, at=row.received_at, outbound=row.direction == "outbound")
    return Input(row, known.message, seen, extractor=known.extractor, unopened=known.unopened)


def _message(row: Stored) -> Message:
    raw = zstandard.ZstdDecompressor().decompress(row.content, max_output_size=MAX_RAW_BYTES)
    envelope = None if row.envelope is None else msgspec.msgpack.decode(row.envelope, type=Envelope)
    return parse(raw, received_at=row.received_at, envelope=envelope)
