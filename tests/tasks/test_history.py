"""History from the database: equal to a fold over all mail, whatever the chunks, with and without rolled-up days."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
import zstandard

from db import bundles, chunks, dispatch, forgetting, sightings, tenants
from db.session import connect
from scorelane import rescans
from scorelane.mail import parse
from scorelane.scoring import Bundle, context
from scorelane.signals import recall
from scorelane.signals.recall import Memory
from scorelane.signals.sightings import ATTACHMENT, NAME, shown
from tasks import inputs, tallies
from tasks.histories import with_history
from tasks.score import score_chunks
from tasks.session import Session

START = datetime(2026, 3, 1, tzinfo=UTC)
WORDS = [
    *("the", "quarterly", "report", "is", "attached", "please", "look", "at", "the", "numbers"),
    *("before", "our", "meeting", "on", "monday", "morning"),
]


def mails(count, seed=7):
    """Mail of few senders, names, domains and links over fifty days, some of it within one hour, in order of time."""
    draw = Random(seed)
    at = START
    found = []
    for number in range(count):
        at += timedelta(seconds=draw.choice([20, 600, 7200, 90_000]))
        name, host = draw.choice(["Ann", "Bob", "The CEO"]), draw.choice(["gmail.com", "a.test", "mail.b.test"])
        local = draw.choice(["ann", "bob", "news"])
        draw.shuffle(WORDS) if number % 3 == 0 else None
        extra = draw.choice(["", "Cc: eve@acme.test\r\n", "X-Mailer: Robot 3.1\r\n"])
        link = draw.choice(["", f"https://{draw.choice(['x', 'y', 'z'])}.test/{number} https://{host}/"])
        raw = (
            f"From: {name} <{local}@{host}>\r\nTo: all@acme.test\r\n{extra}Subject: {number}\r\n"
            f"Message-ID: <{number}@{host}>\r\n\r\n{' '.join(WORDS)} {link}\r\n"
        )
        found.append((raw.encode(), at))
    return found


def folded(found):
    """History of each mail in order from one memory over all of them."""
    memory = Memory()
    out = []
    for raw, at in found:
        seen = shown(parse(raw, received_at=at), mailbox="all@acme.test", at=at)
        out.append(memory.history(seen, at))
        memory.add(seen, at, 1)
    return out


def stored(sql, revision=1):
    rows = sql.execute(
        "SELECT v.context FROM vectors v JOIN messages m ON m.id = v.message_id WHERE v.revision = %s "
        "ORDER BY m.received_at, m.id",
        (revision,),
    ).fetchall()
    return [context.decode(row[0]).history for row in rows]


@pytest.mark.parametrize("size", [1, 7, 120])
def test_history_equals_a_fold_over_all_mail_in_any_chunking(sql, accept_mail, run_all, size):
    found = mails(120)
    for at in range(0, len(found), size):
        accept_mail(found[at : at + size])
        if size > 1:
            run_all()
    run_all()
    assert stored(sql) == folded(found)


@pytest.mark.parametrize("size", [1, 40])
@pytest.mark.parametrize("rolls", [False, True])
def test_counts_end_at_a_limit_whatever_the_chunks_and_the_rolled_up_days(  # noqa: PLR0917 - fixtures
    sql, accept_mail, run_all, monkeypatch, size, rolls
):
    monkeypatch.setattr(recall, "MOST_COUNTED", 40)
    monkeypatch.setattr(tallies, "MOST_COUNTED", 40)
    found = mails(170)
    for at in range(0, len(found), size):
        accept_mail(found[at : at + size])
        run_all()
        while rolls and sightings.roll_up(sql, 1):
            pass
    expected = folded(found)
    assert max(history.domain_count for history in expected) == 40
    assert any(history.domain_count == 40 > history.domain_count_30d for history in expected)
    assert stored(sql) == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_a_rescan_after_a_backfill_gives_the_history_of_a_fold_in_whatever_order_chunks_ended(
    sql, session, accept_mail, run_all, seed
):
    found = mails(120)
    arrived = list(found)
    Random(seed).shuffle(arrived)
    for at in range(0, len(arrived), 7):
        accept_mail(arrived[at : at + 7])
    pairs = [(d.chunk_id, d.dispatch_id) for d in dispatch.publish_due(sql, "backfill", 100_000)]
    Random(-seed).shuffle(pairs)
    for pair in pairs:
        score_chunks(session, [pair])
    assert stored(sql) != folded(found), "the first scores know only what ended before them"
    live = bundles.current(sql)
    wanted = rescans.wanted_of(Bundle.load(live.live_path))
    job, _ = rescans.start(sql, 1, rescans.Asked(), wanted, as_of="now", applies=True, actor="ann", live=live.live)
    rescans.plan_all(sql, job)
    run_all()
    assert stored(sql, revision=2) == folded(found)


@pytest.fixture
def ask(sql):
    """History that the stored mail gives to new mail, without saving anything."""

    def ask(found):
        box = tenants.ensure_mailbox(sql, 1, "all@acme.test")
        newest = "018f0000-0000-7000-8000-{:012d}"
        rows = [
            chunks.Stored(
                UUID(newest.format(n)),
                box,
                "all@acme.test",
                at,
                "inbound",
                None,
                zstandard.compress(raw),
                len(raw),
                True,
            )
            for n, (raw, at) in enumerate(found)
        ]
        return [one.history for one in with_history(sql, 1, inputs.as_logged(sql, 1, rows))]

    return ask


def test_rolled_up_days_change_no_count(sql, accept_mail, run_all, ask):
    found = mails(150)
    accept_mail(found[:130])
    run_all()
    before = ask(found[60:])
    while sightings.roll_up(sql, 1):
        pass
    assert sightings.tenants_to_roll(sql) == []
    rolled, single = (
        sql.execute(f"SELECT sum({column}) FROM {table} WHERE {where}").fetchone()[0]
        for column, table, where in (("messages", "sighting_days", "true"), ("1", "sightings", "kind NOT IN (5, 8)"))
    )
    assert rolled == single > 0
    sql.execute("DELETE FROM sightings WHERE received_at < %s AND kind = 2", (found[100][1].date(),))
    assert ask(found[101:])[5].domain_count == before[46].domain_count
    assert [h.domain_days_known for h in ask(found[101:])] == [h.domain_days_known for h in before[41:]]


def test_late_mail_of_a_rolled_up_day_is_counted_at_once_and_rolled_up_again(sql, accept_mail, run_all, ask):
    found = mails(100)
    late = found[20:30]
    accept_mail(found[:20] + found[30:90])
    run_all()
    while sightings.roll_up(sql, 1):
        pass
    accept_mail(late)
    run_all()
    assert sightings.tenants_to_roll(sql) == [1]
    at_once = ask(found[90:])
    while sightings.roll_up(sql, 1):
        pass
    assert ask(found[90:]) == at_once


def test_erased_mail_leaves_no_count_of_a_rolled_up_day(sql, accept_mail, run_all, ask):
    found = mails(60)
    accept_mail(found[:30], mailbox="gone@acme.test")
    accept_mail(found[30:60])
    run_all()
    while sightings.roll_up(sql, 1):
        pass
    rows = sql.execute(
        "SELECT m.id FROM messages m JOIN mailboxes b ON b.id = m.mailbox_id WHERE b.address LIKE 'gone%'"
    )
    with sql.transaction():
        forgetting.forget(sql, 1, [row[0] for row in rows.fetchall()])
    probe = (found[0][0], found[-1][1] + timedelta(days=1))
    at_once = ask([probe])
    while sightings.roll_up(sql, 1):
        pass
    assert ask([probe]) == at_once
    rolled, single = (
        sql.execute(f"SELECT sum({column}) FROM {table} WHERE {where}").fetchone()[0]
        for column, table, where in (("messages", "sighting_days", "true"), ("1", "sightings", "kind NOT IN (5, 8)"))
    )
    assert rolled == single > 0


def test_labels_count_for_later_mail_of_the_sender_unless_retracted(sql, accept_mail, run_all, ask):
    found = mails(60)
    accept_mail(found)
    run_all()
    rows = sql.execute(
        "SELECT s.message_id, s.sender FROM message_state s JOIN messages m ON m.id = s.message_id "
        "WHERE s.sender = 'ann@gmail.com' ORDER BY m.received_at"
    ).fetchall()
    add = (
        "INSERT INTO labels (tenant_id, message_id, label, origin, author, retracts) "
        "VALUES (1, %s, %s, 'analyst', 'ann', %s)"
    )
    for (message_id, _), label in zip(rows[:3], ("attack", "legitimate", "attack"), strict=True):
        sql.execute(add, (message_id, label, None))
    last = sql.execute("SELECT max(id) FROM labels").fetchone()[0]
    sql.execute(add, (rows[2][0], "attack", last))
    probe = (b"From: Ann <ann@gmail.com>\r\nTo: all@acme.test\r\n\r\nhello\r\n", found[-1][1] + timedelta(days=1))
    (history,) = ask([probe])
    assert (history.good_count, history.bad_count) == (1, 1)


def test_outbound_mail_makes_its_recipients_answers_solicited(accept_mail, run_all, ask):
    sent = b"From: all@acme.test\r\nTo: Ann <ann@gmail.com>\r\nSubject: question\r\n\r\nhow are you?\r\n"
    accept_mail([(sent, START)], direction="outbound")
    run_all()
    probe = (b"From: Ann <Ann@Gmail.com>\r\nTo: all@acme.test\r\n\r\nfine\r\n", START + timedelta(hours=1))
    (history,) = ask([probe])
    assert (history.wrote_to_address, history.address_count) == (1, 0)


def test_kinds_that_are_not_rolled_up_are_never_counted_by_entity():
    assert sightings.NOT_ROLLED == (ATTACHMENT, NAME)


def test_workers_that_meet_on_one_domain_do_not_deadlock(database, sql, accept_mail):
    """Each scores chunks of the same senders, links and days, in opposite orders, at the same time."""
    found = mails(160, seed=3)
    for at in range(0, 160, 10):
        accept_mail(found[at : at + 10], mailbox=f"box{at % 4}@acme.test")
    rows = sql.execute(
        "UPDATE chunks SET state = 'published', dispatch_id = nextval('dispatch_ids') RETURNING id, dispatch_id"
    ).fetchall()
    faults, scored = [], []

    def work(pairs):
        session = Session(database.worker_url, group="test")
        try:
            scored.extend(score_chunks(session, [pair]) for pair in pairs)
        except Exception as fault:  # noqa: BLE001 - reported by the main thread
            faults.append(fault)
        finally:
            session.forget_connection()
            session.attachments.close()

    threads = [threading.Thread(target=work, args=(pairs,)) for pairs in (rows[::2], rows[1::2][::-1])]
    rolling = threading.Event()

    def roll():
        with connect(database.worker_url, application="test") as connection:
            while not rolling.wait(0.02):
                sightings.roll_up(connection, 1)

    threads.append(threading.Thread(target=roll))
    for thread in threads:
        thread.start()
    for thread in threads[:2]:
        thread.join()
    rolling.set()
    threads[2].join()
    assert faults == []
    assert sum(scored) == 160
    assert sql.execute("SELECT count(DISTINCT message_id) FROM sightings").fetchone() == (160,)
