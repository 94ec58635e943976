"""Whether a message passes for a person, an organisation or a brand that it is not from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scorelane.signals.declaration import signal
from scorelane.signals.derived.names import MIN_LABEL, main_label
from scorelane.signals.derived.senders import name_words, registrable, unpuny

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scorelane.mail.message import Address, Message
    from scorelane.signals.derived.names import LookalikeIndex, NameFinder
    from scorelane.signals.reference import Lists

NO_AUTHOR = "no From address with a domain"
NO_PEOPLE = "the directory names no people, or From has no display name"
LATIN = re.compile(r"[a-z]")
NOT_LATIN = re.compile(r"[\u0370-\u058f]")
"""Greek, Cyrillic and Armenian: the scripts with Latin look-alikes."""


@signal(version=1, missing="no display name, or it names no known brand", attacks=("phishing",), monotone=1)
def display_name_brand_mismatch(name_brands: tuple[str, ...], author_org: str, lists: Lists) -> float | None:
    """1 when the display name says a brand and the address is not of one of its domains.

    Source: reference list `brands`. An organisation that carries the brand in its own domain counts half.
    """
    if not name_brands:
        return None
    if any(author_org in lists.brands[brand] for brand in name_brands):
        return 0.0
    return 0.5 if any(brand.replace(" ", "") in author_org for brand in name_brands) else 1.0


@signal(version=1, missing="the subject names no known brand, or no author", attacks=("phishing",))
def subject_brand_mismatch(subject_brands: tuple[str, ...], author_org: str, lists: Lists) -> float | None:
    """1 when the subject says a brand and the author's domain is not its own."""
    if not subject_brands or not author_org:
        return None
    return float(all(author_org not in lists.brands[brand] for brand in subject_brands))


@signal(version=1, missing="From's address spells no known brand", attacks=("phishing",), monotone=1)
def address_brand_mismatch(
    author: Address | None, brand_spelling: NameFinder, brand_orgs: frozenset[str], author_org: str
) -> float | None:
    """1 when the address spells a brand of at least six letters outside every brand's own domains."""
    if author is None or not brand_spelling.words(author.addr.replace("_", "-")):
        return None
    return float(author_org not in brand_orgs)


@signal(version=1, missing=NO_AUTHOR, attacks=("phishing", "bec"), monotone=1)
def author_near_brand(author_org: str, brand_lookalikes: LookalikeIndex) -> float | None:
    """1 when the domain looks like a known brand's and is not: a letter changed, or confusables.

    Source: Agten et al. 2015, "Seven months' worth of mistakes" (typosquatting models).
    """
    return brand_lookalikes.match(author_org) if author_org else None


@signal(version=1, missing="no directory, or no author", attacks=("bec", "phishing"), monotone=1)
def author_near_own_domain(author_org: str, own_lookalikes: LookalikeIndex) -> float | None:
    """1 when the author's domain looks like an own or partner domain and is neither."""
    return own_lookalikes.match(author_org) if own_lookalikes and author_org else None


@signal(version=1, missing="no directory, or no author", attacks=("bec", "phishing"), monotone=1)
def author_contains_own_name(author_org: str, own_lookalikes: LookalikeIndex) -> float | None:
    """1 when a foreign domain carries the main label of an own or partner domain inside."""
    if not own_lookalikes or not author_org:
        return None
    if author_org in own_lookalikes.allowed:
        return 0.0
    return float(any(name in author_org for name in own_lookalikes.labels))


@signal(version=1, missing=NO_AUTHOR, attacks=("phishing",), monotone=1)
def author_domain_punycode(author: Address | None) -> float | None:
    """1 when the author's domain is internationalised (RFC 5890)."""
    return None if author is None else float("xn--" in author.domain)


@signal(version=1, missing=NO_AUTHOR, attacks=("phishing",), monotone=1)
def author_domain_mixed_script(author: Address | None) -> float | None:
    """1 when one label of the author's domain mixes Latin with Greek, Cyrillic or Armenian.

    Source: Unicode TS 39 section 5.
    """
    if author is None:
        return None
    if "xn--" not in author.domain:
        return 0.0
    return float(any(_mixed(label) for label in unpuny(author.domain).split(".")))


@signal(version=1, missing="no display name", attacks=("phishing", "bec"), monotone=1)
def display_name_mixed_script(author_name: str) -> float | None:
    """1 when a word of the display name mixes Latin with Greek, Cyrillic or Armenian letters."""
    if not author_name:
        return None
    return float(not author_name.isascii() and any(map(_mixed, author_name.split())))


def _mixed(word: str) -> bool:
    return bool(LATIN.search(word) and NOT_LATIN.search(word))


@signal(version=1, missing=NO_PEOPLE, attacks=("bec",), monotone=1)
def employee_name_from_outside(
    author_name: str,
    author: Address | None,
    people_by_name: Mapping[frozenset[str], bool],
    people_addresses: frozenset[str],
    is_from_own_domain: bool,  # noqa: FBT001 - a dependency
) -> float | None:
    """1 when the display name is that of one of the tenant's people and the address is not."""
    if not people_by_name or not author_name or author is None:
        return None
    known = is_from_own_domain or author.addr in people_addresses
    return float(not known and name_words(author_name) in people_by_name)


@signal(version=1, missing=NO_PEOPLE, attacks=("bec",), monotone=1)
def vip_name_from_outside(
    author_name: str, employee_name_from_outside: float | None, people_by_name: Mapping[frozenset[str], bool]
) -> float | None:
    """1 when such a display name is a VIP's."""
    if employee_name_from_outside is None:
        return None
    return float(employee_name_from_outside == 1 and people_by_name.get(name_words(author_name), False))


@signal(version=1, missing="no directory, or no display name", attacks=("bec", "phishing"), monotone=1)
def display_name_says_own_organisation(
    author_name: str,
    own_lookalikes: LookalikeIndex,
    is_from_own_domain: bool,  # noqa: FBT001 - a dependency
) -> float | None:
    """1 when the display name carries the tenant's main label and the address is foreign."""
    if not own_lookalikes or not author_name:
        return None
    return float(not is_from_own_domain and any(name in author_name for name in own_lookalikes.labels))


@signal(version=1, missing="no directory, or no author", monotone=-1)
def author_is_partner(author_org: str, partner_orgs: frozenset[str]) -> float | None:
    """1 when the author's domain is a partner's."""
    return float(author_org in partner_orgs) if partner_orgs and author_org else None


@signal(version=1, missing=NO_AUTHOR)
def author_is_brand(author_org: str, brand_orgs: frozenset[str]) -> float | None:
    """1 when From claims a known brand's own domain; whether truly is the auth family's matter."""
    return float(author_org in brand_orgs) if author_org else None


@signal(version=1, missing="the recipient has no domain of its own", attacks=("phishing",), monotone=1)
def display_name_says_recipient_domain(author_name: str, message: Message, author_org: str) -> float | None:
    """1 when the display name carries the recipient's domain or its label and the address does not.

    "example.com support" from elsewhere: mass phishing that fills in the victim's organisation.
    """
    if not message.to or not message.to[0].domain or not author_name:
        return None
    org = registrable(message.to[0].domain)
    label = main_label(org)
    shown = org in author_name or (len(label) >= MIN_LABEL and label in author_name)
    return float(shown and org != author_org)
