"""Between storage and scoring: stored rows become messages, results become rows."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
import zstandard

from db.scores import NewScore
from scorelane.mail import Envelope, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.bundles import Pointer
    from db.chunks import Stored
    from scorelane.mail import Message
    from scorelane.scoring import Scorer

SENDER, SENDER_DOMAIN, LINK_DOMAIN, CONTENT, ATTACHMENT = 1, 2, 3, 4, 5
"""Kinds of entity that a sighting records."""

MAX_ENTITIES = 64
"""Most link domains and attachments of one message that become sightings."""

MAX_RAW_BYTES = 64 * 1024 * 1024


def score(stored: Sequence[Stored], scorer: Scorer, pointer: Pointer) -> list[NewScore]:
    """Rows to save for a chunk's messages, in their order."""
    messages = [_message(row) for row in stored]
    if not messages:
        return []
    scored = scorer.score(messages)
    basis_time = datetime.now(UTC)
    return [
        NewScore(
            message_id=row.id,
            mailbox_id=row.mailbox_id,
            received_at=row.received_at,
            cause="intake",
            provisional=False,
            log_odds=float(scored.log_odds[position]),
            score=float(scored.score[position]),
            verdict=scored.verdicts[position],
            category=scored.categories[position],
            bundle=pointer.live,
            signal_set=scorer.bundle.signal_set.hash,
            policy_version=0,
            basis_pointer=pointer.version,
            basis_time=basis_time,
            text_log_odds=float(scored.text_log_odds[position]),
            vector=scored.matrix[position].astype("<f4").tobytes(),
            statuses=scored.statuses[position],
            context=msgspec.msgpack.encode({"directory": 0, "mailbox": row.mailbox}),
            sender=_text(message.author.addr, 320) if message.author else None,
            sender_domain=_text(message.author.domain, 255) if message.author else None,
            subject=_text(message.subject, 998),
            header_message_id=_text(message.message_id, 998) or None,
            outbound=row.direction == "outbound",
            sightings=_sightings(message),
        )
        for position, (row, message) in enumerate(zip(stored, messages, strict=True))
    ]


def _message(row: Stored) -> Message:
    raw = zstandard.ZstdDecompressor().decompress(row.content, max_output_size=MAX_RAW_BYTES)
    envelope = None if row.envelope is None else msgspec.msgpack.decode(row.envelope, type=Envelope)
    return parse(raw, received_at=row.received_at, envelope=envelope)


def _sightings(message: Message) -> tuple[tuple[int, bytes], ...]:
    found: set[tuple[int, bytes]] = set()
    if message.author is not None and message.author.domain:
        found.add((SENDER, _entity(message.author.addr)))
        found.add((SENDER_DOMAIN, _entity(message.author.domain)))
    domains = list(dict.fromkeys(link.url.domain for link in message.links if link.url.domain))
    found.update((LINK_DOMAIN, _entity(domain)) for domain in domains[:MAX_ENTITIES])
    digests = [part.sha256 for part in message.attachments if part.sha256]
    found.update((ATTACHMENT, bytes.fromhex(digest)[:16]) for digest in digests[:MAX_ENTITIES])
    if message.text:
        found.add((CONTENT, _entity(" ".join(message.text.lower().split()))))
    return tuple(sorted(found))


def _entity(name: str) -> bytes:
    """16 bytes that stand for an entity: sightings are looked up, never listed by name."""
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _text(value: str, most: int) -> str:
    """What Postgres can store: no NUL, no lone surrogates, bounded."""
    return value[:most].replace("\0", "").encode("utf-8", "replace").decode("utf-8")
