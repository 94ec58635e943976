"""Asking the domain name system, with the whole wait bounded; nothing is cached and no thread is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from scorelane.enrichment.errors import Misconfigured, Rejected, TimedOut, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

PORT = 53


class NoSuchName(Exception):
    """NXDOMAIN: the name system knows that the name does not exist (RFC 8020)."""


class Answer(NamedTuple):
    """Records of one type; none where the name exists without them."""

    records: tuple[Any, ...]
    ttl_s: int


class Names:
    """Resolvers to ask: the operator's, or the system's where none are named."""

    def __init__(self, servers: Sequence[str] = (), *, timeout_s: float = 4.0) -> None:
        """Servers are written `address` or `address:port`, IPv6 in brackets when it has a port."""
        self._servers = [_server(text) for text in servers]
        self._timeout_s = timeout_s
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def ask(self, name: str, kind: str) -> Answer:
        """Records of a name, CNAMEs followed, over TCP where the answer is cut.

        Raises NoSuchName, TimedOut, Unavailable (the resolver fails or refuses) or Rejected (no name at all).
        """
        try:
            answer = await self._open().resolve(
                dns.name.from_text(name), kind, lifetime=self._timeout_s, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            raise NoSuchName(name) from None
        except dns.exception.Timeout as fault:
            raise TimedOut(f"no DNS answer within {self._timeout_s:g} s") from fault
        except (dns.resolver.NoNameservers, dns.resolver.NoResolverConfiguration, OSError) as fault:
            raise Unavailable(f"no resolver answers: {type(fault).__name__}") from fault
        except (dns.exception.DNSException, UnicodeError) as fault:
            raise Rejected(f"not a name that can be asked: {type(fault).__name__}") from fault
        if answer.rrset is None:
            return Answer((), 0)
        return Answer(tuple(answer.rrset), answer.rrset.ttl)

    async def addresses(self, host: str) -> tuple[str, ...]:
        """IPv4, then IPv6 addresses of a host; empty where it has none. Raises as `ask`."""
        found: list[str] = []
        for kind in ("A", "AAAA"):
            answer = await self.ask(host, kind)
            found.extend(record.to_text() for record in answer.records)
        return tuple(found)

    def _open(self) -> dns.asyncresolver.Resolver:
        if self._resolver is None:
            resolver = dns.asyncresolver.Resolver(configure=not self._servers)
            if self._servers:
                resolver.nameservers = [address for address, _ in self._servers]
                resolver.nameserver_ports = dict(self._servers)
            resolver.timeout = max(0.5, self._timeout_s / 2)
            self._resolver = resolver
        return self._resolver


def _server(text: str) -> tuple[str, int]:
    address, port = text, str(PORT)
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    if not port.isdigit():
        raise Misconfigured(f"enrichment: {text!r} is not the address of a DNS server")
    return address, int(port)
