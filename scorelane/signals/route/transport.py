"""How a message travelled, what its identifiers say, and whether it is honest bulk mail.

Received headers below the handover are the sender's word; those above are the receiver's habits. Signals
here read the handover and the spread of times, and as little as possible of the rest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scorelane.signals import derived as _declared  # noqa: F401 - declares what the parameters name
from scorelane.signals.declaration import signal
from scorelane.signals.derived.senders import registrable

if TYPE_CHECKING:
    from scorelane.mail.message import Hop, Message

NO_HANDOVER = "no Received header names a public address"
HOUR_S = 3600.0
DYNAMIC = re.compile(
    r"(?:\d{1,3}[.x-]){3}\d{1,3}|dyn(?:amic)?[.-]|dial(?:up|in)?[.-]|\bppp|pool|dhcp|adsl|[.-]dsl|cable|"
    r"client|broadband|customer"
)
"""Names that providers give to homes, not to mail servers."""
REPLY = re.compile(r"\s*(?:re|aw|sv|antw|odp|vs|回复|答复)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE)  # noqa: RUF001 - as written in Chinese mail
FORWARD = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|i)\s*:", re.IGNORECASE)


@signal(version=1, missing="no Received header", range=(0, 50))
def hop_count(message: Message) -> float | None:
    """Received headers, at most 50."""
    return float(min(len(message.hops), 50)) if message.hops else None


@signal(version=1, missing="the first or last Received header has no time", range=(-720, 720))
def hop_span_hours(message: Message) -> float | None:
    """Hours from the oldest Received header to the newest, between -720 and 720."""
    hops = message.hops
    if len(hops) < 2 or hops[0].time is None or hops[-1].time is None:  # noqa: PLR2004 - a span has two ends
        return None
    return max(-720.0, min((hops[0].time - hops[-1].time).total_seconds() / HOUR_S, 720.0))


@signal(version=1, missing="no Date header that parses", range=(-720, 720))
def date_lag_hours(message: Message) -> float | None:
    """Hours from the Date header to receipt, between -720 and 720; negative is a date in the future."""
    if message.date is None:
        return None
    lag = (message.received_at - message.date).total_seconds() / HOUR_S
    return max(-720.0, min(lag, 720.0))


@signal(version=1, missing="no Date header that parses", attacks=("spam",), monotone=1)
def date_in_future(message: Message) -> float | None:
    """1 when the Date header is more than two hours after receipt: a clock or a liar."""
    if message.date is None:
        return None
    return float((message.date - message.received_at).total_seconds() > 2 * HOUR_S)


@signal(version=1, attacks=("spam",))
def date_missing(message: Message) -> float:
    """1 when there is no Date header that parses (RFC 5322 section 3.6.1 demands one)."""
    return float(message.date is None)


@signal(version=1, attacks=("spam",))
def message_id_missing(message: Message) -> float:
    """1 when there is no Message-ID (RFC 5322 section 3.6.4 asks for one)."""
    return float(not message.message_id)


@signal(version=1, missing="no Message-ID", attacks=("spam",), monotone=1)
def message_id_malformed(message: Message, message_id_domain: str) -> float | None:
    """1 when the Message-ID has no domain with a dot (RFC 5322 section 3.6.4)."""
    if not message.message_id:
        return None
    return float("@" not in message.message_id or "." not in message_id_domain.strip("."))


@signal(version=1, missing="no Message-ID with a domain, or no author", attacks=("spoofing",))
def message_id_domain_differs(message_id_domain: str, author_org: str) -> float | None:
    """1 when the Message-ID was made at another registrable domain than the author's."""
    if "." not in message_id_domain or not author_org:
        return None
    return float(registrable(message_id_domain) != author_org)


@signal(version=1, missing="no Message-ID with a domain, or no recipient", attacks=("spam",))
def message_id_by_recipient(message: Message, message_id_domain: str, author_org: str) -> float | None:
    """1 when the Message-ID carries the recipient's domain and the author has another.

    The receiver had to add it, because the sender's program did not.
    """
    if "." not in message_id_domain or not message.to or not author_org:
        return None
    org = registrable(message_id_domain)
    return float(org == registrable(message.to[0].domain) and org != author_org)


@signal(version=1, missing=NO_HANDOVER, attacks=("spam",), monotone=1)
def handover_without_name(handover: Hop | None) -> float | None:
    """1 when the address that handed the message over had no name (no PTR record)."""
    return None if handover is None else float(not handover.rdns)


@signal(version=1, missing="the handover has no name", attacks=("spam",), monotone=1)
def handover_from_home(handover: Hop | None) -> float | None:
    """1 when that name is one that providers give to homes: direct to MX from an infected machine.

    Source: Xie et al. 2007, "How dynamic are IP addresses?".
    """
    if handover is None or not handover.rdns:
        return None
    return float(DYNAMIC.search(handover.rdns[:253]) is not None)


@signal(version=1, missing=NO_HANDOVER, attacks=("spam",), monotone=1)
def helo_malformed(handover: Hop | None) -> float | None:
    """1 when the client's HELO at the handover is no name with a dot (RFC 5321 section 4.1.1.1)."""
    if handover is None or not handover.helo:
        return None
    name = handover.helo.strip("[]")
    return float("." not in name or name.replace(".", "").isdecimal())


@signal(version=1, missing="the handover has no HELO or no name", attacks=("spam",))
def helo_differs_from_name(handover: Hop | None) -> float | None:
    """1 when HELO and the looked-up name have different registrable domains."""
    if handover is None or not handover.helo or not handover.rdns:
        return None
    return float(registrable(handover.helo) != registrable(handover.rdns))


@signal(version=1, missing="the handover has no name, or no author")
def handover_is_authors(handover: Hop | None, author_org: str) -> float | None:
    """1 when the machine that handed over has a name in the author's domain."""
    if handover is None or not handover.rdns or not author_org:
        return None
    return float(registrable(handover.rdns) == author_org)


@signal(version=1, missing=NO_HANDOVER)
def handover_encrypted(handover: Hop | None) -> float | None:
    """1 when the handover was over TLS (ESMTPS, RFC 3848)."""
    if handover is None or not handover.with_:
        return None
    return float(handover.with_.upper().startswith(("ESMTPS", "UTF8SMTPS", "LMTPS")))


@signal(version=1, attacks=("spam",))
def claims_high_priority(message: Message) -> float:
    """1 when X-Priority, Priority or Importance say urgent."""
    given = (message.first("x-priority") or "3").strip()[:1]
    words = f"{message.first('importance') or ''} {message.first('priority') or ''}".lower()
    return float(given in {"1", "2"} or "high" in words or "urgent" in words)


@signal(version=1, attacks=("bec", "phishing"))
def reply_without_references(message: Message) -> float:
    """1 when the subject says Re: and neither In-Reply-To nor References is there: a made-up thread."""
    if not REPLY.match(message.subject):
        return 0.0
    return float(not message.in_reply_to and not message.references)


@signal(version=1)
def reply_with_references(message: Message) -> float:
    """1 when In-Reply-To or References name an earlier message and the subject agrees."""
    return float(bool(message.in_reply_to or message.references) and bool(REPLY.match(message.subject)))


@signal(version=1, range=(0, 50))
def reference_count(message: Message) -> float:
    """Messages named in References, at most 50."""
    return float(min(len(message.references), 50))


@signal(version=1)
def subject_says_forward(message: Message) -> float:
    """1 when the subject says that the message was forwarded."""
    return float(FORWARD.match(message.subject) is not None)


@signal(version=1, monotone=-1)
def one_click_unsubscribe(message: Message) -> float:
    """1 with List-Unsubscribe over HTTPS and List-Unsubscribe-Post: honest bulk mail (RFC 8058)."""
    way = message.first("list-unsubscribe") or ""
    post = message.first("list-unsubscribe-post") or ""
    return float("https:" in way.lower() and "one-click" in post.lower())


@signal(version=1, missing="no List-Unsubscribe with a URL, or no author")
def unsubscribe_is_authors(message: Message, author_org: str, is_by_bulk_mailer: bool) -> float | None:  # noqa: FBT001 - a dependency
    """1 when List-Unsubscribe leads to the author's own domain or to a known bulk mailer (RFC 2369)."""
    way = message.first("list-unsubscribe")
    if not way or not author_org:
        return None
    hosts = UNSUBSCRIBE_HOST.findall(way[:2_000].lower())
    if not hosts:
        return None
    return float(is_by_bulk_mailer or any(registrable(host) == author_org for host in hosts[:5]))


UNSUBSCRIBE_HOST = re.compile(r"(?:https?://|mailto:[^@>\s]{1,200}@)([\w.-]{1,253})")


@signal(version=1)
def bulk_mailer(is_by_bulk_mailer: bool) -> float:  # noqa: FBT001 - a dependency
    """1 when an e-mail service provider sent it. Source: reference list `bulk_mailers`."""
    return float(is_by_bulk_mailer)


@signal(version=1)
def bulk_headers(message: Message) -> float:
    """Share of the honest bulk sender's headers that are there; 0 to 1.

    List-Unsubscribe, Feedback-ID, Precedence or Auto-Submitted, and a complaints address (RFC 2369, 3834).
    """
    has = message.index
    return (
        ("list-unsubscribe" in has)
        + ("feedback-id" in has)
        + ("precedence" in has or "auto-submitted" in has)
        + ("x-report-abuse" in has or "x-complaints-to" in has or "x-csa-complaints" in has)
    ) / 4


@signal(version=1, missing="no Return-Path, or no author", monotone=-1)
def bulk_chain_aligned(
    message: Message,
    author_org: str,
    return_org: str,
    is_by_bulk_mailer: bool,  # noqa: FBT001 - a dependency
) -> float | None:
    """How well a bulk message's identities hang together; 0 to 1.

    A third each: it can be left (List-Unsubscribe), its bounces go to the author's domain or a known
    provider, and a DKIM signature names the author's domain.
    """
    if not author_org or not return_org:
        return None
    signed = any(registrable(domain) == author_org for domain in message.dkim_domains[:10])
    home = return_org == author_org or is_by_bulk_mailer
    return (("list-unsubscribe" in message.index) + home + signed) / 3


@signal(version=1)
def is_bounce(message: Message) -> float:
    """1 for a delivery report: multipart/report or a null Return-Path (RFC 3464, 5321)."""
    null = message.return_path is not None and not message.return_path.domain
    return float(message.content_type == "multipart/report" or null)


@signal(version=1, range=(0, 50), attacks=("spam",))
def defect_count(message: Message) -> float:
    """Things malformed or cut that the parser met, at most 50."""
    return float(min(len(message.defects), 50))


@signal(version=2, range=(0, 10), attacks=("spam", "phishing"), monotone=1)
def repeated_single_headers(message: Message) -> float:
    """Headers that may stand once and stand more often (RFC 5322 section 3.6), at most 10."""
    index = message.index
    return float(min(sum([len(index.get(name, ())) > 1 for name in SINGLE]), 10))


SINGLE = ("from", "to", "subject", "date", "message-id", "reply-to", "sender", "cc", "content-type", "mime-version")


@signal(version=1, attacks=("spam",))
def mime_version_missing(message: Message) -> float:
    """1 when the message has MIME content and no MIME-Version (RFC 2045 section 4)."""
    return float("content-type" in message.index and "mime-version" not in message.index)
