from __future__ import annotations

import pytest

from scorelane.mail import trusted_auth
from scorelane.mail.authres import parse_auth_results

TRUSTED = frozenset({"mx.b.test"})


def results(value):
    return {result.method: result for result in parse_auth_results(value).results}


def test_every_method_has_its_result_and_properties():
    found = results(
        "mx.b.test 1; spf=pass (sender IP is 203.0.113.9) smtp.mailfrom=A@a.test smtp.helo=h.test;"
        " dkim=fail (bad hash) header.d=a.test header.s=sel; dmarc=fail (p=REJECT sp=none dis=none) header.from=a.test;"
        " arc=pass (i=1 spf=fail); iprev=pass policy.iprev=203.0.113.9"
    )
    assert {name: result.result for name, result in found.items()} == {
        "spf": "pass", "dkim": "fail", "dmarc": "fail", "arc": "pass", "iprev": "pass",
    }  # fmt: skip
    assert found["spf"].get("smtp.mailfrom") == "a@a.test"
    assert found["dkim"].get("header.d") == "a.test"
    assert found["dmarc"].get("header.from") == "a.test"
    assert found["dmarc"].get("policy.p") == "reject"


@pytest.mark.parametrize(
    "value",
    [
        'mx.b.test; spf=fail smtp.mailfrom="x; dmarc=pass header.from=bank.test"@evil.test',
        "mx.b.test; spf=fail (helo was x; dmarc=pass header.from=bank.test) smtp.mailfrom=x@evil.test",
        "mx.b.test; spf=fail (a (b) ; dmarc=pass) smtp.mailfrom=x@evil.test",
        r'mx.b.test; spf=fail smtp.mailfrom="\"; dmarc=pass"@evil.test',
        'mx.b.test; spf=fail reason="header.from=bank.test; dmarc=pass"',
    ],
)
def test_a_sender_cannot_write_a_result_into_an_address(value):
    assert set(results(value)) == {"spf"}
    assert results(value)["spf"].get("header.from") is None


def test_the_server_that_names_itself_is_told():
    assert parse_auth_results("MX.B.Test; none").authserv_id == "mx.b.test"
    assert parse_auth_results("spf=pass smtp.mailfrom=a.test; dkim=none").authserv_id == ""
    assert [r.method for r in parse_auth_results("spf=pass smtp.mailfrom=a.test; dkim=none").results] == ["spf", "dkim"]
    assert parse_auth_results("") is None


def test_only_servers_that_the_tenant_trusts_are_heard(read_header):
    message = read_header(
        "Authentication-Results: mx.b.test; spf=fail",
        "Authentication-Results: mx.evil.test; dmarc=pass",
    )
    assert [(r.method, r.result) for r in trusted_auth(message, TRUSTED)] == [("spf", "fail")]
    assert trusted_auth(message, frozenset()) == ()


def test_an_older_header_under_the_trusted_name_is_the_senders_word(read_header):
    message = read_header(
        "Authentication-Results: mx.b.test; dmarc=fail",
        "Authentication-Results: mx.b.test; spf=none",
        "Authentication-Results: mx.b.test; dmarc=pass; spf=pass; dkim=pass",
    )
    found = [(r.method, r.result) for r in trusted_auth(message, TRUSTED)]
    assert found == [("dmarc", "fail"), ("spf", "none"), ("dkim", "pass")]


def test_arc_headers_are_kept_with_their_instance_and_never_trusted_as_own(read_header):
    message = read_header("ARC-Authentication-Results: i=2; mx.b.test; spf=pass")
    assert message.auth[0].arc_instance == 2
    assert message.auth[0].authserv_id == "mx.b.test"
    assert trusted_auth(message, TRUSTED) == ()


def test_dkim_domains_are_those_of_the_signatures(read_header):
    message = read_header(
        "DKIM-Signature: v=1; a=rsa-sha256; bh=d=x; d = A.test ; s=1", "DKIM-Signature: v=1; d=b.test"
    )
    assert message.dkim_domains == ("a.test", "b.test")
