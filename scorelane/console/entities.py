"""Things that messages show, as sightings keep them: senders, domains, links, content, attachments."""

from __future__ import annotations

from db.search import Entity
from scorelane import choosing
from scorelane.signals.sightings import ATTACHMENT, CONTENT, DOMAIN, LINK_DOMAIN, SENDER, entity

KIND_NAMES = {
    SENDER: "sender",
    DOMAIN: "sender domain",
    LINK_DOMAIN: "link domain",
    CONTENT: "similar text",
    ATTACHMENT: "attachment",
}
TELLING = (CONTENT, ATTACHMENT, LINK_DOMAIN, SENDER)
"""Kinds that make messages alike, the strongest first."""


def sender(address: str) -> Entity:
    """An address in From."""
    return Entity(SENDER, entity(address.lower()))


def sender_domain(domain: str) -> Entity:
    """The registrable domain of an address in From."""
    return Entity(DOMAIN, entity(choosing.link_domain(domain)))


def link_domain(domain: str) -> Entity:
    """The registrable domain of a link."""
    return Entity(LINK_DOMAIN, entity(domain.lower()))


def attachment(sha256: str) -> Entity:
    """An attachment by the hexadecimal SHA-256 of its content."""
    return Entity(ATTACHMENT, bytes.fromhex(sha256)[:16])
