"""Which addresses may be connected to: the public internet and nothing else (no request forgery from inside).

The check stands between resolving and connecting, on the very address that is connected to, so that neither a
redirect, a decimal or mapped address nor a name that resolves differently a moment later gets past it.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from scorelane.enrichment.errors import Refused
from scorelane.internet import is_public

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scorelane.enrichment.names import Names
    from scorelane.internet import Address

PORTS = frozenset({80, 443, 8000, 8008, 8080, 8443, 8888})
"""Ports that web servers use. Others would make us a port scanner."""


class Guard:
    """Says which addresses and ports may be connected to."""

    def __init__(self, inside: Iterable[str] = ()) -> None:
        """`inside` names networks that the operator allows beside the public ones, with any port."""
        self._inside = tuple(ip_network(text) for text in inside)

    def check(self, address: str, port: int) -> None:
        """Raises Refused unless the address is public and the port a web server's."""
        parsed = ip_address(address.partition("%")[0])
        if any(parsed in network for network in self._inside if network.version == parsed.version):
            return
        if not is_public(parsed):
            raise Refused("refused: the target is not an address of the public internet")
        if port not in PORTS:
            raise Refused(f"refused: port {port} is not a web server's")

    async def resolve(self, host: str, port: int, names: Names) -> Sequence[str]:
        """Checked addresses of a host or of an IP literal. Raises Refused when any of them is forbidden."""
        literal = literal_address(host)
        found = (str(literal),) if literal is not None else await names.addresses(host)
        for address in found:
            self.check(address, port)
        return found


def literal_address(host: str) -> Address | None:
    """The address that a host is, in brackets or not; None for a name."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
