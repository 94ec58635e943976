"""The DNS provider against a real server on loopback."""

from __future__ import annotations

import pytest

from scorelane.enrichment.errors import Rejected, TimedOut, Unavailable
from scorelane.enrichment.providers.dns import dmarc_policy, is_fast_flux, spf_strength

GOOD = {
    "MX": ["10 mx.good.test."],
    "TXT": ['"unrelated"', '"v=spf1 include:a.test " "-all"'],
    "A": ["203.0.113.1"],
    "NS": ["ns1.good.test."],
}


def values(found):
    return {kind: finding.value for kind, finding in found.items()}


def test_a_domain_that_takes_mail_tells_its_policies(dns_server, ask):
    dns_server.rules = {"good.test": GOOD, "_dmarc.good.test": {"TXT": ['"v=DMARC1; p=reject; rua=mailto:a@b.test"']}}
    found = ask("dns", "good.test", servers=[dns_server.address])
    assert values(found) == {
        "domain_has_mx": 1, "domain_spf": 3, "domain_dmarc": 3, "domain_resolves": 1, "domain_fast_flux": 0,
    }  # fmt: skip
    assert found["domain_has_mx"].body == {"mx": ["mx.good.test"]}
    assert found["domain_spf"].body == {"record": "v=spf1 include:a.test -all"}


def test_a_null_mx_takes_no_mail_and_a_bare_address_does(dns_server, ask):
    dns_server.rules = {"null.test": {"MX": ["0 ."], "A": ["203.0.113.1"]}, "bare.test": {"A": ["203.0.113.1"]}}
    assert values(ask("dns", "null.test", servers=[dns_server.address]))["domain_has_mx"] == 0
    assert values(ask("dns", "bare.test", servers=[dns_server.address]))["domain_has_mx"] == 1


def test_a_name_that_does_not_exist_is_a_status_and_not_a_zero(dns_server, ask):
    found = ask("dns", "gone.test", servers=[dns_server.address])
    assert {finding.status for finding in found.values()} == {"not_found"}
    assert {finding.value for finding in found.values()} == {None}


def test_a_cut_answer_is_asked_again_over_tcp(dns_server, servers, ask):
    dns_server.rules = {"big.test": lambda _name, kind: servers.CUT if kind == "A" else []}
    assert values(ask("dns", "big.test", servers=[dns_server.address]))["domain_resolves"] == 1
    assert dns_server.asked["big.test", "A"] == 2


def test_silence_failure_and_garbage_are_told_apart(dns_server, servers, ask):
    dns_server.rules = {"silent.test": servers.HANG, "broken.test": servers.SERVFAIL, "noise.test": servers.GARBAGE}
    with pytest.raises(TimedOut):
        ask("dns", "silent.test", servers=[dns_server.address], timeout_s=0.5)
    with pytest.raises(Unavailable):
        ask("dns", "broken.test", servers=[dns_server.address], timeout_s=0.5)
    with pytest.raises(Unavailable):
        ask("dns", "noise.test", servers=[dns_server.address], timeout_s=0.5)


def test_what_is_no_name_is_rejected(dns_server, ask):
    with pytest.raises(Rejected):
        ask("dns", "a" * 64 + ".test", servers=[dns_server.address])
    with pytest.raises(Rejected):
        ask("dns", "a..test", servers=[dns_server.address])
    assert not dns_server.asked


def test_policies_are_read_as_their_standards_say():
    assert [
        spf_strength(text) for text in ("", "v=spf1 -all", "v=spf1 ~all", "v=spf1 +all", "v=spf1 redirect=x.test")
    ] == [0, 3, 2, -1, 1]
    assert [dmarc_policy(text) for text in ("", "v=DMARC1", "v=DMARC1; p=none", "v=DMARC1;p=quarantine ; pct=5")] == [
        0,
        0,
        1,
        2,
    ]


def test_fast_flux_is_many_short_lived_addresses_in_unrelated_networks():
    scattered = [f"203.{n}.113.{n}" for n in range(6)]
    assert is_fast_flux(scattered, 60)
    assert not is_fast_flux(scattered, 86_400)
    assert not is_fast_flux([f"203.0.113.{n}" for n in range(6)], 60)
    assert not is_fast_flux(scattered[:3], 60)
