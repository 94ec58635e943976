from __future__ import annotations

from base64 import urlsafe_b64encode
from urllib.parse import quote

import pytest

from scorelane.mail.urls import MOST_REWRITERS, parse_url

TARGET = "https://evil.test/login?a=1&b=2"
CODED = quote(TARGET, safe="")
V2 = TARGET.replace(":", "-3A").replace("/", "_").replace("?", "-3F").replace("=", "-3D").replace("&", "-26")
V3_MARKS = urlsafe_b64encode(b"?&").decode().rstrip("=")


def safelinks(target):
    return (
        f"https://eur01.safelinks.protection.outlook.com/?url={quote(target, safe='')}&data=05%7C02&sdata=x&reserved=0"
    )


@pytest.mark.parametrize(
    ("rewriter", "written", "target"),
    [
        ("safelinks", safelinks(TARGET), TARGET),
        ("urldefense_v1", f"https://urldefense.proofpoint.com/v1/url?u={CODED}&k=x", TARGET),
        ("urldefense_v2", f"https://urldefense.proofpoint.com/v2/url?u={V2}&d=DwMF&c=x&r=y&m=z&s=w&e=", TARGET),
        ("urldefense_v3", f"https://urldefense.com/v3/__https://evil.test/login*a=1*b=2__;{V3_MARKS}!!A!b$", TARGET),
        (
            "urldefense_v3",
            "https://urldefense.com/v3/__https://evil.test/**A/x__;" + urlsafe_b64encode(b"#!").decode() + "!!A!b$",
            "https://evil.test/#!/x",
        ),
        ("urldefense_v3", "https://urldefense.us/v3/__http:/evil.test/a%20b__;!!A!b$", "http://evil.test/a%20b"),
        ("mimecast", "https://protect-eu.mimecast.com/s/abc?domain=evil.test", "http://evil.test/"),
        ("mimecast", f"https://url.us.m.mimecastprotect.com/r/x?url={CODED}", TARGET),
        ("google", f"https://www.google.com/url?q={CODED}&sa=D", TARGET),
        ("google", f"https://www.google.co.uk/url?sa=t&url={CODED}", TARGET),
        ("google", "https://www.google.com/amp/s/evil.test/login", "https://evil.test/login"),
        ("facebook", f"https://l.facebook.com/l.php?u={CODED}&h=AT0", TARGET),
        ("facebook", f"https://www.facebook.com/l.php?u={CODED}", TARGET),
        ("youtube", f"https://www.youtube.com/redirect?q={CODED}", TARGET),
        ("linkedin", f"https://www.linkedin.com/redir/redirect?url={CODED}", TARGET),
        ("barracuda", f"https://linkprotect.cudasvc.com/url?a={CODED}&c=E", TARGET),
        ("slack", f"https://slack-redir.net/link?url={CODED}", TARGET),
        (
            "sophos",
            "https://eu-west-1.protection.sophos.com/?d=evil.test&u=" + urlsafe_b64encode(TARGET.encode()).decode(),
            TARGET,
        ),
    ],
)
def test_each_rewriter_is_unwrapped_and_named(rewriter, written, target):
    url = parse_url(written)
    assert url.href == target
    assert url.rewriters == (rewriter,)
    assert url.raw == written


def test_rewriters_in_rewriters_are_unwrapped_outermost_first(link):
    inner = f"https://www.google.com/url?q={CODED}"
    url = link(f"Open {safelinks(inner)} please")
    assert url.href == TARGET
    assert url.rewriters == ("safelinks", "google")


def test_unwrapping_stops_at_its_limit():
    written = TARGET
    for _ in range(MOST_REWRITERS + 3):
        written = f"https://slack-redir.net/link?url={quote(written, safe='')}" if len(written) < 300 else written
    url = parse_url(written)
    assert len(url.rewriters) <= MOST_REWRITERS
    looped = "https://slack-redir.net/link?url=" * 8 + "x.test"
    assert len(parse_url(looped).rewriters) <= MOST_REWRITERS


def test_the_tricks_of_a_target_are_noted_inside_its_rewriter():
    url = parse_url(safelinks("http://bank.test@0xcb007107/"))
    assert (url.host, url.is_ip) == ("203.0.113.7", True)
    assert {"userinfo", "hex_ip"} <= url.tricks


@pytest.mark.parametrize(
    "written",
    [
        "https://www.google.com/search?q=https://evil.test/",
        "https://eur01.safelinks.protection.outlook.com/?data=x",
        "https://safelinks.protection.outlook.com.evil.test/?url=https://bank.test/",
        "https://urldefense.com/v3/nothing",
        "https://urldefense.proofpoint.com/v2/url?d=1",
        "https://notgoogle.com/url?q=https://bank.test/",
        "https://l.facebook.com/l.php?u=",
        "https://slack-redir.net/link?url=%00",
        "https://slack-redir.net/link?" + "a=1&" * 400 + "url=https://bank.test/",
    ],
)
def test_what_is_no_rewriter_stays_as_it_is(written):
    url = parse_url(written)
    assert url.rewriters == ()
    assert url.host == written.split("/")[2]


def test_marks_that_repeat_are_read_in_one_pass():
    for number in range(300):
        url = parse_url(f"https://urldefense.com/v3/__{number}" + "/v3/____;" * 222)
        assert url is not None
        assert url.rewriters == ()
    url = parse_url("https://urldefense.com/v3/__https://evil.test/a__;!!tail__;!")
    assert url is not None
    assert url.href == "https://evil.test/a"
