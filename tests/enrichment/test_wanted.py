"""What a message carries, what is asked about it, and how stored facts read: pure."""

# ruff: noqa: ANN002

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scorelane.enrichment import Catalogue, Known, Request, carried, facts_for
from scorelane.enrichment.backoff import delay_s
from scorelane.enrichment.errors import Misconfigured
from scorelane.mail import parse

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MAIL = b"""From: Ann <ann@mail.shop.example>
Received: from mail.shop.example (mail.shop.example [203.0.113.9]) by mx.test; Tue, 24 Nov 2026 11:59:00 +0000
Subject: offer
Content-Type: text/html

<a href="https://bit.ly/abc#frag">one</a> <a href="https://www.other.example:8443/x">two</a>
<a href="http://198.51.100.7/y">three</a> <a href="https://secure.third.example/z">four</a>
"""
EVERYTHING = {
    "dns": {}, "rdap": {}, "rdap_ip": {}, "redirects": {}, "certificates": {},
    "ip_blocklist": {"zones": ["a.test"]}, "domain_blocklist": {"zones": ["b.test"]},
}  # fmt: skip


@pytest.fixture
def message():
    return parse(MAIL, received_at=AT)


def test_a_message_carries_each_entity_once(message):
    found = carried(message)
    assert (found.author_domain, found.author_host, found.handover_ip) == (
        "shop.example",
        "mail.shop.example",
        "203.0.113.9",
    )
    assert found.link_domains == ("bit.ly", "other.example", "third.example")
    assert found.https_hosts == ("bit.ly", "secure.third.example")
    assert found.short_urls == ("https://bit.ly/abc",)
    assert "http://198.51.100.7/y" in found.urls


def test_nothing_is_wanted_while_no_provider_is_on(message):
    catalogue = Catalogue({})
    assert not catalogue
    assert catalogue.wanted(carried(message)) == ()


def test_each_provider_says_what_it_wants(message):
    wanted = Catalogue.of(EVERYTHING).wanted(carried(message))
    assert Request("dns", "shop.example") in wanted
    assert Request("rdap_ip", "203.0.113.9") in wanted
    assert [r.entity for r in wanted if r.provider == "redirects"] == ["https://bit.ly/abc"]
    assert [r.entity for r in wanted if r.provider == "certificates"] == ["bit.ly", "secure.third.example"]
    assert len(set(wanted)) == len(wanted)


def test_what_a_message_wants_is_bounded():
    links = "".join(f'<a href="https://bit.ly/{n}">x</a><a href="https://d{n}.example/">y</a>' for n in range(400))
    crowd = parse(b"From: a@b.example\nContent-Type: text/html\n\n" + links.encode(), received_at=AT)
    found = carried(crowd)
    assert max(len(found.urls), len(found.link_domains), len(found.link_hosts)) <= 64
    wanted = Catalogue.of(EVERYTHING).wanted(found)
    assert len(wanted) <= 24


@pytest.mark.parametrize(
    "raw", [b"", b"From: <<<@@@>>>\n\n", b"\xff" * 5000, b"Received: from x ([999.1.1.1]) by y\n\n"]
)
def test_no_mail_keeps_it_from_answering(raw):
    Catalogue.of(EVERYTHING).wanted(carried(parse(raw, received_at=AT)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dnss": {}}, "no provider 'dnss'; there are certificates, dns"),
        ({"dns": {"rate": 5}}, "unknown field `rate`"),
        ({"dns": {"rate_per_s": 0}}, "rate_per_s must be above 0"),
        ({"dns": {"servers": "9.9.9.9"}}, "Expected `array`"),
        ({"dns": {"servers": ["9.9.9.9:dns"]}}, "not the address of a DNS server"),
    ],
)
def test_settings_that_are_wrong_are_said_in_one_line(settings, said):
    with pytest.raises(Misconfigured, match=said) as caught:
        Catalogue.of(settings)
    assert "\n" not in str(caught.value)


def known(*rows):
    found = {}
    for number, (provider, kind, entity, status, value) in enumerate(rows, 1):
        found.setdefault(entity, []).append(Known(number, provider, kind, entity, status, value))
    return found


def test_ages_count_to_the_time_of_receipt(message):
    born = AT.timestamp() - 3 * 86_400
    stored = known(("rdap", "domain_registered_at", "shop.example", "ok", born))
    facts = facts_for(carried(message), [Request("rdap", "shop.example")], stored, AT)
    (fact,) = facts["domain_age_days"]
    assert (fact.value, fact.fact_id, fact.status) == (3.0, "1", "ok")


def test_what_a_list_covers_and_does_not_name_is_a_zero_of_that_list(message):
    stored = known(("feed:x", "domain_listed", "*", "ok", 0.0), ("feed:x", "domain_listed", "other.example", "ok", 1.0))
    facts = facts_for(carried(message), [], stored, AT)
    by_entity = {fact.entity: (fact.value, fact.fact_id) for fact in facts["domain_listed"]}
    assert by_entity["other.example"] == (1.0, "2")
    assert by_entity["shop.example"] == (0.0, "1")
    assert "url_listed" not in facts


def test_of_several_sources_a_listing_beats_a_zero_and_a_value_beats_a_reason(message):
    stored = known(
        ("a", "domain_listed", "shop.example", "timeout", None),
        ("b", "domain_listed", "shop.example", "ok", 0.0),
        ("c", "domain_listed", "shop.example", "ok", 2.0),
    )
    facts = facts_for(carried(message), [], stored, AT)
    assert facts["domain_listed"][0].value == 2.0


def test_backoff_is_full_jitter_under_a_doubling_bound_and_heeds_the_provider():
    for attempts in range(1, 30):
        drawn = [delay_s(attempts) for _ in range(200)]
        bound = min(900.0, 2.0 * 2 ** min(attempts, 12))
        assert max(drawn) <= bound
        assert max(drawn) > bound * 0.8
        assert min(drawn) < bound * 0.2
    assert all(120 <= delay_s(1, 120) <= 132 for _ in range(100))
    assert delay_s(1, 1e12) < 100_000
