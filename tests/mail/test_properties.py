"""The parser is total and bounded, whatever the bytes are."""

from __future__ import annotations

import runpy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorelane.mail import Limits, Message, parse
from scorelane.mail.defects import KINDS, Defects
from scorelane.mail.headers import read_fields
from scorelane.mail.mime import read_tree
from scorelane.mail.received import parse_received
from scorelane.mail.urls import find_urls, parse_url

HERE = Path(__file__).parent
STRATEGIES = runpy.run_path(str(HERE / "strategies.py"))
FOUND = sorted((HERE / "found").glob("*"))
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
SMALL = Limits(
    message_bytes=4_000, header_block_bytes=600, header_count=5, header_value_chars=80, addresses=3, boundary_lines=6,
    parts=4, depth=2, part_bytes=200, bodies=1, text_chars=150, html_bytes=300, html_depth=8, html_elements=20, links=3,
    hops=2, nested_levels=1, nested_messages=2,
)  # fmt: skip
many = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def texts(message: Message):
    yield from (message.text, message.full_text, message.quoted_text, message.plain_text, message.subject)
    yield from (value for field in message.headers for value in field)
    if message.html is not None:
        yield from (message.html.visible_text, message.html.hidden_text)
    for link in message.links:
        yield from (link.url.href, link.url.host, link.url.raw, link.text)
    yield from (part.filename for part in message.parts)


@many
@given(STRATEGIES["messages"]())
def test_any_bytes_are_a_message(raw):
    message = parse(raw, received_at=NOW)
    assert message == parse(raw, received_at=NOW)
    assert message.size_bytes == len(raw)
    assert {defect.kind for defect in message.defects} <= KINDS
    for text in texts(message):
        text.encode("utf-8")
    for hop in message.hops:
        assert hop.time is None or hop.time.tzinfo is not None


@many
@given(STRATEGIES["messages"](), st.sampled_from(["default", "small"]))
def test_no_message_is_larger_than_its_limits(raw, kind):
    limits = SMALL if kind == "small" else Limits()
    message = parse(raw, limits=limits)
    nested = 0
    waiting = [(message, 0)]
    while waiting:
        one, level = waiting.pop()
        assert level <= limits.nested_levels
        nested += len(one.nested)
        waiting.extend((inner, level + 1) for inner in one.nested)
        assert len(one.headers) <= limits.header_count
        assert all(len(value) <= limits.header_value_chars for _, value in one.headers)
        assert max(len(one.to), len(one.from_), len(one.cc)) <= limits.addresses
        assert len(one.hops) <= limits.hops
        assert len(one.parts) <= limits.parts
        assert all(len(part.content) <= limits.part_bytes for part in one.parts)
        assert len(one.links) <= limits.links
        assert max(map(len, (one.text, one.plain_text, one.quoted_text, one.full_text))) <= limits.text_chars
    assert nested <= limits.nested_messages


@many
@given(STRATEGIES["messages"]())
def test_what_a_limit_cuts_is_a_defect(raw):
    whole, cut = parse(raw), parse(raw, limits=SMALL)
    kinds = {defect.kind for defect in cut.defects}
    if len(raw) > SMALL.message_bytes:
        assert "message_truncated" in kinds
    elif "mime_fallback" not in kinds:
        if len(whole.hops) > len(cut.hops):
            assert kinds & {"hop_limit", "header_truncated"}
        if len(whole.headers) > len(cut.headers):
            assert "header_truncated" in kinds
        if len(whole.parts) > len(cut.parts):
            assert kinds & {"part_limit", "depth_limit", "nested_limit", "header_truncated"}


@many
@given(st.one_of(st.text(max_size=200), STRATEGIES["soups"].map(lambda soup: soup.decode("utf-8", "replace"))))
def test_any_text_is_a_url_or_none(text):
    url = parse_url(text)
    if url is not None and url.host:
        assert url.host == url.host.lower().strip()
        assert not set(url.host) & set(" /\\@?#\t\r\n")
        again = parse_url(url.href)
        assert again is not None
        assert (again.host, again.domain, again.is_ip) == (url.host, url.domain, url.is_ip) or again.rewriters
    assert len(find_urls(text, 5)) <= 5


@given(st.binary(max_size=300), st.integers(0, 3))
@many
def test_a_limit_of_nothing_is_a_limit(raw, number):
    parse(raw, limits=replace(SMALL, links=number, parts=number + 1, hops=number, addresses=number, text_chars=number))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_the_fuzzer_once_found_is_a_message(path):
    parse(path.read_bytes(), received_at=NOW)


@many
@given(STRATEGIES["messages"]())
def test_a_text_found_without_a_parser_is_what_the_parser_finds(raw):
    limits, met, met_by_parser = Limits(), Defects(), Defects()
    fields = read_fields(raw, limits, Defects())
    found = read_tree(raw, fields, limits, met)
    by_parser = read_tree(raw, fields._replace(body=None), limits, met_by_parser)
    assert found == by_parser
    assert met.all() == met_by_parser.all()


HOP_WORDS = (
    "from", "by", "with", "id", "for", "helo.test", "localhost", "[203.0.113.9]", "(name.test [203.0.113.9])",
    "([IPv6:2001:db8::1])", "([203.0.113.999])", "(x.test [203.0.113.9] (may be forged))", "(unknown [203.0.113.9])",
    "(EHLO foo.test)", "(using TLSv1.3 with X (256/256 bits))", "(helo [203.0.113.9])", "(envelope-from <a@a.test>)",
    "(Postfix)", "ESMTP", "esmtps", "HTTP", "4Xyz", "<bob@b.test>", "bob@b.test", "(qmail 7 invoked by uid 1)", "(",
    ")", "()", "a=b",
)  # fmt: skip


@many
@given(st.lists(st.sampled_from(HOP_WORDS), max_size=12), st.booleans())
def test_a_usual_hop_reads_as_it_does_clause_by_clause(words, is_usual):
    if is_usual:
        words = ["from", "helo.test", "(name.test [203.0.113.9])", *words[:1], "by", "mx.test", *words[1:]]
    hop = " ".join(words)
    assert parse_received(hop) == parse_received(f"  {hop}  ".replace(" ", "  "))
