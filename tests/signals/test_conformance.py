"""What every registered signal keeps, whoever wrote it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorelane.mail import Extraction, Opened, parse, with_opened
from scorelane.mail.opened import Archive, Calendar, Image, Lnk, Mail, Markup, Office, OneNote, Pdf
from scorelane.signals import all_signals, compute, compute_chunk, signal_set
from scorelane.signals.context import STATUSES, Directory, Fact, History, Person
from scorelane.signals.cost import measure

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
ATTACKS = {
    "phishing", "spoofing", "bec", "invoice_fraud", "callback", "extortion", "job_scam", "advance_fee", "romance",
    "investment", "malware", "spam",
}  # fmt: skip
MEGABYTE = 1_000_000
TOP = b"From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\n"
HTML = TOP + b"Content-Type: text/html\r\n\r\n"
ZIP = TOP + b'Content-Type: application/zip; name="a.zip"\r\nContent-Disposition: attachment\r\n\r\n'
HOSTILE = {
    "empty": b"",
    "binary": bytes(range(256)) * 400,
    "no header": b"\r\n\r\nhello",
    "invalid utf-8": TOP + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + b"\xff\xfe\x80" * 9_000,
    "one word": TOP + b"\r\n" + b"a" * MEGABYTE,
    "signs": TOP + b"\r\n" + b"@" * MEGABYTE,
    "digits": TOP + b"\r\n" + b"1-8(0) " * (MEGABYTE // 7),
    "dots": TOP + b"\r\n" + b"a." * (MEGABYTE // 2),
    "money": TOP + b"\r\nbank transfer " + b"$1,1" * (MEGABYTE // 4),
    "coins": TOP + b"\r\nbitcoin webcam " + b"bc1q" * (MEGABYTE // 4),
    "phrases": TOP + b"\r\n" + b"verify your account urgent " * (MEGABYTE // 27),
    "links": TOP + b"\r\n" + b"http://a.test/?u=http://b.test/ " * (MEGABYTE // 32),
    "anchors": HTML + b"<a href=http://paypal.evil.test/>www.paypal.com</a>" * (MEGABYTE // 52),
    "deep": HTML + b"<div>" * (MEGABYTE // 5),
    "hidden": HTML + b"<p style='font-size:0'>x</p>" * (MEGABYTE // 28),
    "long name": b"From: " + b'"' + b"PayPal.com a@b.test " * 20_000 + b'" <a@b.test>\r\n\r\nx',
    "long host": b"From: a@" + b"a-b." * 50_000 + b"test\r\n\r\nx",
    "punycode": b"From: a@xn--" + b"z" * 40_000 + b".test\r\n\r\nhttp://xn--99999999999/",
    "addresses": b"From: a@b.test\r\nTo: " + b"a@b.test, " * 50_000 + b"\r\n\r\nhttp://a.test/#YUBiLnRlc3Q",
    "hops": b"Received: from x (y [1.2.3.4]) by z; Mon, 5 Jan 2026 10:00:00 +0000\r\n" * 5_000 + b"\r\nx",
    "old date": b"From: a@b.test\r\nDate: Mon, 01 Jan 0001 00:00:00 +2359\r\n\r\nx",
    "far date": b"From: a@b.test\r\nDate: Fri, 31 Dec 9999 23:59:59 -2359\r\n\r\nx",
    "unsubscribe": TOP + b"List-Unsubscribe: " + b"<mailto:" * 50_000 + b"\r\n\r\nx",
    "zip cut": ZIP + b"PK\x03\x04",
    "zip lies": ZIP + b"PK\x03\x04" + b"\xff" * 600,
    "odd names": TOP + b'Content-Disposition: attachment; filename="....  .\xe2\x80\xae"\r\n\r\nx',
}
STOPPED = ("application/pdf", "application/zip", "text/html", "", "text/calendar", "application/rtf")
ODD_FILES = [
    *(("....", Extraction("crashed", kind)) for kind in STOPPED),
    (
        "a.pdf",
        Extraction("ok", "", archive=Archive("zip", 10**9, max_ratio=1e300, nested_depth=99, tricks=("x",) * 50)),
    ),
    (".", Extraction("ok", "", office=Office(suspicious_keywords=tuple(map(str, range(500))), embedded_objects=("",)))),
    ("", Extraction("ok", "", lnk=Lnk("\0" * 9_000, "a" * 9_000), children=(Extraction("ok", ""),) * 500)),
    ("a.zip", Extraction("ok", "", calendar=Calendar(organizer="@", urls=("//",) * 500), urls=("http://[",) * 500)),
    ("a.", Extraction("ok", "", pdf=Pdf(10**9, page_count=-1, qr=("",) * 99), text="\ud7ff" * 9_000, url_pages=(1,))),
    (
        "a",
        Extraction("ok", "", image=Image(0, 0), markup=Markup("", 10**9, 1.0), onenote=OneNote(("",)), mail=Mail("")),
    ),
]
PAST = History(address_count=10**12, domain_days_known=-1.0, fan_out_1h=10**9, bad_count=3, link_domain_min_count=0)
FACTS = {
    kind: (Fact("1", kind, "b.test", "ok", value), Fact("2", kind, "a.test", "timeout"))
    for kind, value in (("domain_age_days", -5.0), ("ip_listed", 1.0), ("url_listed", 9.0), ("domain_listed", 0.0))
}
TENANT = Directory(
    version=1,
    domains=frozenset({"d.test", "contoso.test"}),
    people=(Person("Ann Lee", ("ann@d.test",), "CEO", is_vip=True), Person("", ())),
    partners=frozenset({"fabrikam.test", ""}),
    authserv_ids=frozenset({"mx.d.test"}),
)


@dataclass(frozen=True)
class Run:
    """All signals over every hostile message and every example."""

    matrix: np.ndarray
    again: np.ndarray
    failures: dict[str, str]
    changed: list[int]


@pytest.fixture(scope="session")
def run(example_mail):
    raws = [*HOSTILE.values(), *example_mail]
    messages = [parse(raw, received_at=NOW) for raw in raws]
    messages += [with_opened(messages[0], [Opened("2", name, found)]) for name, found in ODD_FILES]
    failures = {}
    context = {
        "histories": [PAST] * len(messages),
        "facts": [FACTS] * len(messages),
        "directory": TENANT,
        "on_failure": lambda name, error: failures.setdefault(name, repr(error)),
    }
    matrix, _ = compute_chunk(messages, **context)
    again, _ = compute_chunk(messages[::-1], **context)
    changed = [at for at, raw in enumerate(raws) if parse(raw, received_at=NOW) != messages[at]]
    return Run(matrix, again[::-1], failures, changed)


@pytest.fixture(params=all_signals(), ids=lambda signal: signal.name)
def signal(request):
    return request.param


@pytest.fixture
def column(signal):
    return signal_set().names.index(signal.name)


def test_a_signal_survives_hostile_mail_in_its_range(signal, column, run):
    assert signal.name not in run.failures
    values = run.matrix[:, column]
    known = values[~np.isnan(values)]
    assert np.isfinite(known).all()
    low, high = signal.range
    assert ((known >= np.float32(low)) & (known <= np.float32(high))).all(), (known.min(), known.max())


def test_a_signal_gives_the_same_bits_again_in_another_order(column, run):
    assert run.matrix[:, column].tobytes() == run.again[:, column].tobytes()


def test_a_signal_is_documented_and_typed(signal):
    assert len(signal.doc) >= 20
    assert signal.doc.endswith((".", ")", "?"))
    result = signal.fn.__annotations__["return"]
    assert result in {"float", "float | None", "Reading"}
    assert bool(signal.missing) == (result != "float") or {"history", "facts"} & set(signal.needs)
    assert set(signal.attacks) <= ATTACKS
    assert all(math.isfinite(bound) for bound in signal.range)


def test_no_shared_value_fails_on_hostile_mail(run):
    assert run.failures == {}


def test_messages_are_left_as_they_were(run):
    assert run.changed == []


@pytest.mark.parametrize("name", HOSTILE)
def test_signals_of_a_hostile_megabyte_take_bounded_time(name):
    message = parse(HOSTILE[name], received_at=NOW)
    before = time.process_time()
    compute(message, history=PAST, facts=FACTS, directory=TENANT)
    assert time.process_time() - before < 0.5


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["From", "To", "Reply-To", "Subject", "Message-ID", "Date", "Received", "List-Unsubscribe"]
            ),
            st.text(max_size=80).map(lambda text: text.replace("\r", "").replace("\n", "")),
        ),
        max_size=8,
    ),
    st.text(max_size=400),
    st.sampled_from(["text/plain", "text/html", "application/pdf", "multipart/mixed; boundary=x"]),
)
def test_generated_mail_fails_no_signal(headers, body, kind):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    raw = f"{lines}Content-Type: {kind}\r\n\r\n{body}".encode("utf-8", "surrogatepass")
    failures = []
    found = compute(
        parse(raw, received_at=NOW), directory=TENANT, history=PAST, on_failure=lambda *f: failures.append(f)
    )
    assert failures == []
    assert STATUSES.index("failed") not in found.statuses


def test_the_cost_of_each_signal_is_told_dearest_first(letter):
    table = measure([letter(), letter(html="<p>Hi</p>")])
    assert {cost.name for cost in table if cost.is_signal} == set(signal_set().names)
    assert [cost.mean_us for cost in table] == sorted((cost.mean_us for cost in table), reverse=True)
    assert all(cost.worst_us >= cost.mean_us > 0 for cost in table)
