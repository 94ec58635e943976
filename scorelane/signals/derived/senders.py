"""Who the message says it is from, in comparable forms."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from functools import lru_cache
from typing import TYPE_CHECKING

from publicsuffixlist import PublicSuffixList

from scorelane.signals.declaration import derived

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scorelane.mail.message import Address, Message
    from scorelane.signals.context import Directory
    from scorelane.signals.reference import Lists

SUFFIXES = PublicSuffixList()

CONFUSABLE = str.maketrans(
    "01357$@|!аеорсухіѕԁɡһјӏոѵԝкмтвнαορντικεıłøđ",
    "olestsaliaeopcyxisdghjlnvwkmtbhaopvtikeilod",
)
"""Characters that look like a Latin letter, to it (after Unicode TS 39, the few that fraud uses)."""

MAX_DOMAIN = 253
"""Characters of the longest host name (RFC 1035 section 2.3.4)."""

WORD = re.compile(r"[^\W_]+")


@lru_cache(maxsize=65_536)
def registrable(domain: str) -> str:
    """Domain that somebody registered (public suffix list), or the name itself where there is none."""
    domain = domain[:MAX_DOMAIN]
    return SUFFIXES.privatesuffix(domain) or domain


@lru_cache(maxsize=16_384)
def skeleton(text: str) -> str:
    """Lower-case letters that a reader takes the text for: lookalikes, accents and doubles undone."""
    text = unicodedata.normalize("NFKD", text.lower()).translate(CONFUSABLE)
    text = "".join(char for char in text if char.isalnum())
    return text.replace("rn", "m").replace("vv", "w")


@lru_cache(maxsize=16_384)
def unpuny(domain: str) -> str:
    """A domain in Unicode, or as it is where its punycode does not decode."""
    if "xn--" not in domain:
        return domain
    try:
        return ".".join(
            label[4:].encode().decode("punycode") if label.startswith("xn--") else label for label in domain.split(".")
        )
    except (UnicodeError, ValueError):
        return domain


@lru_cache(maxsize=16_384)
def name_words(name: str) -> frozenset[str]:
    """Words of a person's name, order and case left out, accents undone."""
    plain = unicodedata.normalize("NFKD", name.lower())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return frozenset(word for word in WORD.findall(plain) if len(word) > 1)


@derived
def author(message: Message) -> Address | None:
    """First From address that has a domain, or None."""
    for address in message.from_:
        if address.domain:
            return address
    return None


@derived
def author_org(author: Address | None) -> str:
    """Registrable domain of the author; empty when there is none."""
    return registrable(author.domain) if author else ""


@derived
def author_name(message: Message) -> str:
    """Display name of the first From address, lower case; empty when there is none."""
    return message.from_[0].name.lower().strip()[:300] if message.from_ else ""


@derived
def author_is_free_mail(author: Address | None, author_org: str, lists: Lists) -> bool:
    """Whether anybody could have the author's address."""
    return bool(author) and (author.domain in lists.free_mail or author_org in lists.free_mail)  # type: ignore[union-attr] # bool(author) excludes None


@derived
def reply_org(message: Message) -> str:
    """Registrable domain of the first Reply-To address; empty when there is none."""
    return registrable(message.reply_to[0].domain) if message.reply_to else ""


@derived
def return_org(message: Message) -> str:
    """Registrable domain of the Return-Path; empty when unknown or null."""
    return registrable(message.return_path.domain) if message.return_path else ""


@derived
def recipient_addresses(message: Message) -> frozenset[str]:
    """Envelope, To and Cc addresses."""
    given = [address.addr for address in (*message.to[:100], *message.cc[:100]) if address.domain]
    return frozenset((*given, *(rcpt.lower() for rcpt in message.envelope.rcpt_to[:100])))


@derived
def recipient_tokens(recipient_addresses: frozenset[str]) -> tuple[str, ...]:
    """How a recipient's address stands in a link: plain, percent-encoded, or in base64."""
    found: list[str] = []
    for address in sorted(recipient_addresses)[:5]:
        if "@" in address:
            coded = b64encode(address.encode("utf-8", "replace")).decode("ascii").rstrip("=")
            # The last character of base64 depends on what follows the address.
            found += (address, address.replace("@", "%40"), coded[:-1])
    return tuple(found)


@derived
def own_orgs(directory: Directory) -> frozenset[str]:
    """Registrable domains of the tenant; empty without a directory."""
    return frozenset(registrable(domain) for domain in directory.domains)


@derived
def people_by_name(directory: Directory) -> Mapping[frozenset[str], bool]:
    """Name words of each of the tenant's people to whether one so named is a VIP."""
    found: dict[frozenset[str], bool] = {}
    for person in directory.people:
        words = name_words(person.name)
        if len(words) > 1:
            found[words] = found.get(words, False) or person.is_vip
    return found


@derived
def people_addresses(directory: Directory) -> frozenset[str]:
    """Every address of the tenant's people, private ones that the directory knows included."""
    return frozenset(addr.lower() for person in directory.people for addr in person.addresses)


@derived
def is_from_own_domain(author_org: str, own_orgs: frozenset[str]) -> bool:
    """Whether From claims one of the tenant's domains."""
    return author_org in own_orgs
