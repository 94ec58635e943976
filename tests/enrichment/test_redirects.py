"""Link expansion: chains, limits, and every way we know to be sent to an address inside."""

from __future__ import annotations

import time

import pytest

from scorelane.enrichment.errors import Refused, TimedOut, Unavailable
from scorelane.enrichment.guard import Guard

INSIDE = ["127.0.0.2/32"]


def to(url, status=302):
    return status, {"Location": url}, b""


@pytest.fixture
def expand(ask, dns_server):
    return lambda url, **more: ask("redirects", url, servers=[dns_server.address], inside=INSIDE, **more)


def test_a_chain_is_followed_to_its_end_without_cookies(web_server, dns_server, expand):
    dns_server.rules = {"short.test": {"A": ["127.0.0.2"]}, "far.test": {"A": ["127.0.0.2"]}}
    base = f"short.test:{web_server.port}"
    web_server.rules = {
        "/a": (301, {"Location": "/b", "Set-Cookie": "id=7"}, b""),
        "/b": to(f"http://far.test:{web_server.port}/c"),
        "/c": (200, {}, b"x" * 100_000),
    }
    found = expand(f"http://{base}/a")
    assert found["url_redirects"].value == 2
    assert found["url_leaves_domain"].value == 1
    assert found["url_redirects"].body["hosts"] == ["short.test", "short.test", "far.test"]
    assert {method for method, _, _ in web_server.seen} == {"HEAD"}
    assert not any("cookie" in headers for _, _, headers in web_server.seen)


def test_where_head_is_refused_a_few_bytes_are_got(web_server, expand):
    web_server.rules = {
        "/a": lambda method, _p, _h: (405, {}, b"") if method == "HEAD" else to("/b"),
        "/b": lambda method, _p, _h: (405, {}, b"") if method == "HEAD" else (200, {}, b"y" * 5_000_000),
    }
    assert expand(f"{web_server.url}/a")["url_redirects"].value == 1
    assert [headers.get("range") for method, _, headers in web_server.seen if method == "GET"] == ["bytes=0-2047"] * 2


def test_loops_and_endless_chains_end(web_server, expand):
    web_server.rules = {
        "/loop": to("/loop2"),
        "/loop2": to("/loop"),
        "*": lambda _m, path, _h: to(f"/{int(path.strip('/') or 0) + 1}"),
    }
    assert expand(f"{web_server.url}/loop")["url_redirects"].value == 1
    assert expand(f"{web_server.url}/0")["url_redirects"].value == 8


FORBIDDEN = [
    "http://127.0.0.1:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/", "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/", "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/",
    "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://10.0.0.1/", "http://192.168.1.1/",
    "http://172.16.0.1/", "http://100.64.0.1/", "http://0.0.0.0:{port}/", "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/", "http://224.0.0.1/", "http://255.255.255.255/", "http://localhost.inside.test:{port}/",
    "http://[fec0::1]/", "http://[::ffff:0:7f00:1]/", "http://[64:ff9b:1::7f00:1]/",
    "//127.0.0.1:{port}/", "http://127.0.0.1.:{port}/", "http://user@127.0.0.1:{port}/", "http://\u2460\u2461\u2466.0.0.1:{port}/",
]  # fmt: skip


@pytest.mark.parametrize("target", FORBIDDEN)
def test_a_redirect_to_the_inside_is_refused_before_a_packet_goes_there(
    servers, web_server, dns_server, expand, target
):
    dns_server.rules = {"localhost.inside.test": {"A": ["127.0.0.1"]}}
    with servers.WebServer({"*": (200, {}, b"secret")}, host="127.0.0.1") as inside:
        web_server.rules = {"/a": to(target.format(port=inside.port))}
        with pytest.raises(Refused):
            expand(f"{web_server.url}/a")
        assert not inside.asked


def test_a_name_that_turns_inside_between_two_questions_is_refused(servers, web_server, dns_server, expand):
    """DNS rebinding: what is connected to is the address that was checked, and a second answer is checked too."""
    answers = iter(["127.0.0.2", "127.0.0.1", "127.0.0.1"])
    dns_server.rules = {"rebind.test": lambda _name, kind: [next(answers)] if kind == "A" else []}
    with servers.WebServer({"*": (200, {}, b"secret")}, host="127.0.0.1") as inside:
        web_server.rules = {"/a": to(f"http://rebind.test:{inside.port}/b")}
        with pytest.raises(Refused):
            expand(f"http://rebind.test:{web_server.port}/a")
        assert web_server.asked["/a"] == 1
        assert not inside.asked


def test_a_name_with_one_address_inside_is_refused_whole(dns_server, expand):
    dns_server.rules = {"both.test": {"A": ["203.0.113.1", "10.0.0.1"]}}
    with pytest.raises(Refused):
        expand("http://both.test/")


def test_ports_that_are_no_web_server_are_refused():
    with pytest.raises(Refused, match="port 25"):
        Guard().check("1.1.1.1", 25)
    Guard().check("1.1.1.1", 443)


def test_other_schemes_are_not_followed(web_server, expand):
    web_server.rules = {"/a": to("file:///etc/passwd"), "/b": to("javascript:alert(1)"), "/c": to("gopher://x/")}
    for path in "abc":
        assert expand(f"{web_server.url}/{path}")["url_redirects"].value == 0


def test_a_busy_server_says_when_to_come_again(web_server, expand):
    web_server.rules = {"/a": (429, {"Retry-After": "120"}, b"")}
    with pytest.raises(Unavailable) as caught:
        expand(f"{web_server.url}/a")
    assert caught.value.retry_after_s == 120


def test_a_hanging_or_speechless_server_costs_bounded_time(servers, web_server, expand):
    web_server.rules = {
        "/hang": servers.HANG,
        "/noise": servers.GARBAGE,
        "/head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000,
    }
    started = time.monotonic()
    with pytest.raises(TimedOut):
        expand(f"{web_server.url}/hang", hop_timeout_s=0.3)
    for path in ("noise", "head"):
        with pytest.raises(Unavailable):
            expand(f"{web_server.url}/{path}", hop_timeout_s=0.3)
    assert time.monotonic() - started < 30
