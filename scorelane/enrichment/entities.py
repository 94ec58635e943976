"""What a message carries that a provider can be asked about. Pure and bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from scorelane.signals.derived.links import link_domains, web_links
from scorelane.signals.derived.senders import registrable
from scorelane.signals.derived.transport import handover
from scorelane.signals.reference import shipped_lists
from scorelane.signals.sightings import url_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scorelane.mail import Message
    from scorelane.mail.message import Url
    from scorelane.signals.reference import Lists

MOST = 64
"""Most entities of one sort that a message is said to carry."""


class Carried(msgspec.Struct, frozen=True):
    """A message's entities, each once, in the message's order."""

    author_domain: str = ""
    """Registrable domain of the author; empty when there is none."""
    author_host: str = ""
    handover_ip: str = ""
    """Public address that handed the message over; empty when unknown."""
    link_domains: tuple[str, ...] = ()
    """Registrable domains of followed links; IP hosts left out."""
    link_hosts: tuple[str, ...] = ()
    https_hosts: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    """Followed web links, as `url_key` writes them."""
    short_urls: tuple[str, ...] = ()
    """Those that go through a link shortener."""
    hashes: tuple[str, ...] = ()
    """Hex SHA-256 of attachments."""

    def listed_as(self) -> tuple[tuple[str, str], ...]:
        """(kind, entity) pairs under which local feeds and lists may name something of this message."""
        domains = dict.fromkeys(
            filter(None, (self.author_domain, self.author_host, *self.link_domains, *self.link_hosts))
        )
        return (
            *(("domain_listed", domain) for domain in domains),
            *(
                ("domain_rank", domain)
                for domain in dict.fromkeys(filter(None, (self.author_domain, *self.link_domains)))
            ),
            *(("url_listed", url) for url in self.urls),
            *(("hash_listed", digest) for digest in self.hashes),
            *((("ip_listed", self.handover_ip),) if self.handover_ip else ()),
        )


def carried(message: Message, lists: Lists | None = None) -> Carried:
    """Entities of a parsed message; never raises. Shorteners are the operator's where `lists` are given."""
    links = web_links(message)
    hop = handover(message)
    author = next((address for address in message.from_ if address.domain), None)
    urls = _first(link.url for link in links)
    named = [url for url in urls if not url.is_ip]
    shorteners = (lists or shipped_lists()).shorteners
    return Carried(
        author_domain=registrable(author.domain) if author else "",
        author_host=author.domain[:253] if author else "",
        handover_ip=(hop.ip or "") if hop else "",
        link_domains=tuple(domain for domain in link_domains(links) if domain and not _is_ip(domain))[:MOST],
        link_hosts=tuple(dict.fromkeys(url.host for url in named)),
        https_hosts=tuple(
            dict.fromkeys(url.host for url in named if url.scheme == "https" and url.port in (None, 443))
        ),
        urls=tuple(dict.fromkeys(url_key(url.href) for url in urls)),
        short_urls=tuple(
            dict.fromkeys(url_key(url.href) for url in urls if url.domain in shorteners or url.host in shorteners)
        ),
        hashes=tuple(dict.fromkeys(part.sha256 for part in message.attachments if part.sha256))[:MOST],
    )


def _first(urls: Iterable[Url]) -> list[Url]:
    found: dict[str, Url] = {}
    for url in urls:
        found.setdefault(url.href, url)
        if len(found) >= MOST:
            break
    return list(found.values())


def _is_ip(domain: str) -> bool:
    return ":" in domain or domain.replace(".", "").isdigit()
