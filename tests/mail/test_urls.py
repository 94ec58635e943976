from __future__ import annotations

import pytest

from scorelane.mail.urls import find_urls, parse_url


@pytest.mark.parametrize(
    ("text", "href", "trick"),
    [
        ("hxxp://evil.test/x", "http://evil.test/x", "hxxp"),
        ("hXXps://evil.test/x", "https://evil.test/x", "hxxp"),
        ("meow://evil.test/x", "http://evil.test/x", "hxxp"),
        ("h**p://evil.test/x", "http://evil.test/x", "hxxp"),
        ("http://evil[.]test/x", "http://evil.test/x", "bracket_dot"),
        ("hxxps[:]//evil(.)test/x", "https://evil.test/x", "bracket_dot"),
        ("hxxp[://]evil[dot]test/x", "http://evil.test/x", "bracket_dot"),
        ("evil[.]test/login", "http://evil.test/login", "bracket_dot"),
        ("evil[DOT]test/login", "http://evil.test/login", "bracket_dot"),
        ("evil(Dot)test/login", "http://evil.test/login", "bracket_dot"),
        ("www[.]evil[.]test/login", "http://www.evil.test/login", "bracket_dot"),
        ("http://bank.test@evil.test/", "http://bank.test@evil.test/", "userinfo"),
        ("http://www.bank.test:443@evil.test/", "http://www.bank.test:443@evil.test/", "userinfo"),
        ("http://3405803783/", "http://203.0.113.7/", "integer_ip"),
        ("http://0313.0.0161.7/", "http://203.0.113.7/", "integer_ip"),
        ("http://203.28935/", "http://203.0.113.7/", "integer_ip"),
        ("http://0xcb007107/", "http://203.0.113.7/", "hex_ip"),
        ("http://0xcb.0.0x71.7/", "http://203.0.113.7/", "hex_ip"),
        ("http://%65vil.test/", "http://evil.test/", "percent_host"),
        ("http://ev%C4%B1l.test/", "http://xn--evl-kua.test/", "percent_host"),
        ("http://xn--80ak6aa92e.test/", "http://xn--80ak6aa92e.test/", "punycode"),
        ("http://\u0430\u0440\u0440\u04cf\u0435.test/", "http://xn--80ak6aa92e.test/", "punycode"),
        ("http://evil.\u202etset/", "http://evil.tset/", "bidi"),
        ("http://ev\u200bil.te\u2060st/", "http://evil.test/", "zero_width"),
        ("http://ev\u00adil.test/", "http://evil.test/", "zero_width"),
        ("http:\\\\evil.test\\x", "http://evil.test/x", "backslash"),
        ("http:/\\evil.test/x", "http://evil.test/x", "backslash"),
        ("http://\uff45\uff56\uff49\uff4c.test/", "http://evil.test/", "fullwidth"),
        ("http://evil\u3002test/", "http://evil.test/", "fullwidth"),
        ("http://a.test/?to=http://evil.test/", "http://a.test/?to=http://evil.test/", "nested_scheme"),
    ],
)
def test_each_obfuscation_in_a_text_is_undone_and_named(text, href, trick, link):
    url = link(f"Please open {text} now")
    assert url.href == href
    assert trick in url.tricks


@pytest.mark.parametrize(
    ("written", "href", "trick"),
    [
        ("  http://evil.test/\n", "http://evil.test/", None),
        ("\x01http://evil.test/", "http://evil.test/", None),
        ("ht\ntp://ev\til.test/", "http://evil.test/", "tab_newline"),
        ("//evil.test/x", "http://evil.test/x", None),
        ("\\\\evil.test/x", "http://evil.test/x", None),
        ("https:evil.test", "https://evil.test/", None),
        ("HTTP:\\\\user:pw@evil.test", "http://user:pw@evil.test/", "userinfo"),
        ("http://evil.test:80/a/../b/./c", "http://evil.test/b/c", None),
        ("http://[::ffff:203.0.113.7]/", "http://[::ffff:cb00:7107]/", None),
    ],
)
def test_an_attribute_is_read_as_a_browser_reads_it(written, href, trick):
    url = parse_url(written)
    assert url.href == href
    assert trick is None or trick in url.tricks


@pytest.mark.parametrize(
    "written", ["javascript:alert(1)", "DATA:text/html,x", "mailto:a@b.test", "blob:https://a.test/1", "cid:x", "tel:1"]
)
def test_a_url_without_a_host_keeps_its_scheme(written):
    url = parse_url(written)
    assert url.scheme == written.partition(":")[0].lower()
    assert url.host == url.domain == ""


@pytest.mark.parametrize(
    "written",
    [
        "",
        "#top",
        "login.html",
        "http://",
        "http://a b/",
        "http://[::1",
        "http://:80/",
        "foo:bar",
        "http://a.test:99999/",
    ],
)
def test_what_leads_nowhere_is_none(written):
    assert parse_url(written) is None


def test_the_fields_of_a_url():
    url = parse_url("https://Sub.Shop.co.uk:8443/a%20b/?q=1&r=2#frag")
    assert (url.scheme, url.host, url.domain, url.port) == ("https", "sub.shop.co.uk", "shop.co.uk", 8443)
    assert (url.path, url.query, url.is_ip, url.has_userinfo) == ("/a%20b/", "q=1&r=2", False, False)


def test_an_address_is_its_own_domain():
    url = parse_url("http://203.0.113.7./x")
    assert (url.host, url.domain, url.is_ip, url.tricks) == ("203.0.113.7", "203.0.113.7", True, frozenset())


def test_an_honest_url_has_no_tricks():
    assert parse_url("https://www.example.com/a/b?c=d").tricks == frozenset()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see http://a.test/x.", ["http://a.test/x"]),
        ("(http://a.test/x)", ["http://a.test/x"]),
        ("http://a.test/x_(y)", ["http://a.test/x_(y)"]),
        ("<http://a.test/x>", ["http://a.test/x"]),
        ('"http://a.test/x", "www.b.test"', ["http://a.test/x", "www.b.test"]),
        ("Www.b.test and WWW.C.TEST", ["Www.b.test", "WWW.C.TEST"]),
        ("xhttp://a.test/", ["http://a.test/"]),
        ("http://www.a.test/", ["http://www.a.test/"]),
        ("me@www.a.test or awww.yes", []),
        ("ftp://a.test/f", ["ftp://a.test/f"]),
        ("no link: here, and 10:30//", []),
        ("e.g. [.] or (.) alone, x[.] y", []),
    ],
)
def test_urls_are_found_in_plain_text(text, found):
    assert find_urls(text, 50) == found


def test_a_url_longer_than_the_limit_is_cut():
    url = parse_url("http://a.test/" + "x" * 10_000)
    assert len(url.raw) == 2048
    assert len(url.href) <= 4096


def test_no_more_urls_are_found_than_asked_for():
    assert len(find_urls("http://a.test/ " * 100, 7)) == 7
