"""What the message's links look like, whoever sent it."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from math import log2
from typing import TYPE_CHECKING

from scorelane.signals import derived as _declared  # noqa: F401 - declares what the parameters name
from scorelane.signals.declaration import signal
from scorelane.signals.derived.links import FILED, IN_BODY, SCANNED
from scorelane.signals.derived.names import NameFinder, within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scorelane.mail.message import Link, Message
    from scorelane.signals.reference import Lists

NO_LINK = "no link that a reader can follow"
OBFUSCATIONS = frozenset({
    "userinfo", "integer_ip", "hex_ip", "percent_host", "bidi", "zero_width", "backslash", "tab_newline",
    "fullwidth", "nested_scheme",
})  # fmt: skip
"""Tricks that have no honest use; hxxp and [.] are what analysts write, punycode is a language."""
LURE_WORDS = NameFinder((
    "login", "log-in", "signin", "sign-in", "logon", "verif", "secur", "account", "update", "confirm", "webscr",
    "password", "passwd", "auth", "billing", "wallet", "recover", "unlock", "suspend", "validat", "webmail",
    "office365", "onedrive", "sharepoint",
))  # fmt: skip
REDIRECT = re.compile(
    r"[?&](?:u|url|q|to|r|redirect|redirect_uri|dest|destination|next|goto|target|link)=(?:https?(?::|%3a)|//)",
    re.IGNORECASE,
)
RISKY_FILE = re.compile(
    r"\.(?:exe|scr|zip|rar|7z|iso|img|js|jse|vbs|wsf|hta|msi|bat|cmd|ps1|lnk|apk|jar|dmg|cab)$", re.MULTILINE
)
KIT_PATH = re.compile(r"/(?:wp-content|wp-includes|wp-admin|\.well-known|~\w+)/")


@signal(version=2, range=(0, 100))
def link_count(web_links: tuple[Link, ...]) -> float:
    """Links that a reader can follow, at most 100."""
    return float(min(len(web_links), 100))


@signal(version=2, range=(0, 50))
def link_domain_count(link_domains: Mapping[str, int]) -> float:
    """Different registrable domains of such links, at most 50."""
    return float(min(len(link_domains), 50))


@signal(version=2, missing=NO_LINK, attacks=("phishing",), monotone=1)
def link_to_ip(web_links: tuple[Link, ...]) -> float | None:
    """1 when a link's host is a bare address. Source: Fette et al. 2007, section 3.1."""
    return float(any(link.url.is_ip for link in web_links)) if web_links else None


@signal(version=2, missing=NO_LINK, attacks=("phishing",), range=(0, 20))
def link_max_dots(link_hosts: frozenset[str]) -> float | None:
    """Most dots in a link's host, at most 20. Source: Fette et al. 2007, section 3.6."""
    return float(min(max(host.count(".") for host in link_hosts), 20)) if link_hosts else None


@signal(version=2, missing=NO_LINK, range=(0, 2048))
def link_max_length(web_links: tuple[Link, ...]) -> float | None:
    """Characters of the longest link, at most 2,048."""
    return float(min(max(len(link.url.href) for link in web_links), 2048)) if web_links else None


@signal(version=2, missing=NO_LINK, range=(0, 253))
def link_max_host_length(link_hosts: frozenset[str]) -> float | None:
    """Characters of the longest host."""
    return float(min(max(map(len, link_hosts)), 253)) if link_hosts else None


@signal(version=2, missing=NO_LINK, range=(0, 6), attacks=("phishing", "spam"))
def link_domain_entropy(link_domains: Mapping[str, int]) -> float | None:
    """Highest Shannon entropy of a link domain's main label, in bits a character."""
    labels = [domain.split(".", 1)[0][:63] for domain in list(link_domains)[:10]]
    return max(map(_entropy, labels)) if labels else None


@lru_cache(maxsize=16_384)
def _entropy(label: str) -> float:
    if not label:
        return 0.0
    counts = Counter(label).values()
    return max(0.0, -sum(n / len(label) * log2(n / len(label)) for n in counts))


@signal(version=2, missing=NO_LINK, attacks=("phishing", "spam"))
def link_domain_digit_share(link_domains: Mapping[str, int]) -> float | None:
    """Highest share of digits in a link domain's main label; 0 to 1."""
    shares = [_digit_share(domain.split(".", 1)[0]) for domain in link_domains]
    return max(shares) if shares else None


def _digit_share(label: str) -> float:
    return sum(map(str.isdecimal, label)) / len(label) if label else 0.0


@signal(version=2, missing=NO_LINK, range=(0, 10), attacks=("phishing",))
def link_max_hyphens(link_hosts: frozenset[str]) -> float | None:
    """Most hyphens in a link's host, at most 10."""
    return float(min(max(host.count("-") for host in link_hosts), 10)) if link_hosts else None


@signal(version=1, missing=NO_LINK, attacks=("phishing",), range=(0, 10), monotone=1)
def link_obfuscations(message: Message) -> float | None:
    """Different obfuscations that stand in links (userinfo, hex address, bidi, ...), at most 10.

    Source: WHATWG URL, "host parsing"; RFC 3986 section 7.6.
    """
    if not message.links:
        return None
    found: set[str] = set()
    for link in message.links[:SCANNED]:
        if link.url.tricks:
            found |= link.url.tricks & OBFUSCATIONS
    return float(len(found))


@signal(version=2, missing=NO_LINK, attacks=("phishing",), monotone=1)
def link_userinfo(web_links: tuple[Link, ...]) -> float | None:
    """1 when a link carries a user name before its host (RFC 3986 section 7.6)."""
    return float(any(link.url.has_userinfo for link in web_links)) if web_links else None


@signal(version=2, missing=NO_LINK, attacks=("phishing",), monotone=1)
def link_punycode(link_hosts: frozenset[str]) -> float | None:
    """1 when a link's host is internationalised (RFC 5890)."""
    return float(any("xn--" in host for host in link_hosts)) if link_hosts else None


@signal(version=2, missing=NO_LINK, attacks=("phishing",))
def link_odd_port(web_links: tuple[Link, ...]) -> float | None:
    """1 when a link names a port other than 80 and 443."""
    return float(any(link.url.port not in {None, 80, 443} for link in web_links)) if web_links else None


@signal(version=2, missing=NO_LINK)
def link_https_share(web_links: tuple[Link, ...]) -> float | None:
    """Share of followed links over HTTPS; 0 to 1."""
    if not web_links:
        return None
    return sum(link.url.scheme == "https" for link in web_links) / len(web_links)


@signal(version=2, missing=NO_LINK, attacks=("phishing", "spam"))
def link_shortener(link_hosts: frozenset[str], link_domains: Mapping[str, int], lists: Lists) -> float | None:
    """1 when a link goes through a shortener. Source: reference list `shorteners`."""
    if not link_hosts:
        return None
    return float(not lists.shorteners.isdisjoint(link_domains) or not lists.shorteners.isdisjoint(link_hosts))


@signal(version=2, missing=NO_LINK, attacks=("phishing",))
def link_free_host(link_hosts: frozenset[str], lists: Lists) -> float | None:
    """1 when a link goes to where anybody gets a page. Source: reference list `free_hosts`."""
    return float(any(within(host, lists.free_hosts) for host in link_hosts)) if link_hosts else None


@signal(version=2, missing=NO_LINK, attacks=("phishing",), monotone=1)
def link_form_builder(link_hosts: frozenset[str], lists: Lists) -> float | None:
    """1 when a link goes to where anybody makes a form. Source: reference list `form_builders`."""
    return float(any(within(host, lists.form_builders) for host in link_hosts)) if link_hosts else None


@signal(version=2, missing=NO_LINK, attacks=("phishing", "spam"), monotone=1)
def link_suspicious_tld(link_domains: Mapping[str, int], lists: Lists) -> float | None:
    """1 when a link's top-level domain sees far more abuse than use (list `suspicious_tlds`)."""
    if not link_domains:
        return None
    return float(any(domain.rpartition(".")[2] in lists.suspicious_tlds for domain in link_domains))


@signal(version=2, missing=NO_LINK, attacks=("phishing",), monotone=1)
def link_open_redirect(web_links: tuple[Link, ...], lists: Lists) -> float | None:
    """1 when a link names another address in its query at a host known to redirect (OWASP, CWE-601)."""
    if not web_links:
        return None
    return float(
        any(
            REDIRECT.search(f"?{link.url.query}") is not None
            for link in web_links[:SCANNED]
            if link.url.query and (link.url.host in lists.redirectors or link.url.domain in lists.redirectors)
        )
    )


@signal(version=2, missing=NO_LINK, range=(0, 5))
def link_rewriter_depth(web_links: tuple[Link, ...]) -> float | None:
    """Rewriters that the parser unwrapped from one link, at most 5."""
    return float(min(max(len(link.url.rewriters) for link in web_links), 5)) if web_links else None


@signal(version=2, missing=NO_LINK, attacks=("phishing",))
def link_lure_words(link_paths: str) -> float | None:
    """1 when a link's host or path carries a word of sign-in pages (login, verify, secure, ...)."""
    return float(LURE_WORDS.anywhere(link_paths)) if link_paths else None


@signal(version=2, missing=NO_LINK, attacks=("phishing",))
def link_broken_into_site(link_paths: str) -> float | None:
    """1 when a link's path is one where kits are put on sites broken into (wp-includes, ~user, ...).

    Source: Corona et al. 2017, "DeltaPhish".
    """
    return float(KIT_PATH.search(link_paths) is not None) if link_paths else None


@signal(version=2, missing=NO_LINK, attacks=("malware",), monotone=1)
def link_to_program(link_paths: str) -> float | None:
    """1 when a link ends in a program's, script's, archive's or disk image's name."""
    return float(RISKY_FILE.search(link_paths) is not None) if link_paths else None


@signal(version=2, missing=NO_LINK, attacks=("spam",))
def link_bare_domain_share(web_links: tuple[Link, ...]) -> float | None:
    """Share of followed links without path and query; 0 to 1."""
    if not web_links:
        return None
    return sum(link.url.path in {"", "/"} and not link.url.query for link in web_links) / len(web_links)


@signal(version=1, attacks=("phishing",), monotone=1)
def link_in_qr_code(message: Message) -> float:
    """1 when an image shows a QR code with a link."""
    return float(any(link.source == "qr" for link in message.links))


@signal(version=2, attacks=("phishing",))
def link_only_in_attachment(message: Message, web_links: tuple[Link, ...]) -> float:
    """1 when links stand in files (PDF, Office, calendar, page, shortcut, code in an image) and none in the body."""
    filed = any(link.source in FILED for link in web_links)
    return float(filed and all(link.source not in IN_BODY for link in message.links))


@signal(version=1, attacks=("phishing",), monotone=1)
def link_data_or_script(message: Message) -> float:
    """1 when a link is data:, javascript:, vbscript:, blob: or file: (no host to judge)."""
    return float(any(link.url.scheme in {"data", "javascript", "vbscript", "blob", "file"} for link in message.links))


@signal(version=1, missing="no link", attacks=("spam", "phishing"))
def link_hidden_share(message: Message) -> float | None:
    """Share of links that stand where a reader cannot see them; 0 to 1."""
    return sum(link.hidden for link in message.links) / len(message.links) if message.links else None
