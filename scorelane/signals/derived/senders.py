"""Who the message says it is from, in comparable forms."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from publicsuffixlist import PublicSuffixList

from scorelane.signals.declaration import derived

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


@derived
def protected_names(directory: Directory) -> tuple[str, ...]:
    """Main labels of own and partner domains, long enough to be told from chance."""
    return main_labels((*directory.domains, *directory.partners))


@derived
def partner_orgs(directory: Directory) -> frozenset[str]:
    """Registrable domains of partners."""
    return frozenset(registrable(domain) for domain in directory.partners)


@derived
def brand_orgs(lists: Lists) -> frozenset[str]:
    """Every registrable domain that a known brand owns."""
    return frozenset(domain for domains in lists.brands.values() for domain in domains)


@derived
def brand_labels(lists: Lists) -> tuple[str, ...]:
    """Main labels of brands' first domains, at least six letters."""
    return main_labels(name.replace(" ", "") + ".x" for name in lists.brands if name.replace(" ", "").isalpha())


def main_labels(domains: Iterable[str]) -> tuple[str, ...]:
    """The label before the public suffix of each domain, if it has at least six characters."""
    labels = {registrable(domain).split(".", 1)[0] for domain in domains}
    return tuple(sorted(label for label in labels if len(label) >= MIN_LABEL))


MIN_LABEL = 6
"""Shorter names are near too many others."""


@lru_cache(maxsize=16_384)
def distance_at_most_two(left: str, right: str) -> int:
    """Edits between two labels (insert, delete, replace, swap neighbours), or 3 for more than two.

    Source: Damerau 1964; the restricted form, banded.
    """
    if abs(len(left) - len(right)) > 2:  # noqa: PLR2004 - the two of the name
        return 3
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > 2:  # noqa: PLR2004 - the two of the name
            return 3
    return min(row[-1], 3)
