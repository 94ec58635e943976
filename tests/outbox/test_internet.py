from __future__ import annotations

from ipaddress import ip_address

import pytest

from scorelane.internet import is_public


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "169.254.169.254", "192.168.1.1", "0.0.0.0", "100.64.0.1", "224.0.0.1",
     "240.0.0.1", "255.255.255.255", "192.0.2.1", "::", "::1", "fe80::1", "fec0::1", "fd00::1", "ff02::1",
     "::ffff:0:7f00:1", "::7f00:1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::7f00:1", "2002:a00:1::",
     "2002:808:808::", "2001:0:808:808::1", "2001:db8::1"],
)  # fmt: skip
def test_what_leads_inside_is_told_in_any_form(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "::ffff:93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_an_address_outside_is_outside(address):
    assert is_public(ip_address(address))
