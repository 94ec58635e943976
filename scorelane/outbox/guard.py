"""A webhook goes to the outside world: never to this machine, its network or a cloud's metadata, whatever DNS says."""

from __future__ import annotations

import ipaddress
import socket
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from scorelane.internet import is_public
from scorelane.outbox.errors import Forbidden


class Route(NamedTuple):
    """Where to connect: the address that was checked is the one that is called, so DNS cannot change its mind."""

    url: str
    host: str
    """For the Host header and the certificate."""


def route(url: str, *, allow_private: bool) -> Route:
    """The checked way to a webhook. Raises Forbidden, and OSError when the name does not resolve."""
    parts = urlsplit(url)
    if parts.hostname is None:
        raise Forbidden("the address has no host")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise Forbidden(f"{parts.hostname} leads to {address}, which is not an address of the outside world")
    chosen = addresses[0]
    literal = f"[{chosen}]" if chosen.version == 6 else str(chosen)  # noqa: PLR2004 - IP version
    target = urlunsplit((parts.scheme, f"{literal}:{port}", parts.path or "/", parts.query, ""))
    default = parts.port is None or parts.port == (443 if parts.scheme == "https" else 80)
    return Route(target, parts.hostname if default else f"{parts.hostname}:{parts.port}")
