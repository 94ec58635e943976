"""What receivers that the tenant trusts found: SPF, DKIM, DMARC and ARC (RFC 8601).

Headers of other authserv-ids are anybody's word and are not read. Without a trusted header all are
missing, so the header's presence says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorelane.signals import derived as _declared  # noqa: F401 - declares what the parameters name
from scorelane.signals.declaration import signal
from scorelane.signals.derived.senders import registrable

if TYPE_CHECKING:
    from scorelane.mail.message import AuthResult, Message

Results = tuple["AuthResult", ...] | None

SEVERITY = {
    "pass": 0.0, "bestguesspass": 0.0, "none": 1.0, "neutral": 1.0, "temperror": 1.0, "policy": 1.0,
    "permerror": 2.0, "softfail": 2.0, "fail": 3.0, "hardfail": 3.0,
}  # fmt: skip
POLICIES = {"none": 0.0, "quarantine": 1.0, "reject": 2.0}
ANYBODYS = frozenset({"onmicrosoft.com", "sharepoint.com", "googlegroups.com", "amazonaws.com", "withgoogle.com"})
"""Domains of brands under which customers get names of their own."""
NO_RESULT = "no trusted receiver reported it"


def _worst(results: Results, method: str) -> float | None:
    found = [SEVERITY.get(r.result, 1.0) for r in results or () if r.method == method]
    return max(found) if found else None


def _best(results: Results, method: str) -> float | None:
    found = [SEVERITY.get(r.result, 1.0) for r in results or () if r.method == method]
    return min(found) if found else None


def _passed_domains(results: Results, method: str, *names: str) -> set[str]:
    """Registrable domains for which a method passed."""
    found: set[str] = set()
    for result in results or ():
        if result.method == method and result.result == "pass":
            given = next((v for v in map(result.get, names) if v), "")
            found.add(registrable(given.rpartition("@")[2].lower()))
    return found - {""}


@signal(version=1, missing=NO_RESULT, attacks=("spoofing", "bec"), range=(0, 3), monotone=1)
def dmarc_severity(auth_results: Results) -> float | None:
    """How badly DMARC went: 0 pass, 1 no policy or undecided, 2 permanent error, 3 fail.

    Source: RFC 7489 section 11.2.
    """
    return _best(auth_results, "dmarc")


@signal(version=1, missing="no trusted DMARC failure", attacks=("spoofing",), range=(0, 2), monotone=1)
def dmarc_failed_policy(auth_results: Results) -> float | None:
    """Policy asked for by the domain whose DMARC failed: 0 none, 1 quarantine, 2 reject.

    Source: RFC 7489 section 6.3; `policy.p` and the like as receivers report it.
    """
    for result in auth_results or ():
        if result.method == "dmarc" and result.result == "fail":
            names = ("policy.p", "policy.published-domain-policy", "header.p", "policy.dmarc", "p")
            given = next((v for v in map(result.get, names) if v), None)
            return POLICIES.get(given.lower()) if given else None
    return None


@signal(version=1, missing=NO_RESULT, attacks=("spoofing",), range=(0, 3), monotone=1)
def spf_severity(auth_results: Results) -> float | None:
    """How badly SPF went: 0 pass, 1 none or neutral, 2 softfail or broken, 3 fail.

    Source: RFC 7208 section 2.6.
    """
    return _best(auth_results, "spf")


@signal(version=1, missing="no trusted SPF pass or no author", attacks=("spoofing",), monotone=-1)
def spf_aligned(auth_results: Results, author_org: str) -> float | None:
    """1 when the domain that passed SPF is the author's, organisationally (RFC 7489 section 3.1.2)."""
    passed = _passed_domains(auth_results, "spf", "smtp.mailfrom", "smtp.mail", "smtp.helo")
    return float(author_org in passed) if passed and author_org else None


@signal(version=1, missing=NO_RESULT, attacks=("spoofing",), range=(0, 3), monotone=1)
def dkim_severity(auth_results: Results) -> float | None:
    """The best DKIM result: 0 pass, 1 none or undecided, 2 permanent error, 3 fail (RFC 6376)."""
    return _best(auth_results, "dkim")


@signal(version=1, missing="no trusted DKIM pass or no author", attacks=("spoofing",), monotone=-1)
def dkim_aligned(auth_results: Results, author_org: str) -> float | None:
    """1 when a domain that passed DKIM is the author's (RFC 7489 section 3.1.1)."""
    passed = _passed_domains(auth_results, "dkim", "header.d", "header.i")
    return float(author_org in passed) if passed and author_org else None


@signal(version=1, missing=NO_RESULT, attacks=("spoofing",))
def dkim_any_failed(auth_results: Results) -> float | None:
    """1 when some signature failed, even where another passed: changed on the way, or pasted in."""
    worst = _worst(auth_results, "dkim")
    return None if worst is None else float(worst >= SEVERITY["fail"])


@signal(version=1, missing="no trusted result", attacks=("spoofing", "bec"), monotone=-1)
def author_authenticated(
    auth_results: Results, dmarc_severity: float | None, spf_aligned: float | None, dkim_aligned: float | None
) -> float | None:
    """1 when DMARC passed, or SPF or DKIM passed for the author's own domain."""
    if auth_results is None:
        return None
    return float(dmarc_severity == 0 or spf_aligned == 1 or dkim_aligned == 1)


@signal(version=1, missing="no trusted result, or no author", monotone=-1)
def known_author_authenticated(
    author_authenticated: float | None,
    author_is_brand: float | None,
    author_is_free_mail: bool,  # noqa: FBT001 - a dependency
    author_org: str,
) -> float | None:
    """1 when a known brand's own domain wrote, and a trusted receiver found that truly it did.

    Attackers borrow a brand's name but not its authentication, so only both together speak for the author. Domains
    where anybody gets an address are left out.
    """
    if author_authenticated is None or author_is_brand is None:
        return None
    is_anybodys = author_is_free_mail or author_org in ANYBODYS
    return float(author_authenticated == 1 and author_is_brand == 1 and not is_anybodys)


@signal(version=1, missing=NO_RESULT, attacks=("spoofing",), range=(0, 3))
def arc_severity(auth_results: Results) -> float | None:
    """State of the ARC chain as the receiver saw it: 0 pass to 3 fail (RFC 8617)."""
    return _best(auth_results, "arc")


@signal(version=1, missing=NO_RESULT, attacks=("spam",), range=(0, 3), monotone=1)
def reverse_dns_severity(auth_results: Results) -> float | None:
    """How badly the client's address and name went together, `iprev` (RFC 8601 section 2.7.3)."""
    return _best(auth_results, "iprev")


@signal(version=1, missing="no trusted result", range=(0, 1))
def auth_undecided(auth_results: Results) -> float | None:
    """1 when a check ended in a temporary error: what the others say is then less sure."""
    if auth_results is None:
        return None
    return float(any(result.result == "temperror" for result in auth_results))


@signal(version=1, missing="no DKIM-Signature or no author", attacks=("spoofing",), monotone=-1)
def dkim_signer_is_author(message: Message, author_org: str) -> float | None:
    """1 when a signature is for the author's domain; claimed, not verified (RFC 6376 section 3.5)."""
    if not message.dkim_domains or not author_org:
        return None
    return float(any(registrable(domain) == author_org for domain in message.dkim_domains[:10]))


@signal(version=1, missing="not authenticated by a trusted receiver, or no directory", attacks=("bec",), monotone=1)
def own_domain_unauthenticated(
    author_authenticated: float | None,
    is_from_own_domain: bool,  # noqa: FBT001 - a dependency, given by position
) -> float | None:
    """1 when From claims the tenant's own domain and nothing authenticates that: exact spoofing."""
    if author_authenticated is None:
        return None
    return float(is_from_own_domain and not author_authenticated)
