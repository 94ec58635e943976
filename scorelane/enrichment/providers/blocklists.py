"""DNS block lists of addresses and of domains (RFC 5782), told apart from lists that block us."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from itertools import islice
from typing import TYPE_CHECKING

from scorelane.enrichment.errors import Blocked, EnrichmentError, Rejected
from scorelane.enrichment.guard import literal_address
from scorelane.enrichment.names import Names, NoSuchName
from scorelane.enrichment.provider import Finding, Options, Provider

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scorelane.enrichment.entities import Carried

BLOCKED = frozenset({"127.0.0.1", "127.255.255.252", "127.255.255.253", "127.255.255.254", "127.255.255.255"})
"""Answers that speak of the asker: query refused (URIBL, SURBL), wrong name, public resolver, too many (Spamhaus)."""

LINK_DOMAINS = 4


class BlocklistOptions(Options, frozen=True, kw_only=True):
    """Zones to ask, and through which resolvers: lists refuse the large public ones."""

    zones: tuple[str, ...]
    servers: tuple[str, ...] = ()
    fresh_s: float = 3600.0
    stale_s: float = 6 * 3600.0
    timeout_s: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.zones:
            raise ValueError("zones: name at least one zone to ask")


class _Blocklist(Provider):
    """Asks every zone at once. Listed by one is listed; a zone that fails is left out while another answers."""

    Settings = BlocklistOptions
    options: BlocklistOptions

    def __init__(self, options: BlocklistOptions) -> None:
        super().__init__(options)
        self.cost = float(len(options.zones))
        self._names = Names(options.servers, timeout_s=options.timeout_s * 0.9)

    async def _listed(self, label: str) -> Finding:
        said = await asyncio.gather(*(self._zone(label, zone) for zone in self.options.zones), return_exceptions=True)
        codes = {
            zone: answer for zone, answer in zip(self.options.zones, said, strict=True) if isinstance(answer, list)
        }
        faults = [answer for answer in said if isinstance(answer, BaseException)]
        unknown = next((fault for fault in faults if not isinstance(fault, EnrichmentError)), None)
        if unknown is not None:
            raise unknown
        listed = {zone: found for zone, found in codes.items() if found}
        if faults and not listed:
            # Some zone did not answer, so "not listed" would be a guess.
            raise next((fault for fault in faults if isinstance(fault, Blocked)), faults[0])
        return Finding(self.kinds[0], float(len(listed)), body={"listed": listed, "asked": list(codes)})

    async def _zone(self, label: str, zone: str) -> list[str]:
        try:
            answer = await self._names.ask(f"{label}.{zone}", "A")
        except NoSuchName:
            return []
        codes = sorted(record.to_text() for record in answer.records)
        if BLOCKED.intersection(codes):
            raise Blocked(f"{zone} refuses our questions ({', '.join(codes)})")
        if any(not code.startswith("127.") for code in codes):
            raise Blocked(f"{zone} answers outside 127.0.0.0/8 ({', '.join(codes[:3])}): it is not a block list")
        return codes


class IpBlocklist(_Blocklist):
    """Block lists of addresses."""

    name = "ip_blocklist"
    kinds = ("ip_listed",)

    def wants(self, message: Carried) -> Iterable[str]:
        """The address that handed the message over."""
        return (message.handover_ip,)

    async def look_up(self, entity: str) -> tuple[Finding, ...]:
        """How many zones list the address."""
        if literal_address(entity) is None:
            raise Rejected("not an address")
        reversed_label = ip_address(entity).reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
        return (await self._listed(reversed_label),)


class DomainBlocklist(_Blocklist):
    """Block lists of domains (URIBL, DBL, SURBL)."""

    name = "domain_blocklist"
    kinds = ("domain_listed",)

    def wants(self, message: Carried) -> Iterable[str]:
        """The author's domain, then those of links."""
        return (message.author_domain, *islice(message.link_domains, LINK_DOMAINS))

    async def look_up(self, entity: str) -> tuple[Finding, ...]:
        """How many zones list the domain."""
        return (await self._listed(entity),)
