"""Which addresses belong to the public internet: the one rule for everything that connects outwards.

Hooks and lookups go to addresses that strangers name, so that what leads inside must be told apart whatever its form.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

GIVEN = IPv6Network("2000::/3")
"""All IPv6 addresses that anybody was given; others that look global are site-local, translated or no longer used."""
TUNNELS = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))
"""6to4 (RFC 3056) and Teredo (RFC 4380): an IPv4 address within, which may be one inside."""


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet. An IPv4 address mapped into IPv6 is what it maps."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in GIVEN or any(address in tunnel for tunnel in TUNNELS):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
