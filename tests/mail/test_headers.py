from __future__ import annotations

import pytest

from scorelane.mail import parse
from scorelane.mail.headers import decode, parameters


def test_fields_stand_in_raw_order_with_duplicates(read_header):
    message = read_header("X-B: 1", "x-a: 2", "X-B: 3")
    assert message.headers == (("X-B", "1"), ("x-a", "2"), ("X-B", "3"))
    assert message.index["x-b"] == ("1", "3")
    assert message.first("x-a") == "2"


@pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r"])
def test_folded_lines_are_one_value_whatever_ends_them(newline):
    raw = newline.join([b"Subject: one", b"\ttwo", b" three", b"From: a@b.test", b"", b"body"])
    message = parse(raw)
    assert message.subject == "one two three"
    assert message.from_[0].addr == "a@b.test"


@pytest.mark.parametrize(
    "before", [b"\xef\xbb\xbf", b"From x@y.test Mon Jan  5 10:00:00 2026\n", b">From x@y.test\n", b"\r\n\r\n", b"  \t"]
)
def test_what_stands_before_the_first_field_does_not_hide_it(before, build):
    message = parse(before + build(b"Hi there"))
    assert message.subject == "Hello"
    assert message.plain_text == "Hi there"


def test_a_line_without_a_name_is_a_defect_and_hides_nothing(read_header, kinds):
    message = read_header("From: a@b.test", "this is no header", "Subject: still read")
    assert message.subject == "still read"
    assert "header_malformed" in kinds(message)


@pytest.mark.parametrize(
    ("coded", "text"),
    [
        ("=?utf-8?q?caf=C3=A9?=", "café"),
        ("=?UTF-8?B?Y2Fmw6k=?=", "café"),
        ("=?iso-8859-1?Q?a_b=2E?= c", "a b. c"),
        ("=?utf-8?q?one?= =?utf-8?q?two?=", "onetwo"),
        ("=?utf-8?q?one?=\r\n =?iso-8859-1?q?tw=F6?=", "onetwö"),
        ("=?utf-8?b?4oI=?= =?utf-8?b?rDU=?=", "€5"),
        ("=?utf-8*en?q?a?=", "a"),
        ("=?utf-8?b?YQ?=", "a"),
        ("a =?broken b", "a =?broken b"),
        ("=?utf-7?q?+AGE-?=", "a"),
    ],
)
def test_encoded_words_become_text(coded, text):
    assert decode(coded) == text


def test_an_encoded_word_that_does_not_decode_stays_and_is_a_defect(read_header, kinds):
    message = read_header("From: a@b.test", "Subject: =?utf-8?b?a?=")
    assert message.subject == "=?utf-8?b?a?="
    assert "encoded_word_malformed" in kinds(message)


def test_raw_bytes_in_a_header_are_read_and_noted(kinds):
    message = parse("Subject: Zürich\r\n\r\n".encode("latin-1"))
    assert message.subject == "Zürich"
    assert "header_8bit" in kinds(message)


@pytest.mark.parametrize(
    ("value", "main", "found"),
    [
        ('text/plain; charset="utf-8"', "text/plain", {"charset": "utf-8"}),
        ('a/b; name="x;y.pdf"; size=3', "a/b", {"name": "x;y.pdf", "size": "3"}),
        (r'a/b; name="a\"b"', "a/b", {"name": 'a"b'}),
        ("a/b; name*=utf-8''%e2%82%ac.pdf", "a/b", {"name": "€.pdf"}),
        ('a/b; name*0="in"; name*1="voice"; name*2*=%2epdf', "a/b", {"name": "invoice.pdf"}),
        ('a/b; name="unclosed', "a/b", {"name": "unclosed"}),
        ("a/b; name=first; name=second", "a/b", {"name": "first"}),
    ],
)
def test_parameters_are_read_in_every_style(value, main, found):
    assert parameters(value) == (main, found)


def test_single_headers_that_stand_twice_are_named(read_header):
    message = read_header("From: a@b.test", "Subject: one", "Subject: two")
    assert [(d.kind, d.where) for d in message.defects if d.kind == "duplicate_header"] == [
        ("duplicate_header", "subject")
    ]


def test_identifiers_of_a_thread_are_apart(read_header):
    message = read_header(
        "Message-ID: <3@a.test>", "In-Reply-To: <2@a.test>", "References: <1@a.test>\r\n <2@a.test> x"
    )
    assert message.message_id == "<3@a.test>"
    assert message.in_reply_to == ("<2@a.test>",)
    assert message.references == ("<1@a.test>", "<2@a.test>")
