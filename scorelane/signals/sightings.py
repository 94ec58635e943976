"""What a message shows of whom: the entities that sightings record and that history is asked about.

An entity is 16 bytes that stand for a name, so that sightings are looked up and never listed by name.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from scorelane.signals.derived.links import web_links
from scorelane.signals.derived.senders import registrable
from scorelane.signals.derived.transport import handover
from scorelane.signals.fingerprint import bands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from scorelane.mail.message import Address, Message

SENDER, DOMAIN, LINK_DOMAIN, CONTENT, ATTACHMENT = 1, 2, 3, 4, 5
PAIR, ALIAS, NAME, WROTE_TO, HOUR, RECIPIENTS, STRUCTURE, MAILER = 6, 7, 8, 9, 10, 11, 12, 13
LINK_URL, LINK_HOST, HANDOVER = 14, 15, 16
"""Kinds. Their numbers are permanent: stored rows hold them.

SENDER a From address; DOMAIN its registrable domain; PAIR address and mailbox; ALIAS address with display name and
NAME display name with address, each sharing the first `PREFIX` bytes of what comes first; WROTE_TO an address that
the tenant wrote to; HOUR, RECIPIENTS, STRUCTURE an address with its part of the day, recipient set, header order;
MAILER the program that the headers name; CONTENT a band of the text's fingerprint. LINK_URL, LINK_HOST (where it is
not the registrable domain) and HANDOVER (the address that handed the message over) are there to find the carriers of
what turns bad later; history does not read them.
"""

PREFIX = 10
MOST_LINKS = 16
"""Link domains of one message that are recorded, in order; history is asked about the same ones."""
MOST_ATTACHMENTS = 32
MOST_URL_CHARS = 1024
MOST_RECIPIENTS = 64
HOURS_OF_PART = 3

# Headers that the sender's program writes, in its order; receivers add others above and between.
_WRITTEN = frozenset(
    {
        "from", "to", "cc", "subject", "date", "message-id", "mime-version", "content-type", "reply-to", "sender",
        "x-mailer", "user-agent", "content-transfer-encoding", "content-language", "in-reply-to", "references",
        "list-unsubscribe", "list-id", "x-priority", "importance", "thread-topic", "thread-index", "feedback-id",
    }
)  # fmt: skip


class Shown(NamedTuple):
    """The entities of one message, None or empty where it does not show one."""

    outbound: bool
    sender: bytes | None = None
    domain: bytes | None = None
    pair: bytes | None = None
    alias: bytes | None = None
    name: bytes | None = None
    hour: bytes | None = None
    recipients: bytes | None = None
    structure: bytes | None = None
    mailer: bytes | None = None
    links: tuple[bytes, ...] = ()
    contents: tuple[bytes, ...] = ()
    attachments: tuple[bytes, ...] = ()
    written_to: tuple[bytes, ...] = ()
    urls: tuple[bytes, ...] = ()
    hosts: tuple[bytes, ...] = ()
    handover: bytes | None = None

    def all(self) -> tuple[tuple[int, bytes], ...]:
        """(kind, entity) of everything shown, sorted, each once: the rows to record."""
        one = (
            (SENDER, self.sender),
            (DOMAIN, self.domain),
            (PAIR, self.pair),
            (ALIAS, self.alias),
            (NAME, self.name),
            (HOUR, self.hour),
            (RECIPIENTS, self.recipients),
            (STRUCTURE, self.structure),
            (MAILER, self.mailer),
            (HANDOVER, self.handover),
        )
        found = [(kind, entity) for kind, entity in one if entity is not None]
        found += [(LINK_DOMAIN, entity) for entity in self.links]
        found += [(CONTENT, entity) for entity in self.contents]
        found += [(ATTACHMENT, entity) for entity in self.attachments]
        found += [(WROTE_TO, entity) for entity in self.written_to]
        found += [(LINK_URL, entity) for entity in self.urls]
        found += [(LINK_HOST, entity) for entity in self.hosts]
        return tuple(sorted(set(found)))


def shown(message: Message, *, mailbox: str, at: datetime, outbound: bool = False) -> Shown:
    """What a message that reached a mailbox at a time shows. Outbound mail shows whom the tenant wrote to."""
    recipients = [*message.to, *message.cc][:MOST_RECIPIENTS]
    if outbound:
        known = [r.addr for r in recipients if r.domain] + [r.lower() for r in message.envelope.rcpt_to]
        return Shown(outbound=True, written_to=tuple(dict.fromkeys(entity(a) for a in known[:MOST_RECIPIENTS])))
    domains = list(dict.fromkeys(link.url.domain for link in message.links if link.url.domain))
    digests = list(_digests(message))
    hop = handover(message)
    followed = web_links(message)
    hosts = dict.fromkeys(link.url.host for link in followed if link.url.host != link.url.domain)
    found = Shown(
        outbound=False,
        mailer=_mailer(message),
        links=tuple(entity(domain) for domain in domains[:MOST_LINKS]),
        contents=bands(message),
        attachments=tuple(bytes.fromhex(digest)[:16] for digest in digests[:MOST_ATTACHMENTS]),
        urls=tuple(
            entity(url) for url in list(dict.fromkeys(url_key(link.url.href) for link in followed))[:MOST_LINKS]
        ),
        hosts=tuple(entity(host) for host in list(hosts)[:MOST_LINKS]),
        handover=entity(hop.ip) if hop is not None and hop.ip else None,
    )
    author = message.author
    if author is None or not author.domain:
        return found
    addr, name = author.addr, folded(author.name)
    return found._replace(
        sender=entity(addr),
        domain=entity(registrable(author.domain)),
        pair=entity(f"{addr}\0{mailbox}"),
        alias=entity(addr)[:PREFIX] + entity(name)[: 16 - PREFIX] if name else None,
        name=entity(name)[:PREFIX] + entity(addr)[: 16 - PREFIX] if name else None,
        hour=entity(f"{addr}\0{at.hour // HOURS_OF_PART}"),
        recipients=_recipients(addr, recipients),
        structure=entity(f"{addr}\0{' '.join(n for n, _ in _written(message))}"),
    )


def _digests(message: Message) -> Iterator[str]:
    """Of the attachments of a message and of those nested in it, which are opened as well."""
    yield from (part.sha256 for part in message.attachments if part.sha256)
    for inner in message.nested:
        yield from _digests(inner)


def carrier_entities(kind: str, named: str) -> tuple[tuple[int, bytes], ...]:
    """Under which sightings the messages stand that carry what a fact of this kind names."""
    if kind == "hash_listed":
        try:
            return ((ATTACHMENT, bytes.fromhex(named)[:16]),)
        except ValueError:
            return ()
    kinds = {"domain_listed": (DOMAIN, LINK_DOMAIN, LINK_HOST), "url_listed": (LINK_URL,), "ip_listed": (HANDOVER,)}
    return tuple((one, entity(named)) for one in kinds.get(kind, ()))


def url_key(href: str) -> str:
    """A normalised URL as facts, feeds and sightings name it: no fragment, at most 1,024 characters."""
    bare = href.partition("#")[0]
    if len(bare) <= MOST_URL_CHARS:
        return bare
    return bare[: MOST_URL_CHARS - 65] + "~" + sha256(bare.encode("utf-8", "replace")).hexdigest()


def folded(name: str) -> str:
    """A display name as it is compared: lower case, single spaces."""
    return " ".join(name.lower().split())


@lru_cache(maxsize=16384)
def entity(name: str) -> bytes:
    """The first 16 bytes of the name's SHA-256."""
    return sha256(name.encode("utf-8", "surrogatepass")).digest()[:16]


def _written(message: Message) -> list[tuple[str, str]]:
    lowered = ((name.lower(), value) for name, value in message.headers)
    return [(name, value) for name, value in lowered if name in _WRITTEN]


def _mailer(message: Message) -> bytes | None:
    """The program without its version: letters of the first words."""
    said = message.first("x-mailer") or message.first("user-agent")
    if not said:
        return None
    words = "".join(c if c.isalpha() else " " for c in said[:80].lower()).split()
    return entity(" ".join(words[:4])) if words else None


def _recipients(addr: str, recipients: list[Address]) -> bytes | None:
    """The set of a message to several people; None for one recipient, which PAIR covers."""
    several = sorted({r.addr for r in recipients if r.domain})
    return entity(f"{addr}\0{' '.join(several)}") if len(several) > 1 else None
