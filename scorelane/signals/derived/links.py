"""The message's links, in the groups that URL signals read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from scorelane.signals.declaration import derived

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scorelane.mail.message import Link, Message

WEB = frozenset({"http", "https", "ftp"})
FILED = frozenset({"calendar", "pdf", "office", "qr", "page", "shortcut"})
"""Where a link in a file can be followed."""
IN_BODY = frozenset({"html_anchor", "html_form", "text"})
CLICKED = IN_BODY | FILED | {"subject"}
"""Where a reader can follow a link."""
LOADED = frozenset({"html_image", "html_other"})
"""What a mail reader fetches by itself: images, frames, style sheets."""
SCANNED = 50
"""Links that signals look into; honest mail has many, and the first ones are what readers see."""
SCANNED_CHARS = 200


@derived
def web_links(message: Message) -> tuple[Link, ...]:
    """Links that a reader can follow to a host."""
    return tuple(
        [link for link in message.links if link.source in CLICKED and link.url.host and link.url.scheme in WEB]
    )


@derived
def anchors(web_links: tuple[Link, ...]) -> tuple[Link, ...]:
    """Links with a visible text of their own."""
    return tuple(link for link in web_links if link.source == "html_anchor")


@derived
def link_domains(web_links: tuple[Link, ...]) -> Mapping[str, int]:
    """Registrable domain of followed links to their number."""
    return Counter([link.url.domain for link in web_links])


@derived
def link_hosts(web_links: tuple[Link, ...]) -> frozenset[str]:
    """Hosts of followed links."""
    return frozenset([link.url.host for link in web_links])


@derived
def link_hrefs(web_links: tuple[Link, ...]) -> str:
    """The first followed links, one a line."""
    return "\n".join([link.url.href for link in web_links[:SCANNED]])


@derived
def link_paths(web_links: tuple[Link, ...]) -> str:
    """Host and path of the first followed links, one a line, in lower case; of a long path the start and the end."""
    paths = [(link.url.host, link.url.path) for link in web_links[:SCANNED]]
    most = SCANNED_CHARS
    return "\n".join(
        [
            f"{host}{path}" if len(path) <= most else f"{host}{path[:most]}{path[max(most, len(path) - 20) :]}"
            for host, path in paths
        ]
    ).lower()


@derived
def loaded_domains(message: Message) -> frozenset[str]:
    """Registrable domains of images and other parts that a mail reader loads."""
    return frozenset([link.url.domain for link in message.links if link.source in LOADED and link.url.domain])


@derived
def main_link_domain(link_domains: Mapping[str, int]) -> str:
    """Registrable domain of most links; empty without links."""
    return max(link_domains, key=link_domains.__getitem__) if link_domains else ""
