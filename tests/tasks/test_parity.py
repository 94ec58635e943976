"""Raw mail and stored context give a logged vector again, bit for bit, in any chunking; a change is named."""

from __future__ import annotations

import pytest

from db import directories
from scorelane import directory
from scorelane.sample import sample_mailbox
from scorelane.signals import signal_set
from scorelane.signals.context import Directory, Person
from tasks.parity import check


@pytest.fixture
def logged(sql, accept_mail, run_all):
    """Generated mail, scored in several chunks under two versions of a directory; gives how much."""
    samples = sorted(sample_mailbox(count=240), key=lambda s: s.received_at)
    for at in range(0, 240, 80):
        accept_mail([(s.raw, s.received_at) for s in samples[at : at + 80]])
        run_all()
        mine = Directory(
            domains=frozenset({"harbourline.example", f"d{at}.example"}),
            people=(Person(name="Ann Lee", addresses=("ann@harbourline.example",), is_vip=True),),
        )
        directories.add(sql, 1, author="test", body=directory.encode(mine))
    return len({s.raw for s in samples})


@pytest.mark.parametrize("chunk", [1, 512])
def test_logged_vectors_come_out_bit_equal(session, logged, chunk):
    report = check(session, None, messages=10_000, chunk=chunk)
    assert (report.equal, report.differing, report.gone, report.other_code) == (logged, 0, 0, 0)


def test_a_flipped_bit_is_found_and_its_signal_named(sql, session, logged):
    name = signal_set().names[5]
    sql.execute(
        "UPDATE vectors SET vector = set_byte(vector, 20, get_byte(vector, 20) # 1) "
        "WHERE message_id = (SELECT message_id FROM vectors ORDER BY message_id LIMIT 1)"
    )
    report = check(session, 1, messages=10_000, chunk=64)
    assert (report.equal, report.differing, report.signals) == (logged - 1, 1, {name: 1})


def test_parity_ends_where_raw_mail_was_erased_or_the_code_is_another(sql, session, logged):
    sql.execute("DELETE FROM raw_mail WHERE sha256 IN (SELECT sha256 FROM raw_mail ORDER BY sha256 LIMIT 10)")
    sql.execute(
        "UPDATE vectors SET signal_set = 'older' WHERE message_id IN (SELECT v.message_id FROM vectors v "
        "JOIN messages m ON m.id = v.message_id JOIN raw_mail r ON r.sha256 = m.sha256 ORDER BY 1 LIMIT 7)"
    )
    report = check(session, 1, messages=10_000, chunk=64)
    assert (report.gone, report.other_code, report.differing) == (10, 7, 0)
    assert report.looked_at == logged
