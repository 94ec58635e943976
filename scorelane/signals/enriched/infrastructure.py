"""What the author's and the links' infrastructure is like: policies, certificates, redirects, rank, holds."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from typing import TYPE_CHECKING

from scorelane.signals import derived as _declared  # noqa: F401 - declares what the parameters name
from scorelane.signals.context import STATUSES
from scorelane.signals.declaration import Missing, signal

if TYPE_CHECKING:
    from scorelane.mail.message import Hop
    from scorelane.signals.context import Fact

Facts = Mapping[str, tuple["Fact", ...]]
Reading = float | Missing | None
NO_FACT = "not asked, or the provider gave no answer (see status)"
DAYS = 36_500.0
MOST_RANK_LOG = 8.0
MOST_HOPS = 20.0


def _reason(found: tuple[Fact, ...]) -> Missing | None:
    for fact in found:
        if fact.status not in {"ok", "absent"} and fact.status in STATUSES:
            return Missing(STATUSES.index(fact.status))
    return None


def _of(facts: Facts, kind: str, entity: str) -> Reading:
    """Value of one entity's fact, or why there is none."""
    found = tuple(fact for fact in facts.get(kind, ()) if fact.entity == entity)
    return next((fact.value for fact in found if fact.value is not None), _reason(found))


def _values(facts: Facts, kind: str, entities: Mapping[str, int] | frozenset[str] | None = None) -> list[float]:
    return [
        fact.value
        for fact in facts.get(kind, ())
        if fact.value is not None and (entities is None or fact.entity in entities)
    ]


def _worst(facts: Facts, kind: str, entities: Mapping[str, int] | frozenset[str] | None = None) -> Reading:
    """The highest value of the message's entities, or why there is none."""
    values = _values(facts, kind, entities)
    return max(values) if values else _reason(facts.get(kind, ()))


def _flag(value: Reading) -> Reading:
    return float(value > 0) if isinstance(value, float) else value


@signal(version=1, missing=NO_FACT, attacks=("phishing", "bec"), range=(0, 3))
def author_domain_dmarc(facts: Facts, author_org: str) -> Reading:
    """What the author's domain asks of mail that fails DMARC: 0 nothing said, 1 none, 2 quarantine, 3 reject.

    Source: RFC 7489 section 6.3.
    """
    return _of(facts, "domain_dmarc", author_org)


@signal(version=1, missing=NO_FACT, attacks=("phishing", "bec"), range=(-1, 3))
def author_domain_spf(facts: Facts, author_org: str) -> Reading:
    """How closely the author's domain says who sends as it: 0 not at all, 1 neutral, 2 ~all, 3 -all, -1 anybody.

    Source: RFC 7208 section 5.1.
    """
    return _of(facts, "domain_spf", author_org)


@signal(version=1, missing=NO_FACT, attacks=("phishing", "bec"), monotone=1)
def author_domain_on_hold(facts: Facts, author_org: str) -> Reading:
    """1 when the registry or registrar took the author's domain out of the name system (RFC 8056)."""
    return _flag(_of(facts, "domain_on_hold", author_org))


@signal(version=2, missing=NO_FACT, attacks=("phishing",), monotone=1)
def link_domain_on_hold(facts: Facts, link_domains: Mapping[str, int]) -> Reading:
    """1 when a link's domain is held by its registry or registrar (RFC 8056)."""
    return _flag(_worst(facts, "domain_on_hold", link_domains))


@signal(version=2, missing=NO_FACT, attacks=("phishing", "spam"), monotone=1)
def link_domain_listed(facts: Facts, link_domains: Mapping[str, int], link_hosts: frozenset[str]) -> Reading:
    """1 when a block list or feed names the domain or host of a link."""
    return _flag(_worst(facts, "domain_listed", frozenset(link_domains) | link_hosts))


@signal(version=2, missing=NO_FACT, attacks=("phishing", "malware"), monotone=1)
def link_domain_fast_flux(facts: Facts, link_domains: Mapping[str, int]) -> Reading:
    """1 when a link's domain moves among many short-lived addresses in unrelated networks.

    Source: Holz et al. 2008, "Measuring and Detecting Fast-Flux Service Networks".
    """
    return _flag(_worst(facts, "domain_fast_flux", link_domains))


@signal(version=2, missing=NO_FACT, attacks=("phishing",), range=(0, DAYS), monotone=-1)
def youngest_link_certificate_days(facts: Facts, link_hosts: frozenset[str]) -> Reading:
    """Days since the youngest certificate of a linked host was issued, at most a century.

    Source: Torroledo et al. 2018, "Hunting Malicious TLS Certificates with Deep Neural Networks".
    """
    values = _values(facts, "certificate_age_days", link_hosts)
    return min(*values, DAYS) if values else _reason(facts.get("certificate_age_days", ()))


@signal(version=2, missing=NO_FACT, attacks=("phishing",), monotone=1)
def link_certificate_untrusted(facts: Facts, link_hosts: frozenset[str]) -> Reading:
    """1 when a linked https host shows a certificate that nobody trusts for it."""
    values = _values(facts, "certificate_trusted", link_hosts)
    return float(min(values) <= 0) if values else _reason(facts.get("certificate_trusted", ()))


@signal(version=1, missing=NO_FACT, attacks=("phishing", "malware"), range=(0, MOST_HOPS))
def link_redirects(facts: Facts) -> Reading:
    """Redirects of the longest chain behind a shortened link, at most 20."""
    most = _worst(facts, "url_redirects")
    return min(most, MOST_HOPS) if isinstance(most, float) else most


@signal(version=1, missing=NO_FACT, attacks=("phishing", "malware"))
def link_leaves_domain(facts: Facts) -> Reading:
    """1 when a shortened link leads to another registrable domain than the one it shows."""
    return _flag(_worst(facts, "url_leaves_domain"))


@signal(
    version=1,
    missing="no list of popular domains, or the domain is not on it",
    attacks=("phishing", "bec"),
    range=(0, MOST_RANK_LOG),
)
def author_domain_rank_log(facts: Facts, author_org: str) -> Reading:
    """Decimal logarithm of the author's domain's rank among popular domains (0 is the most popular)."""
    rank = _of(facts, "domain_rank", author_org)
    return min(log10(rank), MOST_RANK_LOG) if isinstance(rank, float) and rank >= 1 else None


@signal(version=2, missing="no list of popular domains", attacks=("phishing",))
def link_domains_unranked(facts: Facts, link_domains: Mapping[str, int]) -> Reading:
    """Share of link domains that are not on the operator's list of popular domains."""
    ranks = _values(facts, "domain_rank", link_domains)
    return sum(rank < 1 for rank in ranks) / len(ranks) if ranks else None


@signal(version=1, missing=NO_FACT, attacks=("spam", "phishing"), range=(0, DAYS), monotone=-1)
def handover_network_age_days(facts: Facts, handover: Hop | None) -> Reading:
    """Days since the network that handed the message over was registered, at most a century (RFC 9083)."""
    if handover is None:
        return None
    age = _of(facts, "ip_age_days", handover.ip or "")
    return min(age, DAYS) if isinstance(age, float) else age
