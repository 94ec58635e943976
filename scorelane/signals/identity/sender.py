"""Whether the names and addresses that a message gives itself fit together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scorelane.signals import derived as _declared  # noqa: F401 - declares what the parameters name
from scorelane.signals.declaration import signal
from scorelane.signals.derived.senders import name_words, registrable, skeleton

if TYPE_CHECKING:
    from scorelane.mail.message import Address, Message
    from scorelane.signals.derived.names import NameFinder
    from scorelane.signals.reference import Lists

ADDRESS_IN_NAME = re.compile(r"[\w.+-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,8})")
DOMAIN_IN_NAME = re.compile(r"\b[a-z0-9-]{2,63}\.(?:com|net|org|info|biz|gov|edu|co|io|[a-z]{2})\b")
NO_AUTHOR = "no From address with a domain"


@signal(version=1, attacks=("spam",), monotone=1)
def author_missing(author: Address | None) -> float:
    """1 when From names no mailbox with a domain (RFC 5322 section 3.6.2 demands one)."""
    return float(author is None)


@signal(version=1, range=(0, 10))
def author_count(message: Message) -> float:
    """Mailboxes in From, at most 10; more than one is legal and rare (RFC 5322 section 3.6.2)."""
    return float(min(len(message.from_), 10))


@signal(version=1, missing="no Reply-To header, or no author", attacks=("bec", "advance_fee"), monotone=1)
def reply_to_domain_differs(reply_org: str, author_org: str) -> float | None:
    """1 when replies go to another registrable domain than the author's.

    Source: Ho et al. 2019, "Detecting and characterizing lateral phishing at scale", section 2.
    """
    return float(reply_org != author_org) if reply_org and author_org else None


@signal(version=1, missing="no Reply-To header", attacks=("bec", "advance_fee"), monotone=1)
def reply_to_free_mail_differs(message: Message, author: Address | None, lists: Lists) -> float | None:
    """1 when replies go to a free mailbox that is not the author's."""
    if not message.reply_to:
        return None
    reply = message.reply_to[0]
    own = author.addr if author else ""
    return float(reply.domain in lists.free_mail and reply.addr != own)


@signal(version=1, missing="no Reply-To header, or no author", attacks=("bec",))
def reply_to_same_local_other_domain(message: Message, author: Address | None) -> float | None:
    """1 when Reply-To keeps the author's local part at another domain: a look-alike mailbox."""
    if not message.reply_to or author is None:
        return None
    reply = message.reply_to[0]
    return float(reply.local.lower() == author.local.lower() and reply.domain != author.domain)


@signal(version=1, missing="no author, or no Return-Path", attacks=("spoofing",))
def return_path_differs(return_org: str, author_org: str) -> float | None:
    """1 when bounces go to another registrable domain than the author's (RFC 5321 section 4.4)."""
    return float(return_org != author_org) if return_org and author_org else None


@signal(version=1, missing="no author, or no Return-Path", attacks=("spoofing",))
def return_path_differs_and_no_bulk_mailer(
    return_path_differs: float | None,
    is_by_bulk_mailer: bool,  # noqa: FBT001 - a dependency
    message: Message,
) -> float | None:
    """1 when bounces go elsewhere and neither a known bulk mailer nor a mailing list explains it."""
    if return_path_differs is None:
        return None
    explained = is_by_bulk_mailer or "list-id" in message.index or "list-post" in message.index
    return float(return_path_differs == 1 and not explained)


@signal(version=1, missing="no Sender header, or no author", attacks=("spoofing",))
def sender_header_differs(message: Message, author_org: str) -> float | None:
    """1 when Sender has another registrable domain than From (RFC 5322 section 3.6.2)."""
    if not message.sender or not author_org:
        return None
    return float(registrable(message.sender[0].domain) != author_org)


@signal(version=1, missing=NO_AUTHOR, attacks=("bec", "advance_fee"))
def author_free_mail(author: Address | None, author_is_free_mail: bool) -> float | None:  # noqa: FBT001 - a dependency
    """1 when anybody could have the author's address. Source: reference list `free_mail`."""
    return None if author is None else float(author_is_free_mail)


@signal(version=1, missing=NO_AUTHOR, attacks=("spam", "phishing"), monotone=1)
def author_disposable(author: Address | None, author_org: str, lists: Lists) -> float | None:
    """1 when the author's domain gives throw-away addresses. Source: reference list `disposable`."""
    return None if author is None else float(author_org in lists.disposable)


@signal(version=2, missing=NO_AUTHOR, attacks=("phishing", "spam"), monotone=1)
def author_suspicious_tld(author: Address | None, lists: Lists) -> float | None:
    """1 when the author's top-level domain sees far more abuse than use (list `suspicious_tlds`)."""
    return None if author is None else float(author.domain.rpartition(".")[2] in lists.suspicious_tlds)


@signal(version=1, missing=NO_AUTHOR, attacks=("phishing",), monotone=1)
def author_on_free_host(author: Address | None, author_org: str, lists: Lists) -> float | None:
    """1 when the author's domain is a page under a free host or a tenant's default name."""
    if author is None:
        return None
    return float(author_org in lists.free_hosts or author.domain.endswith(".onmicrosoft.com"))


@signal(version=1, missing=NO_AUTHOR, range=(0, 20))
def author_domain_labels(author: Address | None) -> float | None:
    """Dots in the author's domain, at most 20."""
    return None if author is None else float(min(author.domain.count("."), 20))


@signal(version=1, missing=NO_AUTHOR, attacks=("phishing", "spam"))
def author_domain_digit_share(author_org: str) -> float | None:
    """Share of digits in the registrable domain's main label; 0 to 1."""
    label = author_org.split(".", 1)[0]
    return sum(map(str.isdecimal, label)) / len(label) if label else None


@signal(version=1, missing=NO_AUTHOR, range=(0, 10), attacks=("phishing",))
def author_domain_hyphens(author_org: str) -> float | None:
    """Hyphens in the registrable domain, at most 10."""
    return float(min(author_org.count("-"), 10)) if author_org else None


@signal(version=1, missing=NO_AUTHOR, range=(0, 64))
def author_local_length(author: Address | None) -> float | None:
    """Characters of the local part, at most 64 (RFC 5321 section 4.5.3.1.1)."""
    return None if author is None else float(min(len(author.local), 64))


@signal(version=1, missing=NO_AUTHOR, attacks=("spam", "phishing"))
def author_local_digit_share(author: Address | None) -> float | None:
    """Share of digits in the local part; 0 to 1. Made-up accounts are numbered."""
    if author is None or not author.local:
        return None
    return sum(map(str.isdecimal, author.local)) / len(author.local)


@signal(version=1, missing=NO_AUTHOR)
def author_is_role(author: Address | None, lists: Lists) -> float | None:
    """1 when the local part is a role (support, billing, noreply). Source: list `role_locals`."""
    if author is None:
        return None
    local = author.local.lower()
    return float(local in lists.role_locals or local.startswith(("no-reply", "noreply", "donotreply")))


@signal(version=1, missing=NO_AUTHOR, attacks=("spoofing",))
def display_name_missing(author: Address | None, author_name: str) -> float | None:
    """1 when From gives a bare address."""
    return None if author is None else float(not author_name)


@signal(version=1, missing="no display name", attacks=("phishing", "spoofing"), monotone=1)
def display_name_other_address(author_name: str, author_org: str) -> float | None:
    """1 when the display name shows an address of another registrable domain.

    Source: RFC 7489 section 15.4 (display name attacks).
    """
    if not author_name:
        return None
    found = ADDRESS_IN_NAME.search(author_name)
    return float(found is not None and registrable(found[1]) != author_org)


@signal(version=1, missing="no display name", attacks=("phishing", "spoofing"), monotone=1)
def display_name_other_domain(author_name: str, author_org: str) -> float | None:
    """1 when the display name shows a domain that is not the author's."""
    if not author_name:
        return None
    found = DOMAIN_IN_NAME.search(author_name)
    return float(found is not None and registrable(found[0]) != author_org)


@signal(version=1, missing="no display name, or no author")
def display_name_fits_address(author: Address | None, author_name: str) -> float | None:
    """Share of the display name's words that stand in the address; 0 to 1."""
    words = name_words(author_name)
    if author is None or not words:
        return None
    address = skeleton(author.addr)
    return sum(skeleton(word) in address for word in words) / len(words)


@signal(version=1, missing="no display name", attacks=("bec",))
def display_name_is_executive(author_name: str, executive_titles: NameFinder) -> float | None:
    """1 when the display name carries a title of the head or purse of an organisation."""
    return float(bool(executive_titles.words(author_name))) if author_name else None


@signal(version=1, missing="no display name")
def display_name_upper_share(message: Message, author_name: str) -> float | None:
    """Share of capitals among the display name's characters; 0 to 1."""
    if not author_name:
        return None
    name = message.from_[0].name[:300]
    return sum(map(str.isupper, name)) / max(len(name), 1)


@signal(version=1, missing="no recipient", attacks=("spam", "spoofing"))
def author_is_recipient(author: Address | None, recipient_addresses: frozenset[str]) -> float | None:
    """1 when the message is from one of those it goes to: a trick to look familiar."""
    if author is None or not recipient_addresses:
        return None
    return float(author.addr in recipient_addresses)


@signal(version=1, missing="no author, or no recipient", attacks=("spoofing",))
def author_shares_recipient_domain(author_org: str, message: Message) -> float | None:
    """1 when author and first recipient have one registrable domain."""
    to = message.to[0].domain if message.to else ""
    return float(registrable(to) == author_org) if to and author_org else None


@signal(version=1, attacks=("spam", "bec"))
def recipients_undisclosed(message: Message) -> float:
    """1 when neither To nor Cc names a mailbox."""
    return float(not any(address.domain for address in (*message.to, *message.cc)))


@signal(version=1, range=(0, 100))
def recipient_count(message: Message) -> float:
    """Mailboxes in To and Cc, at most 100."""
    return float(min(len(message.to) + len(message.cc), 100))


@signal(version=1, missing="To has no display name", attacks=("spam",))
def recipient_name_is_address(message: Message) -> float | None:
    """1 when the first recipient's display name is only the address or its local part."""
    if not message.to or not message.to[0].name:
        return None
    first = message.to[0]
    return float(first.name.lower() in {first.addr, first.local.lower()})
