from __future__ import annotations

import pytest

from scorelane.mail.addresses import parse_list
from scorelane.mail.message import Address


def read(value):
    return [(found.name, found.addr) for found in parse_list(value, 50)]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a@b.test", [("", "a@b.test")]),
        ("<a@b.test>", [("", "a@b.test")]),
        ("Ann Lee <a@B.Test>", [("Ann Lee", "a@b.test")]),
        ('"Lee, Ann" <a@b.test>, c@d.test', [("Lee, Ann", "a@b.test"), ("", "c@d.test")]),
        ("a@b.test (Ann Lee)", [("Ann Lee", "a@b.test")]),
        ("a@b.test (Ann (the first) Lee)", [("Ann (the first) Lee", "a@b.test")]),
        ('"ceo@bank.test" <thief@evil.test>', [("ceo@bank.test", "thief@evil.test")]),
        ("ceo@bank.test <thief@evil.test>", [("ceo@bank.test", "thief@evil.test")]),
        ("=?utf-8?q?J=C3=BCrgen?= <j@b.test>", [("Jürgen", "j@b.test")]),
        ('"=?utf-8?q?J=C3=BCrgen?=" <j@b.test>', [("Jürgen", "j@b.test")]),
        (r'"a \"b\" c" <a@b.test>', [('a "b" c', "a@b.test")]),
        ("<@relay.test:a@b.test>", [("", "a@b.test")]),
        ("mailto:a@b.test", [("", "a@b.test")]),
        ("a@bücher.test", [("", "a@xn--bcher-kva.test")]),
        ("<a@b.test> <c@d.test>", [("", "a@b.test")]),
        ('"unclosed <a@b.test>', [("unclosed", "a@b.test")]),
        ("Ann (unclosed <a@b.test>", [("Ann (unclosed", "a@b.test")]),
        ("root", [("", "root")]),
        ("", []),
        (",,;", []),
    ],
)
def test_addresses_are_read_as_mail_writes_them(value, found):
    assert read(value) == found


def test_a_group_names_its_members():
    assert parse_list("Friends: a@b.test, Ann <c@d.test>; e@f.test", 50) == (
        Address("", "a", "b.test", "Friends"),
        Address("Ann", "c", "d.test", "Friends"),
        Address("", "e", "f.test", None),
    )


def test_an_empty_group_hides_recipients():
    assert parse_list("undisclosed-recipients:;", 50) == ()


def test_more_addresses_than_the_limit_are_cut_and_noted(read_header, kinds):
    message = read_header("From: a@b.test", "To: " + ", ".join(f"u{n}@b.test" for n in range(300)))
    assert len(message.to) == 200
    assert "address_limit" in kinds(message)


def test_authors_of_several_from_headers_are_all_there(read_header, kinds):
    message = read_header("From: a@b.test", "From: c@d.test")
    assert [author.addr for author in message.from_] == ["a@b.test", "c@d.test"]
    assert "many_from" in kinds(message)


def test_return_path_is_the_envelopes_or_the_headers(read_header):
    assert read_header("Return-Path: <x@y.test>").return_path.addr == "x@y.test"
    assert read_header("Return-Path: <>").return_path.domain == ""
    assert read_header("From: a@b.test").return_path is None


def test_colons_behind_an_address_are_part_of_what_it_is():
    assert parse_list("a@b.test" + ":" * 16_000, 10)[0].addr.startswith("a@b.test:")
    assert parse_list("Team: a@b.test, c@d.test;", 10) == (
        Address("", "a", "b.test", "Team"),
        Address("", "c", "d.test", "Team"),
    )
