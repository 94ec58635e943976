"""DNS block lists: listed, not listed, and lists that speak of us."""

from __future__ import annotations

import pytest

from scorelane.enrichment.errors import Blocked, Misconfigured, Unavailable


def test_an_address_is_asked_backwards_and_counted_by_zone(dns_server, ask):
    dns_server.rules = {"9.113.0.203.one.test": ["127.0.0.2", "127.0.0.4"], "9.113.0.203.two.test": ["127.0.0.10"]}
    found = ask(
        "ip_blocklist", "203.0.113.9", zones=["one.test", "two.test", "three.test"], servers=[dns_server.address]
    )
    assert found["ip_listed"].value == 2
    assert found["ip_listed"].body["listed"] == {"one.test": ["127.0.0.2", "127.0.0.4"], "two.test": ["127.0.0.10"]}


def test_an_ipv6_address_is_asked_by_nibble(dns_server, ask):
    name = "1." + "0." * 23 + "8.b.d.0.1.0.0.2.one.test"
    dns_server.rules = {name: ["127.0.0.2"]}
    found = ask("ip_blocklist", "2001:db8::1", zones=["one.test"], servers=[dns_server.address])
    assert found["ip_listed"].value == 1


def test_an_unlisted_domain_is_a_zero_that_somebody_said(dns_server, ask):
    found = ask("domain_blocklist", "good.test", zones=["one.test"], servers=[dns_server.address])
    assert (found["domain_listed"].status, found["domain_listed"].value) == ("ok", 0)


@pytest.mark.parametrize("code", ["127.255.255.254", "127.255.255.255", "127.255.255.252", "127.0.0.1"])
def test_a_code_that_speaks_of_the_asker_is_no_listing(dns_server, ask, code):
    dns_server.rules = {"bad.test.one.test": [code]}
    with pytest.raises(Blocked):
        ask("domain_blocklist", "bad.test", zones=["one.test"], servers=[dns_server.address])


def test_a_zone_that_answers_everything_from_elsewhere_is_not_believed(dns_server, ask):
    dns_server.rules = {"*": ["203.0.113.80"]}
    with pytest.raises(Blocked, match="not a block list"):
        ask("domain_blocklist", "good.test", zones=["parked.test"], servers=[dns_server.address])


def test_a_failing_zone_hides_no_listing_and_makes_no_zero(dns_server, servers, ask):
    dns_server.rules = {
        "bad.test.up.test": ["127.0.0.2"],
        "bad.test.down.test": servers.SERVFAIL,
        "good.test.down.test": servers.SERVFAIL,
    }
    zones = {"zones": ["up.test", "down.test"], "servers": [dns_server.address]}
    assert ask("domain_blocklist", "bad.test", **zones)["domain_listed"].value == 1
    with pytest.raises(Unavailable):
        ask("domain_blocklist", "good.test", **zones)


def test_zones_must_be_named(ask):
    with pytest.raises(Misconfigured, match="zones"):
        ask("ip_blocklist", "203.0.113.9")
    with pytest.raises(Misconfigured, match="at least one zone"):
        ask("ip_blocklist", "203.0.113.9", zones=[])
