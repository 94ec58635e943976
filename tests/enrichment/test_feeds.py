"""Lists as they come: forms, times, and lines that are no entry."""

# ruff: noqa: ANN002, E501

from __future__ import annotations

from datetime import UTC, datetime

from scorelane.enrichment.feeds import Entry, Unread, read_entries


def entities(kind, *lines):
    return [item.entity if isinstance(item, Entry) else item.line for item in read_entries(lines, kind)]


def test_domains_come_in_many_forms():
    lines = (
        "# comment", "", "Bad.Example", "0.0.0.0 tracker.example", "*.wild.example", "evil[.]example.",
        "bücher.example", '"quoted.example"', "not a domain", "x" * 300 + ".example", "-dash.example",
    )  # fmt: skip
    assert entities("domain", *lines) == [
        "bad.example", "tracker.example", "wild.example", "evil.example", "xn--bcher-kva.example", "quoted.example", 9, 10, 11,
    ]  # fmt: skip


def test_urls_are_named_as_messages_name_them():
    lines = ("hxxps://Bad.example/a/../b#top", "bad.example/x", "http://0x7f.1/y", "javascript:alert(1)", "nothing")
    assert entities("url", *lines) == ["https://bad.example/b", "http://bad.example/x", "http://127.0.0.1/y", 4, 5]


def test_hashes_are_sha256_and_addresses_canonical():
    assert entities("hash", "A" * 64, "d41d8cd98f00b204e9800998ecf8427e") == ["a" * 64, 2]
    assert entities("ip", "2001:DB8::0:1", "203.0.113.9", "203.0.113.256") == ["2001:db8::1", "203.0.113.9", 3]


def test_a_first_seen_time_is_kept():
    lines = ["bad.example,2026-11-01T10:00:00Z", "bad2.example 2026-11-02 11:00:00", "bad3.example\tsoon"]
    seen = [entry.first_seen for entry in read_entries(lines, "domain")]
    assert seen == [datetime(2026, 11, 1, 10, tzinfo=UTC), datetime(2026, 11, 2, 11, tzinfo=UTC), None]


def test_popular_domains_have_their_rank():
    found = list(read_entries(["1,first.example", "7,seventh.example", "oops"], "popularity"))
    assert [(e.entity, e.value) for e in found[:2]] == [("first.example", 1), ("seventh.example", 7)]
    assert isinstance(found[2], Unread)
    plain = list(read_entries(["a.example", "b.example"], "popularity"))
    assert [(e.entity, e.value) for e in plain] == [("a.example", 1), ("b.example", 2)]
