"""When and with whom a domain or an address block was registered (RDAP: RFC 7480 to 7484, 9082, 9083).

whoisit maps a name to its registry's server and reads the answer; the exchange is ours, for its limits.
"""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from whoisit.bootstrap import BaseBootstrap
from whoisit.errors import BootstrapError, QueryError, UnsupportedError
from whoisit.parser import parse
from whoisit.query import QueryBuilder

from scorelane.enrichment.errors import Blocked, Misconfigured, Rejected, Unavailable
from scorelane.enrichment.guard import Guard
from scorelane.enrichment.http import Http, Reply, host_of, normalised, retry_after_s
from scorelane.enrichment.names import Names
from scorelane.enrichment.provider import DAY_S, Finding, Options, Provider

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from scorelane.enrichment.entities import Carried

LINK_DOMAINS = 4
MOST_BYTES = 512 * 1024
MOST_BOOTSTRAP_BYTES = 4 * 1024 * 1024
OK, NOT_FOUND, TOO_MANY, SERVER_FAULT = 200, 404, 429, 500
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 4
HELD = frozenset({"client hold", "server hold", "pending delete", "redemption period", "inactive"})
"""Statuses under which a domain is taken out of the name system (RFC 8056)."""


class RdapOptions(Options, frozen=True, kw_only=True):
    """Where the bootstrap data comes from, and networks that are allowed beside the public internet."""

    rate_per_s: float = 10.0
    burst: int = 10
    registry_rate_per_s: float | None = 1.0
    registry_burst: int = 5
    timeout_s: float = 8.0
    fresh_s: float = 7 * DAY_S
    stale_s: float = 60 * DAY_S
    negative_s: float = DAY_S
    bootstrap: str | None = None
    """File as `whoisit.save_bootstrap_data` writes it; without one the registries' list is fetched from IANA."""
    bootstrap_fresh_s: float = 7 * DAY_S
    insecure: bool = False
    """Whether a registry may be asked without TLS."""
    servers: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()


class _Rdap(Provider):
    Settings = RdapOptions
    options: RdapOptions
    what: str
    """The path of a question."""
    answers: str
    """The object class of its answer."""

    def __init__(self, options: RdapOptions) -> None:
        super().__init__(options)
        names = Names(options.servers, timeout_s=options.timeout_s / 2)
        self._http = Http(Guard(options.inside), names, timeout_s=options.timeout_s * 0.9)
        self._registries: QueryBuilder | None = None
        self._loaded_at = 0.0
        if options.bootstrap is not None:
            self._load(_read(options.bootstrap))

    def registry(self, entity: str) -> str:
        """Host of the registry's server; empty until the bootstrap data is here or where none serves."""
        try:
            return host_of(self._url(entity)) if self._registries is not None else ""
        except (Rejected, ValueError):
            return ""

    async def look_up(self, entity: str) -> tuple[Finding, ...]:
        """What the registry says; `not_found` on 404 and where no registry serves."""
        if self._registries is None or self._is_old():
            self._load(await self._fetch_bootstrap())
        try:
            url = self._url(entity)
        except Rejected:
            return tuple(Finding(kind, status="not_found") for kind in self.kinds)
        reply = await self._follow(url)
        if reply.status == NOT_FOUND:
            return tuple(Finding(kind, status="not_found") for kind in self.kinds)
        return self._findings(self._read_answer(entity, reply))

    def _findings(self, answer: dict[str, Any]) -> tuple[Finding, ...]:
        raise NotImplementedError

    def _url(self, entity: str) -> str:
        assert self._registries is not None
        try:
            _, url, exact = self._registries.build(self.what, entity)
        except (UnsupportedError, QueryError, BootstrapError, ValueError) as fault:
            raise Rejected("no registry serves this name") from fault
        found = normalised(url)
        if found is None or not exact:
            raise Rejected("no registry serves this name")
        return found

    async def _follow(self, url: str) -> Reply:
        """The reply at the end of at most four redirects (RFC 7480 section 5.2)."""
        seen = [url]
        while True:
            reply = await self._http.fetch(
                "GET", seen[-1], most_bytes=MOST_BYTES, headers={"accept": "application/rdap+json, application/json"}
            )
            if reply.status not in REDIRECTS:
                break
            target = normalised(reply.headers.get("location", ""), seen[-1])
            if target is None or target in seen or len(seen) > MOST_REDIRECTS:
                raise Unavailable("the registry's redirects lead nowhere")
            if seen[-1].startswith("https:") and not target.startswith("https:"):
                raise Rejected("the registry redirects away from TLS")
            seen.append(target)
        if reply.status == TOO_MANY or reply.status >= SERVER_FAULT:
            raise Unavailable(f"the registry answers {reply.status}", retry_after_s=retry_after_s(reply))
        if reply.status in (401, 403):
            raise Blocked(f"the registry refuses us ({reply.status})")
        if reply.status not in (OK, NOT_FOUND):
            raise Rejected(f"the registry answers {reply.status}")
        return reply

    def _read_answer(self, entity: str, reply: Reply) -> dict[str, Any]:
        assert self._registries is not None
        if reply.cut:
            raise Rejected("the registry's answer is too large")
        try:
            data = msgspec.json.decode(reply.body)
            answer: dict[str, Any] = parse(self._registries.bootstrap, self.what, entity, data)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise Unavailable("the registry's answer is not whole JSON") from fault
        except Exception as fault:
            raise Rejected(f"the registry's answer is not RDAP ({type(fault).__name__})") from fault
        if answer.get("type") != self.answers or not self._is_about(entity, answer):
            raise Rejected("the registry answers about something else")
        return answer

    def _is_about(self, entity: str, answer: dict[str, Any]) -> bool:
        raise NotImplementedError

    def _is_old(self) -> bool:
        return self.options.bootstrap is None and time.monotonic() > self._loaded_at + self.options.bootstrap_fresh_s

    async def _fetch_bootstrap(self) -> dict[str, Any]:
        replies = await asyncio.gather(
            *(self._http.fetch("GET", url, most_bytes=MOST_BOOTSTRAP_BYTES) for url in IANA.values())
        )
        bad = next((reply.status for reply in replies if reply.status != OK or reply.cut), None)
        if bad is not None:
            raise Unavailable(f"the list of registries cannot be had ({bad})")
        try:
            return {
                "timestamp": int(time.time()),
                **{name: msgspec.json.decode(reply.body) for name, reply in zip(IANA, replies, strict=True)},
            }
        except msgspec.DecodeError as fault:
            raise Unavailable("the list of registries is not whole JSON") from fault

    def _load(self, data: dict[str, Any]) -> None:
        bootstrap = BaseBootstrap()
        try:
            bootstrap.load_bootstrap_data(data, from_json=False, allow_insecure=self.options.insecure)
        except (BootstrapError, ValueError, TypeError, AttributeError) as fault:
            raise Misconfigured(f"enrichment: {self.name}: the list of registries cannot be read: {fault}") from fault
        self._registries = QueryBuilder(bootstrap)
        self._loaded_at = time.monotonic()


class Rdap(_Rdap):
    """Registration of domains."""

    name = "rdap"
    kinds = ("domain_registered_at", "domain_expires_at", "domain_on_hold")
    what = "domain"
    answers = "domain"

    def wants(self, message: Carried) -> Iterable[str]:
        """The author's domain, then those of links."""
        return (message.author_domain, *islice(message.link_domains, LINK_DOMAINS))

    def _is_about(self, entity: str, answer: dict[str, Any]) -> bool:
        return answer["name"].rstrip(".").lower() in ("", entity)

    def _findings(self, answer: dict[str, Any]) -> tuple[Finding, ...]:
        statuses = [str(status).lower() for status in answer.get("status") or ()][:20]
        registrars = answer.get("entities", {}).get("registrar") or [{}]
        body = {"registrar": str(registrars[0].get("name", ""))[:200].replace("\0", ""), "status": statuses}
        return (
            _moment("domain_registered_at", answer.get("registration_date"), body),
            _moment("domain_expires_at", answer.get("expiration_date"), None),
            Finding("domain_on_hold", float(not HELD.isdisjoint(statuses))),
        )


class IpRdap(_Rdap):
    """Registration of address blocks."""

    name = "rdap_ip"
    kinds = ("ip_registered_at",)
    what = "ip"
    answers = "ip network"

    def wants(self, message: Carried) -> Iterable[str]:
        """The address that handed the message over."""
        return (message.handover_ip,)

    def _is_about(self, entity: str, answer: dict[str, Any]) -> bool:
        address = ip_address(entity)
        return any(address in network for network in answer["cidrs"] if network.version == address.version)

    def _findings(self, answer: dict[str, Any]) -> tuple[Finding, ...]:
        body = {
            "name": str(answer.get("name", ""))[:200].replace("\0", ""),
            "country": str(answer.get("country", ""))[:8],
        }
        return (_moment("ip_registered_at", answer.get("registration_date"), body),)


IANA = {name: f"https://data.iana.org/rdap/{file}.json" for name, file in (
    ("asn", "asn"), ("dns", "dns"), ("ipv4", "ipv4"), ("ipv6", "ipv6"), ("object", "object-tags"),
)}  # fmt: skip
"""RFC 9224 and 8521."""


def _moment(kind: str, at: datetime | None, body: dict[str, Any] | None) -> Finding:
    """A date as Unix seconds; `not_found` where the registry does not say it."""
    if at is None:
        return Finding(kind, status="not_found", body=body)
    return Finding(kind, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp(), body=body)


def _read(path: str) -> dict[str, Any]:
    try:
        data = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as fault:
        raise Misconfigured(f"enrichment: rdap: bootstrap file {path} cannot be read: {fault}") from fault
    if not isinstance(data, dict):
        raise Misconfigured(f"enrichment: rdap: bootstrap file {path} is not a JSON object")
    return data
