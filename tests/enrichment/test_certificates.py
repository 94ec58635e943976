"""Certificate age from a real handshake."""

from __future__ import annotations

import pytest

from scorelane.enrichment.errors import Refused, TimedOut, Unavailable

INSIDE = ["127.0.0.2/32"]


def test_the_age_and_the_trust_of_a_certificate_are_told(servers, certificate, dns_server, ask):
    dns_server.rules = {"shop.test": {"A": ["127.0.0.2"]}}
    with servers.WebServer(host="127.0.0.2", tls=certificate) as server:
        found = ask("certificates", "shop.test", port=server.port, servers=[dns_server.address], inside=INSIDE)
    assert found["certificate_issued_at"].value == 1_795_132_800  # 2026-11-20
    assert found["certificate_issued_at"].body == {"issuer": "Nobody"}
    assert found["certificate_trusted"].value == 0


def test_a_host_inside_is_refused(dns_server, ask):
    dns_server.rules = {"inner.test": {"A": ["127.0.0.1"]}}
    with pytest.raises(Refused):
        ask("certificates", "inner.test", servers=[dns_server.address])


def test_a_host_without_address_has_no_certificate(dns_server, ask):
    found = ask("certificates", "gone.test", servers=[dns_server.address])
    assert {finding.status for finding in found.values()} == {"not_found"}


def test_no_tls_and_silence_are_not_zeros(servers, dns_server, ask):
    dns_server.rules = {"plain.test": {"A": ["127.0.0.2"]}}
    with servers.WebServer({"*": servers.HANG}, host="127.0.0.2") as server, pytest.raises((Unavailable, TimedOut)):
        ask("certificates", "plain.test", port=server.port, servers=[dns_server.address], inside=INSIDE, timeout_s=1)
    with pytest.raises(Unavailable):
        ask("certificates", "plain.test", port=server.port, servers=[dns_server.address], inside=INSIDE, timeout_s=1)
