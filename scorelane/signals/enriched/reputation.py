"""What enrichment providers said of the message's entities; missing with the provider's status."""

from __future__ import annotations

from collections.abc import Mapping
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
NEW_DAYS = 30.0


def _values(facts: Facts, kind: str) -> list[float]:
    return [fact.value for fact in facts.get(kind, ()) if fact.status == "ok" and fact.value is not None]


def _why(facts: Facts, kind: str) -> Missing | None:
    """Why there is no value: the first status of the kind that is a reason."""
    for fact in facts.get(kind, ()):
        if fact.status not in {"ok", "absent"} and fact.status in STATUSES:
            return Missing(STATUSES.index(fact.status))
    return None


def _of(facts: Facts, kind: str, entity: str) -> Reading:
    for fact in facts.get(kind, ()):
        if fact.entity == entity and fact.status == "ok":
            return fact.value
    return _why({kind: tuple(f for f in facts.get(kind, ()) if f.entity == entity)}, kind)


@signal(version=1, missing=NO_FACT, attacks=("phishing", "bec"), range=(0, DAYS), monotone=-1)
def author_domain_age_days(facts: Facts, author_org: str) -> Reading:
    """Days since the author's domain was registered, at most a century.

    Source: RDAP (RFC 9083), event "registration"; Hao et al. 2016, "PREDATOR".
    """
    age = _of(facts, "domain_age_days", author_org)
    return max(0.0, min(age, DAYS)) if isinstance(age, float) else age


@signal(version=2, missing=NO_FACT, attacks=("phishing",), range=(0, DAYS), monotone=-1)
def youngest_link_domain_age_days(facts: Facts, link_domains: Mapping[str, int]) -> Reading:
    """Days since the youngest link domain was registered, at most a century."""
    ages = [age for age in (_of(facts, "domain_age_days", d) for d in link_domains) if isinstance(age, float)]
    if ages:
        return max(0.0, min(*ages, DAYS))
    of_links = tuple(f for f in facts.get("domain_age_days", ()) if f.entity in link_domains)
    return _why({"domain_age_days": of_links}, "domain_age_days")


@signal(version=1, missing=NO_FACT, attacks=("phishing", "bec"), monotone=1)
def author_domain_new(author_domain_age_days: Reading) -> Reading:
    """1 when the author's domain is younger than 30 days."""
    age = author_domain_age_days
    return float(age < NEW_DAYS) if isinstance(age, float) else age


@signal(version=1, missing=NO_FACT, attacks=("spam",), monotone=1)
def handover_listed(facts: Facts, handover: Hop | None) -> Reading:
    """1 when a block list names the address that handed the message over (RFC 5782)."""
    return _flag(_of(facts, "ip_listed", handover.ip or "")) if handover else None


@signal(version=1, missing=NO_FACT, attacks=("phishing", "spam"), monotone=1)
def author_domain_listed(facts: Facts, author_org: str) -> Reading:
    """1 when a block list names the author's domain."""
    return _flag(_of(facts, "domain_listed", author_org))


@signal(version=1, missing=NO_FACT, attacks=("phishing",), monotone=1)
def url_listed(facts: Facts) -> Reading:
    """1 when a feed names one of the message's URLs or their hosts."""
    values = _values(facts, "url_listed")
    return _flag(max(values)) if values else _why(facts, "url_listed")


@signal(version=1, missing=NO_FACT, attacks=("malware",), monotone=1)
def attachment_listed(facts: Facts) -> Reading:
    """1 when a feed names the hash of an attachment."""
    values = _values(facts, "hash_listed")
    return _flag(max(values)) if values else _why(facts, "hash_listed")


@signal(version=1, missing=NO_FACT, attacks=("phishing", "bec"), monotone=1)
def author_domain_without_mx(facts: Facts, author_org: str) -> Reading:
    """1 when the author's domain takes no mail (no MX, or a null one: RFC 7505)."""
    has = _of(facts, "domain_has_mx", author_org)
    return float(has <= 0) if isinstance(has, float) else has


def _flag(value: Reading) -> Reading:
    return float(value > 0) if isinstance(value, float) else value
