"""Things that messages show, as sightings keep them: senders, domains, links, content, attachments."""

from __future__ import annotations

from db.search import Entity
from scorelane.mail.urls import parse_url
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
    return Entity(DOMAIN, entity(registrable(domain)))


def link_domain(domain: str) -> Entity:
    """The registrable domain of a link."""
    return Entity(LINK_DOMAIN, entity(domain.lower()))


def attachment(sha256: str) -> Entity:
    """An attachment by the hexadecimal SHA-256 of its content."""
    return Entity(ATTACHMENT, bytes.fromhex(sha256)[:16])


def registrable(text: str) -> str:
    """Registrable domain of a link, a host or a domain as people paste it, defanged or not; the text itself if none."""
    clean = text.strip().lower()
    url = parse_url(clean if ":" in clean else f"http://{clean}")
    return url.domain if url is not None and url.domain else clean
