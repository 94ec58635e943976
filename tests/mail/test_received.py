from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pytest

from scorelane.mail.received import parse_date, parse_received

TIME = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
STAMP = "; Mon, 5 Jan 2026 10:00:00 +0000"


@pytest.mark.parametrize(
    ("server", "value", "found"),
    [
        (
            "postfix",
            "from helo.test (name.test [203.0.113.9]) (using TLSv1.3 with cipher X (256/256 bits))"  # noqa: ISC004
            " by mx.test (Postfix) with ESMTPS id 4Xyz for <bob@b.test>",
            ("mx.test", "helo.test", "name.test", "203.0.113.9", "esmtps", "bob@b.test", "4Xyz"),
        ),
        (
            "sendmail",
            "from helo.test (user@name.test [203.0.113.9] (may be forged)) by mx.test (8.12/8.12) with SMTP id l3S; ",
            ("mx.test", "helo.test", "name.test", "203.0.113.9", "smtp", None, "l3S"),
        ),
        (
            "exim",
            "from [203.0.113.9] (helo=helo.test) by mx.test with esmtp (Exim 4.96) (envelope-from <a@a.test>) id 1rX",
            ("mx.test", "helo.test", None, "203.0.113.9", "esmtp", None, "1rX"),
        ),
        (
            "qmail",
            "from unknown (HELO helo.test) (203.0.113.9) by mx.test with SMTP",
            ("mx.test", "helo.test", None, "203.0.113.9", "smtp", None, None),
        ),
        (
            "exchange",
            "from A.test (2603:10a6:20b::1) by B.test (2603:10a6::2) with Microsoft SMTP Server id 15.20",
            ("b.test", "a.test", None, "2603:10a6:20b::1", "microsoft", None, "15.20"),
        ),
        (
            "gmail",
            "by 2002:a05:6402:1::1 with SMTP id q1csp2",
            ("2002:a05:6402:1::1", None, None, None, "smtp", None, "q1csp2"),
        ),
        (
            "vger",
            'from foss.test ([203.0.113.9]:36124 "EHLO foss.test" rhost-flags-OK) by vger.test with ESMTP id S1',
            ("vger.test", "foss.test", None, "203.0.113.9", "esmtp", None, "S1"),
        ),
        ("uid", "(qmail 1 invoked by uid 0)", (None, None, None, None, None, None, None)),
        (
            "mapped address",
            "from a.test ([IPv6:::ffff:203.0.113.9]) by mx.test",
            ("mx.test", "a.test", None, "203.0.113.9", None, None, None),
        ),
        (
            "lie in a comment",
            "from evil.test (by bank.test with ESMTPS id 1 for <x@bank.test>) by mx.test with SMTP id 2",
            ("mx.test", "evil.test", None, None, "smtp", None, "2"),
        ),
    ],
)
def test_a_hop_is_read_in_the_dialect_of_each_server(server, value, found):
    hop = parse_received(value.rstrip("; ") + STAMP)
    assert (hop.by, hop.helo, hop.rdns, hop.ip, hop.with_, hop.for_, hop.id_) == found, server
    assert hop.time == TIME


def test_every_hop_is_kept_newest_first(read_header):
    message = read_header(*(f"Received: from h{n}.test by mx{n}.test{STAMP}" for n in range(3)))
    assert [hop.by for hop in message.hops] == ["mx0.test", "mx1.test", "mx2.test"]


def test_more_hops_than_the_limit_are_cut_and_noted(read_header, kinds):
    message = read_header(*(f"Received: by mx{n}.test{STAMP}" for n in range(120)))
    assert len(message.hops) == 100
    assert "hop_limit" in kinds(message)


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 5 Jan 2026 10:00:00 +0000",
        "Mon, 05 Jan 2026 10:00:00 +0000 (UTC)",
        "5 Jan 2026 12:30:00 +0230",
        "Mon, 05 Jan 2026 05:00:00 -0500 (EST)",
        "Mon, 05 Jan 2026 10:00:00 GMT",
        "Monday, 05-Jan-26 10:00:00 UTC",
        "Mon, 05 Jan 2026 05:00:00 EST",
    ],
)
def test_dates_are_the_same_moment_however_written(text):
    assert (
        parse_date(text)
        == TIME
        == parsedate_to_datetime(text).replace(tzinfo=parsedate_to_datetime(text).tzinfo or UTC)
    )


@pytest.mark.parametrize(
    "text", ["", "soon", "Mon, 32 Jan 2026 10:00:00 +0000", "Mon, 5 Jan 2026 25:00:00 +0000", "x" * 999]
)
def test_a_date_that_is_none_is_missing(text):
    assert parse_date(text) is None


def test_an_offset_is_kept():
    found = parse_date("Mon, 05 Jan 2026 05:00:00 -0530")
    assert found.tzinfo == timezone(-timedelta(hours=5, minutes=30))


@pytest.mark.parametrize("text", ["Mon, 01 Jan 1000000 00:00:00 +2359", "Fri, 31 Dec 9999 23:59:59 -2359"])
def test_a_date_outside_of_time_is_missing(text):
    assert parse_date(text) is None
