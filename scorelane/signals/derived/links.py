"""The message's links, in the groups that URL signals read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from scorelane.signals.declaration import derived

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scorelane.mail.message import Link, Message

WEB = frozenset({"http", "https", "ftp"})
CLICKED = frozenset({"html_anchor", "html_form", "text", "calendar", "pdf", "office", "qr", "subject"})
"""Where a reader can follow a link; images and style sheets are loaded, not followed."""


@derived
def web_links(message: Message) -> tuple[Link, ...]:
    """Links that a reader can follow to a host."""
    return tuple(link for link in message.links if link.url.host and link.url.scheme in WEB and link.source in CLICKED)


@derived
def anchors(web_links: tuple[Link, ...]) -> tuple[Link, ...]:
    """Links with a visible text of their own."""
    return tuple(link for link in web_links if link.source == "html_anchor")


@derived
def link_domains(web_links: tuple[Link, ...]) -> Mapping[str, int]:
    """Registrable domain of followed links to their number."""
    return Counter(link.url.domain for link in web_links)


@derived
def link_hosts(web_links: tuple[Link, ...]) -> frozenset[str]:
    """Hosts of followed links."""
    return frozenset(link.url.host for link in web_links)


@derived
def loaded_domains(message: Message) -> frozenset[str]:
    """Registrable domains of images and other parts that are loaded."""
    return frozenset(link.url.domain for link in message.links if link.url.domain and link.source not in CLICKED)


@derived
def main_link_domain(link_domains: Mapping[str, int]) -> str:
    """Registrable domain of most links; empty without links."""
    return max(link_domains, key=link_domains.__getitem__) if link_domains else ""
