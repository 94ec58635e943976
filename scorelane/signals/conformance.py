"""What every registered signal keeps, whoever wrote it: `make test` and `scorelane signals check` ask the same.

Signals run over hostile and odd mail with every context, twice, in two orders; a fault is one line that says
what was found and what would be right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from scorelane.mail import Extraction, Opened, parse, with_opened
from scorelane.mail.opened import Archive, Calendar, Image, Lnk, Mail, Markup, Office, OneNote, Pdf
from scorelane.signals.compute import compute_chunk
from scorelane.signals.context import Directory, Fact, History, Person
from scorelane.signals.registry import SignalSet, signal_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scorelane.mail import Message
    from scorelane.signals.declaration import Signal

RECEIVED_AT = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
ATTACKS = {
    "phishing", "spoofing", "bec", "invoice_fraud", "callback", "extortion", "job_scam", "advance_fee", "romance",
    "investment", "malware", "spam",
}  # fmt: skip
LEAST_DOC_CHARS = 20
MEGABYTE = 1_000_000
TOP = b"From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\n"
HTML = TOP + b"Content-Type: text/html\r\n\r\n"
ZIP = TOP + b'Content-Type: application/zip; name="a.zip"\r\nContent-Disposition: attachment\r\n\r\n'
HOSTILE: Mapping[str, bytes] = {
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
ODD_FILES: Sequence[tuple[str, Extraction]] = [
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
    """Signals over every hostile message, every odd attachment and some further mail."""

    names: tuple[str, ...]
    matrix: np.ndarray
    again: np.ndarray
    """The same, computed in the other order."""
    failures: Mapping[str, str]
    """The first exception of each signal or shared value."""
    changed: tuple[str, ...]
    """Messages that the signals did not leave as they were."""


def run(further: Iterable[bytes] = (), set_: SignalSet | None = None) -> Run:
    """Compute signals, all of them unless given, over hostile mail and `further` raw messages."""
    wanted = signal_set() if set_ is None else set_
    raws = {**HOSTILE, **{f"further {at}": raw for at, raw in enumerate(further)}}
    messages = [parse(raw, received_at=RECEIVED_AT) for raw in raws.values()]
    messages += [with_opened(messages[0], [Opened("2", name, found)]) for name, found in ODD_FILES]
    failures: dict[str, str] = {}

    def note(name: str, error: Exception) -> None:
        failures.setdefault(name, repr(error))

    def compute_all(ordered: Sequence[Message]) -> np.ndarray:
        return compute_chunk(
            ordered,
            histories=[PAST] * len(ordered),
            facts=[FACTS] * len(ordered),
            directory=TENANT,
            set_=wanted,
            on_failure=note,
        )[0]

    matrix = compute_all(messages)
    again = compute_all(messages[::-1])[::-1]
    known = zip(raws.items(), messages, strict=False)
    changed = tuple(name for (name, raw), message in known if parse(raw, received_at=RECEIVED_AT) != message)
    return Run(wanted.names, matrix, again, failures, changed)


def faults(signal: Signal, seen: Run) -> list[str]:
    """What is wrong with a signal, each a line; empty where it conforms."""
    return [*declaration_faults(signal), *value_faults(signal, seen)]


def declaration_faults(signal: Signal) -> list[str]:
    """Faults of what a signal says of itself."""
    found = []
    if len(signal.doc) < LEAST_DOC_CHARS or not signal.doc.endswith((".", ")", "?")) or "TODO" in signal.doc:
        found.append("its docstring does not say in sentences what the caller gets")
    stated = signal.fn.__annotations__.get("return")
    result = stated.__name__ if isinstance(stated, type) else str(stated)
    if result not in RESULTS:
        found.append(f"it returns {result}; annotate one of {', '.join(RESULTS)}")
    elif result == "float" and signal.missing and not {"history", "facts"} & set(signal.needs):
        found.append("it says when it is missing and always returns a float; drop `missing`, or return float | None")
    elif result != "float" and not signal.missing:
        found.append("it may be missing; say when, in `missing`")
    if "TODO" in signal.missing:
        found.append("`missing` is not written yet")
    strange = sorted(set(signal.attacks) - ATTACKS)
    if strange:
        found.append(f"there is no attack category {', '.join(strange)}; choose among {', '.join(sorted(ATTACKS))}")
    if not all(math.isfinite(bound) for bound in signal.range):
        found.append("its range is not finite; a model's columns need bounds")
    return found


def value_faults(signal: Signal, seen: Run) -> list[str]:
    """Faults of what a signal gives on hostile mail."""
    found = []
    if signal.name in seen.failures:
        found.append(f"it fails on hostile mail: {seen.failures[signal.name]}")
    column = seen.names.index(signal.name)
    values = seen.matrix[:, column]
    known = values[~np.isnan(values)]
    low, high = np.float32(signal.range[0]), np.float32(signal.range[1])
    if not ((known >= low) & (known <= high)).all():
        found.append(f"it gives {known.min():g} to {known.max():g}; its range says {low:g} to {high:g}")
    if values.tobytes() != seen.again[:, column].tobytes():
        found.append("it gives other bits in another order; a signal is a pure function")
    return found


RESULTS = ("float", "float | None", "Reading")
