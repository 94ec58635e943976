"""Links come from every part of a message."""

from __future__ import annotations

import pytest

from scorelane.mail import parse

INVITE = (
    b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDESCRIPTION:Join http://evil.te\r\n st/meet now\r\n"
    b"END:VEVENT\r\nEND:VCALENDAR\r\n"
)


def sources(message):
    return [(link.url.href, link.source) for link in message.links]


def test_a_plain_body(read):
    assert sources(read("Open http://a.test/x")) == [("http://a.test/x", "text")]


def test_a_subject_and_headers(read_header):
    message = read_header(
        'From: "Win at http://f.test/" <a@b.test>',
        "Subject: see http://s.test/",
        "List-Unsubscribe: <https://u.test/?1>",
    )
    assert sources(message) == [
        ("http://s.test/", "subject"),
        ("https://u.test/?1", "header"),
        ("http://f.test/", "header"),
    ]


def test_text_of_an_html_body_that_is_no_anchor(read_html):
    message = read_html('<p>Open http://a.test/x</p><a href="http://b.test/">http://b.test/</a>')
    assert ("http://a.test/x", "text") in sources(message)


def test_a_link_of_the_html_text_alone_is_found_beside_a_plain_body(build_parts):
    parts = (
        (["Content-Type: text/plain"], b"http://a.test/"),
        (["Content-Type: text/html"], b"<p>http://a.test/ http://b.test/"),
    )
    assert sources(parse(build_parts(*parts, kind="alternative"))) == [
        ("http://a.test/", "text"),
        ("http://b.test/", "text"),
    ]


@pytest.mark.parametrize("kind", ["text/calendar; method=REQUEST", "application/octet-stream"])
def test_a_calendar_whatever_it_is_called(kind, build_parts):
    message = parse(build_parts((["Content-Type: text/plain"], b"x"), ([f"Content-Type: {kind}"], INVITE)))
    assert sources(message) == [("http://evil.test/meet", "calendar")]


def test_a_nested_message(build, build_parts):
    inner = build(b'<a href="http://in.test/">x</a>', "text/html")
    message = parse(build_parts((["Content-Type: text/plain"], b"fwd"), (["Content-Type: message/rfc822"], inner)))
    assert sources(message) == [("http://in.test/", "nested")]


def test_more_links_than_the_limit_are_cut_and_noted(read, read_html, kinds):
    for message in (read("http://a.test/ " * 600), read_html('<a href="http://a.test/">x</a>' * 600)):
        assert len(message.links) == 500
        assert "link_limit" in kinds(message)
