"""One message as an analyst reads it: parsed on this side of the wall, bounded, and safe to print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import zstandard

from db.search import Entity
from scorelane.console import entities
from scorelane.mail import Envelope, parse

if TYPE_CHECKING:
    from datetime import datetime

    from scorelane.mail import Link, Message

MOST_RAW_BYTES = 64 * 1024 * 1024
MOST_LINKS, MOST_HEADERS, MOST_PARTS = 60, 200, 60


class LinkRow(NamedTuple):
    """One link target, however often and wherever it stands."""

    href: str
    domain: str
    texts: tuple[str, ...]
    sources: tuple[str, ...]
    hidden: bool
    tricks: tuple[str, ...]
    rewriters: tuple[str, ...]


def unpack(content: bytes) -> bytes:
    """Raw mail from storage."""
    return zstandard.ZstdDecompressor().decompress(content, max_output_size=MOST_RAW_BYTES)


def parsed(stored: tuple[bytes, datetime, bytes | None, str]) -> Message:
    """The message of a stored row."""
    content, received_at, envelope, _ = stored
    known = None if envelope is None else msgspec.msgpack.decode(envelope, type=Envelope)
    return parse(unpack(content), received_at=received_at, envelope=known)


def links(message: Message) -> list[LinkRow]:
    """Link targets in order, each once; the first MOST_LINKS."""
    found: dict[str, list[Link]] = {}
    for link in message.links:
        found.setdefault(link.url.href, []).append(link)
    return [
        LinkRow(
            href,
            seen[0].url.domain,
            tuple(dict.fromkeys(link.text for link in seen if link.text))[:3],
            tuple(dict.fromkeys(link.source for link in seen)),
            any(link.hidden for link in seen),
            tuple(sorted(seen[0].url.tricks)),
            seen[0].url.rewriters,
        )
        for href, seen in list(found.items())[:MOST_LINKS]
    ]


def named(reach: list[dict[str, Any]], message: Message | None, sender: str | None) -> list[dict[str, Any]]:
    """Rows of `db.search.reach` with the names that their keys stand for; rows without a name are left out."""
    names: dict[Entity, tuple[str, dict[str, str]]] = {}
    if sender:
        names[entities.sender(sender)] = (sender, {"sender": sender})
    if message is not None:
        for link in message.links:
            if link.url.domain:
                names[entities.link_domain(link.url.domain)] = (link.url.domain, {"link": link.url.domain})
        for part in message.attachments:
            if part.sha256:
                names[entities.attachment(part.sha256)] = (part.filename or part.sha256, {"hash": part.sha256})
    rows = []
    for row in reach:
        found = names.get(Entity(row["kind"], bytes(row["entity"])))
        if found is not None:
            rows.append({**row, "name": found[0], "filter": found[1], "kind_name": entities.KIND_NAMES[row["kind"]]})
    rows.sort(key=lambda row: (entities.TELLING.index(row["kind"]), -row["messages"]))
    return rows
