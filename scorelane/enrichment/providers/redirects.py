"""Where a shortened link leads: its redirects, followed without cookies, scripts or rendering."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING

from scorelane.enrichment.errors import Rejected, TimedOut, Unavailable
from scorelane.enrichment.guard import Guard
from scorelane.enrichment.http import Http, Reply, host_of, normalised, retry_after_s
from scorelane.enrichment.names import Names
from scorelane.enrichment.provider import DAY_S, Finding, Options, Provider
from scorelane.signals.derived.senders import registrable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scorelane.enrichment.entities import Carried

SHORT_URLS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
NO_HEAD = frozenset({400, 403, 404, 405, 406, 410, 501})
"""Replies after which a server is asked again with GET: some refuse HEAD, some answer it wrongly."""
TOO_MANY = frozenset({429, 503})
FIRST_BYTES = 2048


class RedirectOptions(Options, frozen=True, kw_only=True):
    """Bounds of a chain, and networks that are allowed beside the public internet."""

    rate_per_s: float = 5.0
    burst: int = 10
    registry_rate_per_s: float | None = 2.0
    timeout_s: float = 10.0
    hop_timeout_s: float = 3.0
    most_hops: int = 8
    servers: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    fresh_s: float = DAY_S


class Redirects(Provider):
    """HEAD, then a ranged GET where HEAD is refused; each hop's address is checked as it is connected to."""

    name = "redirects"
    kinds = ("url_redirects", "url_leaves_domain")
    Settings = RedirectOptions
    options: RedirectOptions

    def __init__(self, options: RedirectOptions) -> None:
        super().__init__(options)
        names = Names(options.servers, timeout_s=options.hop_timeout_s)
        # A link's certificate is the provider `certificates`' business; nothing secret is sent here.
        self._http = Http(Guard(options.inside), names, timeout_s=options.hop_timeout_s, verify=False)

    def wants(self, message: Carried) -> Iterable[str]:
        """Links through shorteners only: to open another link may unsubscribe, confirm or tell the sender."""
        return islice(message.short_urls, SHORT_URLS)

    def registry(self, entity: str) -> str:
        """The shortener."""
        url = normalised(entity)
        return host_of(url) if url else ""

    async def look_up(self, entity: str) -> tuple[Finding, ...]:
        """Number of redirects, and whether the last host is of another registrable domain than the first."""
        url = normalised(entity)
        if url is None:
            raise Rejected("not a web address")
        chain = [url]
        until = asyncio.get_running_loop().time() + 0.9 * self.options.timeout_s
        while len(chain) <= self.options.most_hops:
            try:
                async with asyncio.timeout_at(until):
                    reply = await self._hop(chain[-1])
            except (TimeoutError, Unavailable) as fault:
                known = fault if isinstance(fault, Unavailable) else TimedOut("the chain took too long")
                known.elsewhere = len(chain) > 1
                raise known from None
            target = normalised(reply.headers.get("location", ""), chain[-1]) if reply.status in REDIRECTS else None
            if target is None or target in chain:
                break
            chain.append(target)
        hosts = [host_of(hop) for hop in chain]
        leaves = registrable(hosts[-1]) != registrable(hosts[0])
        body = {"hosts": hosts, "final": chain[-1][:1024], "status": reply.status}
        return Finding("url_redirects", float(len(chain) - 1), body=body), Finding("url_leaves_domain", float(leaves))

    async def _hop(self, url: str) -> Reply:
        reply = await self._http.fetch("HEAD", url, most_bytes=1)
        if reply.status in NO_HEAD:
            reply = await self._http.fetch(
                "GET", url, most_bytes=FIRST_BYTES, headers={"range": f"bytes=0-{FIRST_BYTES - 1}"}
            )
        if reply.status in TOO_MANY:
            raise Unavailable(f"the server answers {reply.status}", retry_after_s=retry_after_s(reply))
        return reply
