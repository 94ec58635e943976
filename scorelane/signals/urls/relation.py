"""How the links go together with what the reader sees and with who sent the message."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scorelane.signals.declaration import signal
from scorelane.signals.derived.names import NameFinder, within
from scorelane.signals.derived.senders import registrable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scorelane.mail.message import Address, Link, Message
    from scorelane.signals.derived.names import LookalikeIndex
    from scorelane.signals.reference import Lists

NO_LINK = "no link that a reader can follow"
NO_ANCHOR = "no HTML link"
SHOWN = re.compile(r"^\s*(?:https?://)?((?:[\w-]{1,63}\.){1,8}[a-z]{2,24})(?:[/?:#\s]|$)", re.IGNORECASE)
CALL_WORDS = NameFinder((
    "click", "here", "login", "log in", "signin", "sign in", "verify", "confirm", "update", "view", "open", "review",
    "download", "access", "continue", "restore", "hier", " ici", "aqui", "aqu\u00ed", "clique", "clicca", "klik",
))  # fmt: skip
"""Words of links that say what to do, not where they lead."""
SCANNED = 50
CALL_CHARS = 60
"""A link that calls to act is short."""


@signal(version=2, missing=NO_ANCHOR, attacks=("phishing",), monotone=1)
def link_text_names_other_domain(anchors: tuple[Link, ...], author_org: str, lists: Lists) -> float | None:
    """Share of links whose visible text shows one registrable domain and whose target is another; 0 to 1.

    Trackers of known bulk mailers, and the author's own, do not count.
    Source: Fette et al. 2007, "Learning to detect phishing emails", section 3.2.
    """
    if not anchors:
        return None
    lies = 0
    for link in anchors[:SCANNED]:
        if "." not in link.text[:100] or link.url.domain in lists.bulk_mailers:
            continue
        shown = SHOWN.match(link.text[:300])
        if shown is not None and link.url.domain != author_org:
            lies += registrable(shown[1].lower()) != link.url.domain
    return lies / min(len(anchors), SCANNED)


@signal(version=2, missing=NO_ANCHOR, attacks=("phishing",), monotone=1)
def link_text_brand_mismatch(anchors: tuple[Link, ...], lists: Lists, brand_orgs: frozenset[str]) -> float | None:
    """1 when a link's text shows a brand's own domain and the target belongs to no brand."""
    if not anchors:
        return None
    for link in anchors[:SCANNED]:
        shown = SHOWN.match(link.text[:300]) if "." in link.text[:100] else None
        if (
            shown is not None
            and registrable(shown[1].lower()) in brand_orgs
            and link.url.domain not in brand_orgs
            and link.url.domain not in lists.bulk_mailers
        ):
            return 1.0
    return 0.0


@signal(version=2, missing="no HTML link says click, log in or the like", attacks=("phishing",))
def call_to_action_leaves_author(anchors: tuple[Link, ...], author_org: str, lists: Lists) -> float | None:
    """Share of "click here", "log in" links that lead outside the author's domain; 0 to 1.

    Trackers of known bulk mailers do not count as outside. Source: Fette et al. 2007, section 3.3.
    """
    calls = [
        link.url.domain
        for link in anchors[:SCANNED]
        if len(link.text) <= CALL_CHARS and CALL_WORDS.anywhere(link.text.lower())
    ]
    if not calls or not author_org:
        return None
    return sum(domain != author_org and domain not in lists.bulk_mailers for domain in calls) / len(calls)


@signal(version=2, missing="no link, or no author", attacks=("phishing",))
def link_share_to_author(link_domains: Mapping[str, int], author_org: str) -> float | None:
    """Share of followed links that lead to the author's own domain; 0 to 1."""
    if not link_domains or not author_org:
        return None
    return link_domains.get(author_org, 0) / sum(link_domains.values())


@signal(version=2, missing="no link, or no author")
def link_share_to_author_or_mailer(
    link_domains: Mapping[str, int], author_org: str, return_org: str, lists: Lists
) -> float | None:
    """Share of links to the author's, the bounce's or a known bulk mailer's domain; 0 to 1."""
    if not link_domains or not author_org:
        return None
    home = sum(n for d, n in link_domains.items() if d in (author_org, return_org) or d in lists.bulk_mailers)
    return home / sum(link_domains.values())


@signal(version=2, missing="no loaded image, or no author")
def images_from_author(loaded_domains: frozenset[str], author_org: str, lists: Lists) -> float | None:
    """1 when an image comes from the author's own domain or a known bulk mailer."""
    if not loaded_domains or not author_org:
        return None
    return float(author_org in loaded_domains or not lists.bulk_mailers.isdisjoint(loaded_domains))


@signal(version=2, missing="no loaded image, or no followed link", attacks=("phishing",))
def images_from_brand_links_elsewhere(
    loaded_domains: frozenset[str], link_domains: Mapping[str, int], author_org: str, brand_orgs: frozenset[str]
) -> float | None:
    """1 when images come from a brand's own site and some links leave every brand and the author.

    Kits load the logo from the brand they copy. Source: Khonji et al. 2013, section IV.
    """
    if not loaded_domains or not link_domains:
        return None
    copied = (loaded_domains & brand_orgs) - {author_org}
    return float(bool(copied) and any(d not in brand_orgs and d != author_org for d in link_domains))


@signal(version=2, missing=NO_LINK, attacks=("phishing",), monotone=1)
def link_host_carries_brand(
    link_hosts: frozenset[str], brand_spelling: NameFinder, brand_orgs: frozenset[str]
) -> float | None:
    """1 when a link's host spells a brand of at least six letters outside the brand's own domains."""
    if not link_hosts:
        return None
    return float(any(brand_spelling.anywhere(host) and not within(host, brand_orgs) for host in link_hosts))


@signal(version=2, missing=NO_LINK, attacks=("phishing",))
def link_path_carries_brand(
    web_links: tuple[Link, ...],
    brand_spelling: NameFinder,
    brand_orgs: frozenset[str],
    author_org: str,
) -> float | None:
    """1 when a link's path spells a brand and neither a brand nor the author owns the host."""
    if not web_links:
        return None
    foreign = [
        link.url.path[:200]
        for link in web_links[:SCANNED]
        if link.url.domain != author_org and link.url.domain not in brand_orgs
    ]
    return float(brand_spelling.anywhere("\n".join(foreign).lower())) if foreign else 0.0


@signal(version=2, missing=NO_LINK, attacks=("phishing",), monotone=1)
def link_near_brand(link_domains: Mapping[str, int], brand_lookalikes: LookalikeIndex) -> float | None:
    """1 when a link's domain looks like a brand's and is not (see author_near_brand)."""
    return max(map(brand_lookalikes.match, link_domains)) if link_domains else None


@signal(version=2, missing="no directory, or no link", attacks=("phishing",), monotone=1)
def link_near_own_domain(link_domains: Mapping[str, int], own_lookalikes: LookalikeIndex) -> float | None:
    """1 when a link's domain looks like an own or partner domain and is neither."""
    if not own_lookalikes or not link_domains:
        return None
    return max(map(own_lookalikes.match, link_domains))


@signal(version=2, missing="no link, or no recipient", attacks=("phishing",))
def link_carries_recipient(link_hrefs: str, recipient_tokens: tuple[str, ...]) -> float | None:
    """1 when a link carries the recipient's address, plain or in base64, outside an unsubscribe link.

    Kits fill in the victim's address; honest mailers use an opaque number.
    """
    if not link_hrefs or not recipient_tokens:
        return None
    found = [token for token in recipient_tokens if token in link_hrefs]
    carriers = [href for href in link_hrefs.split("\n") if any(token in href for token in found)] if found else []
    return float(any(not LEAVE.search(href) for href in carriers))


LEAVE = re.compile(r"unsub|optout|opt-out|remove|preference|manage|abmeld|desinscri", re.IGNORECASE)


@signal(version=2, missing="no link, or no recipient", attacks=("phishing",))
def link_names_recipient_organisation(
    web_links: tuple[Link, ...], message: Message, author: Address | None
) -> float | None:
    """1 when the path, query or fragment of a link to a third party names the recipient's domain."""
    if not web_links or not message.to or "." not in message.to[0].domain or author is None:
        return None
    domain = message.to[0].domain
    own = {registrable(domain), registrable(author.domain)}
    return float(
        any(
            link.url.domain not in own and domain in link.url.href[len(link.url.host) + 8 :].lower()
            for link in web_links[:20]
        )
    )


@signal(version=1, missing="no form in the HTML, or no author", attacks=("phishing",), monotone=1)
def form_leaves_author(message: Message, author_org: str) -> float | None:
    """1 when a form in the message sends its fields outside the author's domain."""
    forms = [link.url.domain for link in message.links if link.source == "html_form"]
    if not forms or not author_org:
        return None
    return float(any(domain != author_org for domain in forms))


@signal(version=2, missing=NO_LINK)
def link_main_domain_share(link_domains: Mapping[str, int], main_link_domain: str) -> float | None:
    """Share of links that lead to the domain with most of them; 0 to 1."""
    return link_domains[main_link_domain] / sum(link_domains.values()) if link_domains else None


@signal(version=2, missing=NO_LINK)
def link_to_brand_share(link_domains: Mapping[str, int], brand_orgs: frozenset[str]) -> float | None:
    """Share of links that lead to known brands' own domains; 0 to 1."""
    if not link_domains:
        return None
    return sum(n for d, n in link_domains.items() if d in brand_orgs) / sum(link_domains.values())


@signal(version=2, missing="no link, or free-mail author, or no author", attacks=("phishing",))
def lone_stranger_link(
    link_domains: Mapping[str, int],
    author_org: str,
    author_is_free_mail: bool,  # noqa: FBT001 - a dependency
    lists: Lists,
) -> float | None:
    """1 when all links lead to one domain that is neither the author's nor a known bulk mailer's."""
    if not link_domains or not author_org or author_is_free_mail:
        return None
    if len(link_domains) > 1:
        return 0.0
    only = next(iter(link_domains))
    return float(only != author_org and only not in lists.bulk_mailers)
