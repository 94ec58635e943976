"""What the name system says of a domain: does it take mail, who may send as it, where does it live."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING

from scorelane.enrichment.names import Answer, Names, NoSuchName
from scorelane.enrichment.provider import Finding, Options, Provider
from scorelane.signals.derived.senders import registrable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scorelane.enrichment.entities import Carried

FLUX_TTL_S = 600
FLUX_ADDRESSES = 5
FLUX_NETWORKS = 3
"""Many short-lived addresses in unrelated networks (Holz et al. 2008, "Measuring and Detecting Fast-Flux")."""

DMARC = {"none": 1.0, "quarantine": 2.0, "reject": 3.0}
SPF = {"-all": 3.0, "~all": 2.0, "?all": 1.0, "+all": -1.0, "all": -1.0}
LINK_DOMAINS = 4
MOST_TEXT = 4096


class DnsOptions(Options, frozen=True, kw_only=True):
    """Resolvers to ask; the system's where none are named."""

    servers: tuple[str, ...] = ()
    rate_per_s: float = 50.0
    burst: int = 50
    timeout_s: float = 4.0


class Dns(Provider):
    """MX, TXT (SPF, DMARC), A, AAAA and NS of a domain (RFC 1035, 7208, 7489, 7505)."""

    name = "dns"
    kinds = ("domain_has_mx", "domain_spf", "domain_dmarc", "domain_resolves", "domain_fast_flux")
    Settings = DnsOptions

    def __init__(self, options: DnsOptions) -> None:
        super().__init__(options)
        self._names = Names(options.servers, timeout_s=options.timeout_s * 0.9)

    def wants(self, message: Carried) -> Iterable[str]:
        """The author's domain, then those of links."""
        return (message.author_domain, *islice(message.link_domains, LINK_DOMAINS))

    def registry(self, entity: str) -> str:
        """The domain's owner, whose own servers answer through the resolver."""
        return registrable(entity)

    async def look_up(self, entity: str) -> tuple[Finding, ...]:
        """All kinds from six questions at once; `not_found` for a name that does not exist."""
        try:
            mx, txt, dmarc, a, aaaa, ns = await asyncio.gather(
                self._names.ask(entity, "MX"),
                self._names.ask(entity, "TXT"),
                self._dmarc(entity),
                self._names.ask(entity, "A"),
                self._names.ask(entity, "AAAA"),
                self._names.ask(entity, "NS"),
            )
        except NoSuchName:
            return tuple(Finding(kind, status="not_found") for kind in self.kinds)
        exchanges = [str(record.exchange).rstrip(".").lower() for record in mx.records]
        addresses = [record.to_text() for record in (*a.records, *aaaa.records)]
        spf = _text(txt, "v=spf1")
        return (
            Finding(
                "domain_has_mx",
                float(any(exchanges) or (not exchanges and bool(addresses))),
                body={"mx": exchanges[:10]},
            ),
            Finding("domain_spf", spf_strength(spf), body={"record": spf}),
            Finding("domain_dmarc", dmarc_policy(dmarc), body={"record": dmarc}),
            Finding(
                "domain_resolves", float(bool(addresses)), body={"ns": [str(r.target).lower() for r in ns.records[:10]]}
            ),
            Finding(
                "domain_fast_flux",
                float(is_fast_flux(addresses, min(x.ttl_s for x in (a, aaaa) if x.records) if addresses else 0)),
            ),
        )

    async def _dmarc(self, domain: str) -> str:
        try:
            return _text(await self._names.ask(f"_dmarc.{domain}", "TXT"), "v=dmarc1")
        except NoSuchName:
            return ""


def spf_strength(record: str) -> float:
    """0 without a record; else 3 for -all, 2 for ~all, 1 for neutral, a redirect or no all, -1 when all may send."""
    if not record:
        return 0.0
    return next((SPF[term] for term in reversed(record.lower().split()) if term in SPF), 1.0)


def dmarc_policy(record: str) -> float:
    """0 without a record or policy, 1 none, 2 quarantine, 3 reject (RFC 7489 section 6.3)."""
    tags = dict(part.strip().partition("=")[::2] for part in record.lower().split(";"))
    return DMARC.get(tags.get("p", "").strip(), 0.0)


def is_fast_flux(addresses: list[str], ttl_s: int) -> bool:
    """Whether the addresses look like a botnet's: many, short-lived, in unrelated networks."""
    networks = {
        address.rsplit(".", 2)[0] if "." in address else ":".join(address.split(":")[:2]) for address in addresses
    }
    return len(addresses) >= FLUX_ADDRESSES and len(networks) >= FLUX_NETWORKS and ttl_s <= FLUX_TTL_S


def _text(answer: Answer, start: str) -> str:
    """The record that begins with a version tag, its strings joined (RFC 7208 section 3.3)."""
    for record in answer.records:
        text = b"".join(record.strings)[:MOST_TEXT].decode("ascii", "replace").strip()
        if text.lower().startswith(start):
            return text.replace("\0", "")
    return ""
