"""Golden mail: a signal whose hash is unchanged gives the bits it gave when it was recorded.

After a change of meaning (and of version), `scorelane signals check --lock` records again by running this file.
"""

from __future__ import annotations

import json
import runpy
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from scorelane.mail import Extraction, Opened, parse, with_opened
from scorelane.mail.opened import Archive, Calendar, Lnk, Mail, Markup, Office, Pdf
from scorelane.signals import all_signals, compute_chunk
from scorelane.signals.context import Directory, History, Person
from scorelane.signals.registry import own_hash

GOLDEN = Path(__file__).with_name("golden.json")
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
HANDED = "from friend (dsl-203-0-113-9.isp.test [203.0.113.9]) by mx.test; Mon, 5 Jan 2026 10:00:00 +0000"
MAIL = (
    {},
    {
        "from_": "PayPal <service@paypa1-secure.top>",
        "text": "Dear customer, verify your account: http://203.0.113.7/login",
    },
    {
        "from_": "Grace Hopper <ceo.office@gmail.com>",
        "subject": "Urgent",
        "text": "Are you at your desk? I need gift cards.",
    },
    {
        "html": '<p>Hello Bob</p><a href="https://example.com/x">www.example.com</a><p style="font-size:0">salad</p>',
        "text": None,
    },
    {
        "h": [
            ("List-Unsubscribe", "<https://example.com/u>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("Return-Path", "<b@sendgrid.net>"),
            ("Authentication-Results", "mx.example.org; dmarc=pass; spf=pass smtp.mailfrom=b@sendgrid.net"),
        ],
        "text": "News. You are receiving this because you subscribed. Unsubscribe here: https://example.com/u",
    },
    {"files": [("bill.pdf.exe", "application/pdf", b"MZ" + bytes(9))], "text": "Password: 1234"},
    {
        "files": [
            ("invoice.html", "text/html", b"<html><script>x=atob('a')</script><input type=password>"),
            ("a.pdf", "application/pdf", b"%PDF-1.7 /OpenAction /URI (https://a.test/)"),
            ("a.zip", "application/zip", b"PK\x03\x04" + bytes(22) + b"\x04\x00\x00\x00a.js"),
            ("a.doc", "application/msword", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1_VBA_PROJECT"),
        ],
        "h": [("Received", HANDED)],
        "subject": "Re: WIN A PRIZE!! k3jd92",
        "text": "Dear bob, call us at 1-888-555-0142 to claim $5,000,000: next of kin, lottery, WhatsApp. x@gmail.com",
    },
    {
        "html": '<p>Hi</p><form action="https://evil.test/"><input type="password"></form><script>x()</script>',
        "h": [("Reply-To", "ann.lee@gmail.com")],
    },
    {"text": "Ihr Konto wurde gesperrt. Bestätigen Sie Ihre Daten innerhalb von 24 Stunden: https://bit.ly/x"},
)
TENANT = Directory(
    domains=frozenset({"example.org"}),
    people=(Person("Grace Hopper", ("grace@example.org",), "CEO", is_vip=True),),
    authserv_ids=frozenset({"mx.example.org"}),
)


LINK = "https://login.evil.test/a"
OPENED = (
    Extraction(
        "limit",
        "application/zip",
        archive=Archive("zip", 1, encrypted=True, nested_depth=1, max_ratio=900.0, executable_members=("a.exe",)),
        children=(Extraction("ok", "text/html", "a.html", markup=Markup("html", 2, 0.7, password_inputs=1)),),
    ),
    Extraction("ok", "application/msword", office=Office(has_macros=True, auto_exec=("AutoOpen",), dde=("DDE",))),
    Extraction(
        "ok", "application/pdf", pdf=Pdf(1, True, page_count=1, qr=(LINK,)), urls=(LINK,), text="Verify account"
    ),
    Extraction("ok", "application/x-ms-shortcut", lnk=Lnk("cmd.exe", "/c start", "\\\\203.0.113.7\\a.ico")),
    Extraction("timeout", "application/onenote", detail="cpu_s"),
    Extraction("ok", "text/calendar", calendar=Calendar("REQUEST", "x@evil.test", urls=(LINK,))),
    Extraction("ok", "message/rfc822", mail=Mail("eml", attachment_names=("a.zip",))),
)
"""What was found in the attachments of the last message."""


def outputs(build):
    messages = [parse(build(**spec), received_at=NOW) for spec in MAIL]
    messages.append(with_opened(messages[5], [Opened(str(at), "a.pdf", one) for at, one in enumerate(OPENED, 2)]))
    past = [History(address_count=3, domain_days_known=9.0)] * len(messages)
    matrix, _ = compute_chunk(messages, histories=past, facts=[{}] * len(messages), directory=TENANT)
    return {
        signal.name: {
            "hash": own_hash(signal),
            "values": [None if np.isnan(value) else float(value) for value in matrix[:, at]],
        }
        for at, signal in enumerate(all_signals())
    }


@pytest.fixture(scope="module")
def now(build_mail):
    return outputs(build_mail)


@pytest.fixture(scope="module")
def recorded():
    return json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("name", [signal.name for signal in all_signals()])
def test_an_unchanged_signal_gives_unchanged_values(name, now, recorded):
    assert name in recorded, "record it: scorelane signals check --lock"
    if now[name]["hash"] == recorded[name]["hash"]:
        assert now[name]["values"] == recorded[name]["values"], (
            "same code, other values: the parser or a library differs"
        )
    else:
        pytest.fail("its meaning changed: raise its version, then: scorelane signals check --lock")


def test_golden_mail_tells_signals_apart(now):
    quiet = [name for name, row in now.items() if len(set(map(str, row["values"]))) == 1]
    assert len(quiet) < len(now) / 2


if __name__ == "__main__":
    builder = runpy.run_path(str(Path(__file__).with_name("conftest.py")))["build"]
    GOLDEN.write_text(json.dumps(outputs(builder), indent=1, sort_keys=True) + "\n")
