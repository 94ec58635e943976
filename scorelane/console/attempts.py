"""Guessing passwords is made slow: few are checked at once, and failures lock a name at the address they come from."""

from __future__ import annotations

import math
import threading
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from db import logins
from scorelane import accounts
from scorelane.console.errors import Unavailable

if TYPE_CHECKING:
    from starlette.requests import Request

    from db.users import Login
    from scorelane.console.house import House

WAIT_S = 5
IPV6_PREFIX = 64
"""A network of IPv6 that one person commonly has counts as one address."""

_hashing = threading.BoundedSemaphore(2)
"""A password takes 64 MiB and a core to check; more at once would only make all of them slow."""


class Locked(Exception):
    """Too many failures; the text says when to try again, and is the same for a name that nobody has."""

    def __init__(self, seconds: float) -> None:
        minutes = math.ceil(seconds / 60)
        super().__init__(f"Too many failed logins. Try again in {minutes} minute{'s' if minutes > 1 else ''}.")


def address_of(request: Request) -> str:
    """Where a request comes from, as failures are counted."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host[:100]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(IPv6Network((address, IPV6_PREFIX), strict=False))
        address = address.ipv4_mapped
    return str(address)


def is_right(house: House, name: str, address: str, found: Login | None, password: str) -> bool:
    """Whether a password is that of the user who was found by the name; a wrong one counts, also for nobody's name.

    Raises Locked, whatever the password.
    """
    if not _hashing.acquire(timeout=WAIT_S):
        raise Unavailable("Too many people log in at once. Try again in a moment.")
    try:
        with house.transaction() as opened:
            seconds = logins.locked_s(opened.raw, name, address)
        if seconds > 0:
            raise Locked(seconds)
        right = accounts.verify(None if found is None else found.password_hash, password)
        if not right:
            with house.transaction() as opened:
                logins.failed(opened.raw, name, address)
    finally:
        _hashing.release()
    return right
