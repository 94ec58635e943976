"""RDAP against a registry on loopback that redirects, limits, fails and lies."""

# ruff: noqa: ANN003, PLR0917

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from scorelane.enrichment.errors import Blocked, Misconfigured, Refused, Rejected, Unavailable

INSIDE = ["127.0.0.2/32"]
ANSWER = {
    "objectClassName": "domain",
    "handle": "D1-TEST",
    "ldhName": "shop.test",
    "status": ["client transfer prohibited"],
    "events": [
        {"eventAction": "registration", "eventDate": "2026-11-20T00:00:00Z"},
        {"eventAction": "expiration", "eventDate": "2027-11-20T00:00:00Z"},
    ],
    "entities": [
        {
            "objectClassName": "entity",
            "handle": "9",
            "roles": ["registrar"],
            "vcardArray": ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Names Ltd"]]],
        }
    ],
}


def reply(body, status=200, **headers):
    return status, {"Content-Type": "application/rdap+json", **headers}, json.dumps(body).encode()


@pytest.fixture
def registry(web_server, tmp_path, ask):
    """Ask about a name of .test; the answers are the web server's rules."""
    here = f"http://127.0.0.2:{web_server.port}/"
    services = {
        "asn": [[["1-2"], [here]]],
        "dns": [[["test"], [here]]],
        "ipv4": [[["1.0.0.0/8"], [here]]],
        "ipv6": [[["2001:db8::/32"], [here]]],
        "object": [[["a@b.test"], ["AA"], [here]]],
    }
    file = tmp_path / "bootstrap.json"
    file.write_text(json.dumps({"timestamp": 1, **{name: {"services": rows} for name, rows in services.items()}}))
    options = {"bootstrap": str(file), "insecure": True, "inside": INSIDE}
    return lambda entity, what="rdap": ask(what, entity, **options)


def test_dates_registrar_and_status_are_read(web_server, registry):
    web_server.rules = {"/domain/shop.test": reply(ANSWER)}
    found = registry("shop.test")
    assert found["domain_registered_at"].value == datetime(2026, 11, 20, tzinfo=UTC).timestamp()
    assert found["domain_expires_at"].value == datetime(2027, 11, 20, tzinfo=UTC).timestamp()
    assert found["domain_on_hold"].value == 0
    assert found["domain_registered_at"].body == {"registrar": "Names Ltd", "status": ["client transfer prohibited"]}


def test_a_held_domain_and_a_missing_date_are_told(web_server, registry):
    web_server.rules = {
        "/domain/held.test": reply({**ANSWER, "ldhName": "HELD.test", "status": ["server hold"], "events": []})
    }
    found = registry("held.test")
    assert found["domain_on_hold"].value == 1
    assert (found["domain_registered_at"].status, found["domain_registered_at"].value) == ("not_found", None)


def test_redirects_are_followed_some_times(web_server, registry):
    web_server.rules = {
        "/domain/shop.test": (302, {"Location": "/elsewhere/domain/shop.test"}, b""),
        "/elsewhere/domain/shop.test": reply(ANSWER),
        "/domain/round.test": (302, {"Location": "/domain/round.test"}, b""),
        "/domain/inside.test": (302, {"Location": "http://169.254.169.254/"}, b""),
    }
    assert registry("shop.test")["domain_on_hold"].value == 0
    with pytest.raises(Unavailable):
        registry("round.test")
    with pytest.raises(Refused):
        registry("inside.test")


def test_unknown_and_unserved_names_are_not_found(registry):
    for name in ("gone.test", "shop.nowhere"):
        assert {finding.status for finding in registry(name).values()} == {"not_found"}


@pytest.mark.parametrize(
    ("status", "headers", "error", "wait_s"),
    [(429, {"Retry-After": "30"}, Unavailable, 30), (503, {}, Unavailable, None), (403, {}, Blocked, 3600)],
)
def test_limits_and_refusals_say_how_long_to_stay_away(web_server, registry, status, headers, error, wait_s):
    web_server.rules = {"*": (status, headers, b"")}
    with pytest.raises(error) as caught:
        registry("shop.test")
    assert caught.value.retry_after_s == wait_s


def test_a_date_as_retry_after_counts_from_now(web_server, registry):
    web_server.rules = {"*": (503, {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}, b"")}
    with pytest.raises(Unavailable) as caught:
        registry("shop.test")
    assert caught.value.retry_after_s > 1e9


HOSTILE = [
    b"[]", b"null", b"{}", b'{"objectClassName": "domain"}', b'{"objectClassName": "domain", "handle": 7, "events": 3}',
    b'{"objectClassName": "autnum", "handle": "x"}', b"[" * 100_000, b'{"a":' * 50_000, b"x" * 600_000,
    json.dumps({**ANSWER, "events": [{"eventAction": "registration", "eventDate": "soon"}]}).encode(),
    json.dumps({**ANSWER, "ldhName": "other.test"}).encode(),
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_answer_is_rejected_and_harms_nobody(web_server, registry, body):
    web_server.rules = {"*": (200, {}, body)}
    with pytest.raises((Rejected, Unavailable)):
        registry("shop.test")


def test_a_cut_answer_is_asked_again_later(web_server, registry):
    web_server.rules = {"*": (200, {"Content-Length": "9000"}, json.dumps(ANSWER).encode())}
    with pytest.raises(Unavailable):
        registry("shop.test")


def test_an_address_block_has_an_age(web_server, registry):
    answer = {
        "objectClassName": "ip network", "handle": "NET-1", "startAddress": "1.2.3.0", "endAddress": "1.2.3.255",
        "ipVersion": "v4", "name": "EXAMPLE", "events": [{"eventAction": "registration", "eventDate": "2020-01-01"}],
    }  # fmt: skip
    web_server.rules = {"/ip/1.2.3.4": reply(answer)}
    found = registry("1.2.3.4", "rdap_ip")
    assert found["ip_registered_at"].status == "ok"


def test_a_bootstrap_file_that_cannot_be_read_is_said_at_once(tmp_path, ask):
    (tmp_path / "x.json").write_text("{")
    for file in ("missing.json", "x.json"):
        with pytest.raises(Misconfigured, match="bootstrap file"):
            ask("rdap", "shop.test", bootstrap=str(tmp_path / file))
