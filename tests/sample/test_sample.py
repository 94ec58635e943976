import email
import hashlib
import ipaddress
import re
import subprocess
import sys
import time
import zipfile
from collections import Counter
from email.utils import parsedate_to_datetime
from io import BytesIO

import pytest

from scorelane.cli.recognise import looks_like_mail
from scorelane.sample import attacks, legitimate, sample_mailbox
from scorelane.sample.mailbox import ATTACKS, LEGITIMATE

MAILBOX = list(sample_mailbox())
HAM = list(legitimate(3, 1500))
BAD = list(attacks(3, 600))
EVERYTHING = MAILBOX + HAM + BAD

RESERVED = re.compile(r"(?:^|\.)(?:example|test)$|(?:^|\.)example\.(?:com|net|org)$")
DOCUMENTATION = [
    ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


def decoded(message):
    """Every text of a message, its headers and nested messages included."""
    texts = []
    for part in message.walk():
        texts += [f"{name}: {value}" for name, value in part.items()]
        payload = part.get_payload(decode=True)
        if payload and part.get_content_maintype() == "text":
            texts.append(payload.decode(part.get_content_charset() or "utf-8", "replace"))
    return "\n".join(texts)


def test_the_same_seed_gives_the_same_mail_in_another_process():
    script = (
        "import hashlib; from scorelane.sample import *\n"
        "rows = [*sample_mailbox(), *legitimate(3, 1500), *attacks(3, 600)]\n"
        "print(hashlib.sha256(repr(rows).encode()).hexdigest())"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == hashlib.sha256(repr(EVERYTHING).encode()).hexdigest()


def test_another_seed_gives_other_mail():
    assert not {m.raw for m in MAILBOX} & {m.raw for m in sample_mailbox(seed=2)}


def test_no_two_messages_are_the_same():
    assert max(Counter(message.raw for message in EVERYTHING).values()) == 1


def test_texts_vary():
    subjects = Counter(str(email.message_from_bytes(m.raw)["Subject"]) for m in HAM)
    assert len(subjects) > 0.75 * len(HAM)


def test_a_mailbox_holds_every_kind_in_time_order():
    assert len(MAILBOX) == 520
    assert {m.kind for m in MAILBOX} == set(LEGITIMATE) | set(ATTACKS)
    times = [m.received_at for m in MAILBOX]
    assert times == sorted(times)


def test_labels_follow_categories():
    assert all(m.category is None and m.label == "legitimate" for m in HAM)
    assert {(m.label, m.category) for m in BAD} == {
        ("spam" if category == "spam" else "attack", category) for _, category, _ in ATTACKS.values()
    }


def test_a_message_takes_less_than_five_milliseconds():
    started = time.process_time()
    count = sum(1 for _ in legitimate(9, 300))
    assert time.process_time() - started < count * 0.005


@pytest.mark.parametrize("kind", [*LEGITIMATE, *ATTACKS])
def test_every_kind_is_well_formed_mail(kind):
    ours = [m for m in EVERYTHING if m.kind == kind]
    assert len(ours) >= 3
    for sample in ours:
        assert looks_like_mail(sample.raw)
        message = email.message_from_bytes(sample.raw)
        for part in message.walk():
            assert not part.defects, (kind, part.defects)
        for name in ("From", "To", "Subject", "Message-ID", "Date", "Received"):
            assert message[name], (kind, name)
        received = message["Received"].rpartition(";")[2].strip()
        assert parsedate_to_datetime(received) == sample.received_at
        assert "<" + "first>" not in decoded(message)
        assert not re.search(r"\{[^{}\n]*\|[^{}\n]*\}", decoded(message)), kind


def test_links_and_addresses_are_reserved_or_documentation():
    for sample in EVERYTHING:
        text = decoded(email.message_from_bytes(sample.raw))
        hosts = re.findall(r"https?://(?:[^\s/@\"'<>]+@)?([^\s/:\"'<>?#]+)", text)
        hosts += re.findall(r"<[^\s<>@]+@([A-Za-z0-9.-]+)>", text)
        for host in hosts:
            if host == "www.w3.org":
                continue
            if re.fullmatch(r"[\d.]+", host):
                assert any(ipaddress.ip_address(host) in net for net in DOCUMENTATION), host
            else:
                assert RESERVED.search(host.lower()), (sample.kind, host)


def test_mail_is_built_in_many_ways():
    types = Counter(part.get_content_type() for m in EVERYTHING for part in email.message_from_bytes(m.raw).walk())
    assert {
        "multipart/alternative", "multipart/mixed", "multipart/related", "multipart/report",
        "message/rfc822", "message/delivery-status", "text/calendar", "application/pdf", "text/csv",
    } <= set(types)  # fmt: skip
    headers = {name for m in HAM for name in email.message_from_bytes(m.raw)}
    assert {"List-Unsubscribe", "DKIM-Signature", "Authentication-Results", "In-Reply-To"} <= headers


def test_both_classes_carry_the_receivers_headers_alike():
    def share(messages, name):
        return sum(name in email.message_from_bytes(m.raw) for m in messages) / len(messages)

    assert abs(share(HAM, "Authentication-Results") - share(BAD, "Authentication-Results")) < 0.06


def test_attached_programs_hold_no_code():
    names = []
    for sample in (m for m in BAD + MAILBOX if m.category == "malware"):
        for part in email.message_from_bytes(sample.raw).walk():
            if part.get_content_disposition() != "attachment":
                continue
            names.append(part.get_filename())
            content = part.get_payload(decode=True)
            assert b"EICAR" not in content
            assert len(content) < 40_000
            if content[:2] == b"PK":
                with zipfile.ZipFile(BytesIO(content)) as archive:
                    assert sum(info.file_size for info in archive.infolist()) < 4000
            if content[:2] == b"MZ":
                assert content.endswith(b"inert sample, no code")
    endings = {name.rpartition(".")[2] for name in names}
    assert {"zip", "exe", "docm", "html", "lnk", "iso"} <= endings
