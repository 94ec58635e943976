"""The front door: what is accepted is durable, once, whatever the broker does."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

from db import lanes, tenants
from db.session import connect
from scorelane.enqueuer import Busy, Enqueuer, Envelope, Incoming, Linger, Rejected, Unavailable


@pytest.fixture
def tenant(database):
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
    return {"tenant": "acme", "mailbox": "all@acme.test"}


@pytest.fixture
def door(database, tenant):  # noqa: ARG001 - the tenant is there before the door opens
    with Enqueuer(database.worker_url, database.broker_url) as enqueuer:
        yield enqueuer


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        yield lambda query: connection.execute(query).fetchall()


def mail(number: int) -> Incoming:
    return Incoming(b"From: a@b.example\r\nSubject: %d\r\n\r\nhello\r\n" % number)


def test_an_accepted_message_stands_in_every_table(door, tenant, sql):
    received = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    incoming = Incoming(mail(1).raw, received, Envelope(mail_from="a@b.example"), source="x.eml")
    (receipt,) = door.accept([incoming], **tenant)
    assert receipt.status == "accepted"
    assert sql("SELECT id, received_at, source, direction FROM messages") == [
        (receipt.message_id, received, "x.eml", "inbound")
    ]
    assert sql("SELECT message_id, state FROM message_state") == [(receipt.message_id, "accepted")]
    assert sql("SELECT count(*) FROM raw_mail") == [(1,)]
    assert sql("SELECT messages, kind FROM jobs") == [(1, "intake")]
    assert sql("SELECT message_ids FROM chunk_bodies") == [([receipt.message_id],)]


def test_a_copy_is_a_duplicate_of_the_first(door, tenant, sql):
    first, copy = door.accept([mail(1), mail(1)], **tenant)
    (again,) = door.accept([mail(1)], **tenant)
    assert (first.status, copy.status, again.status) == ("accepted", "duplicate", "duplicate")
    assert first.message_id == copy.message_id == again.message_id
    assert sql("SELECT count(*) FROM messages") == [(1,)]


def test_nothing_but_duplicates_makes_no_job(door, tenant, sql):
    door.accept([mail(1)], **tenant, idempotency_key="first")
    for _ in range(2):
        (again,) = door.accept([mail(1)], **tenant, idempotency_key="second")
        assert again.status == "duplicate"
    jobs = "SELECT idempotency_key, messages, state FROM jobs ORDER BY id"
    assert sql(jobs) == [("first", 1, "open")]
    door.accept([mail(2)], **tenant, idempotency_key="second")
    assert sql(jobs)[1] == ("second", 1, "open")


def test_mail_cannot_be_put_among_the_lookups(door, tenant):
    with pytest.raises(Rejected, match=r"lane 'enrich' is not one of interactive, realtime, rescan, backfill$"):
        door.accept([mail(1)], **tenant | {"lane": "enrich"})


def test_another_mailbox_has_its_own_copy_and_shares_the_raw_mail(door, tenant, sql):
    door.accept([mail(1)], **tenant)
    (other,) = door.accept([mail(1)], tenant="acme", mailbox="second@acme.test")
    assert other.status == "accepted"
    assert sql("SELECT count(*) FROM messages") == [(2,)]
    assert sql("SELECT count(*) FROM raw_mail") == [(1,)]


def test_a_repeated_call_with_its_key_gets_the_same_receipts(door, tenant, sql):
    first = door.accept([mail(1), mail(2)], idempotency_key="k", **tenant)
    assert door.accept([mail(1), mail(2)], idempotency_key="k", **tenant) == first
    assert sql("SELECT messages FROM jobs") == [(2,)]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\r\n", "empty"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "not mail"),
        (b"just some words\nand more", "not mail"),
        (b"Subject: x\n\n" + b"a" * (50 * 1024 * 1024), "over the size limit"),
    ],
)
def test_what_is_not_mail_is_rejected_with_the_reason_and_stops_nothing(door, tenant, sql, raw, reason):
    good, bad = door.accept([mail(1), Incoming(raw)], **tenant)
    assert good.status == "accepted"
    assert bad.status == "rejected"
    assert bad.reason.startswith(reason)
    assert sql("SELECT count(*) FROM messages") == [(1,)]


def test_the_broker_being_away_is_no_error(database, tenant, sql):
    with Enqueuer(database.worker_url, "redis://127.0.0.1:1/0") as door:
        (receipt,) = door.accept([mail(1)], **tenant)
    assert receipt.status == "accepted"
    assert sql("SELECT count(*) FROM messages") == [(1,)]


def test_the_database_being_away_is_one_clear_line(tenant, database):
    with (
        Enqueuer("postgresql://nobody@127.0.0.1:1/none", database.broker_url) as door,
        pytest.raises(Unavailable, match="the database is not available"),
    ):
        door.accept([mail(1)], **tenant)


def test_unknown_names_are_refused_before_anything_is_stored(door, tenant, sql):
    with pytest.raises(Rejected, match="lane 'fast' is not one of interactive, realtime"):
        door.accept([mail(1)], lane="fast", **tenant)
    with pytest.raises(Rejected, match="tenant 'acne' is not known"):
        door.accept([mail(1)], tenant="acne", mailbox="a@acme.test")
    assert sql("SELECT count(*) FROM messages") == [(0,)]


def test_a_lane_over_its_limit_answers_busy_with_a_time(door, tenant, sql, database):
    with connect(database.worker_url, application="test") as connection:
        connection.execute("UPDATE lanes SET backlog_limit = 2 WHERE name = 'backfill'")
    door.accept([mail(1), mail(2)], lane="backfill", **tenant)
    with pytest.raises(Busy) as busy:
        door.accept([mail(3)], lane="backfill", **tenant)
    assert busy.value.retry_after_s >= 1
    assert door.accept([mail(3)], lane="realtime", **tenant)[0].status == "accepted"
    assert sql("SELECT value FROM counters WHERE name = 'shed'") == [(1,)]


def test_bulk_lanes_are_shed_before_realtime_when_the_system_is_full(door, tenant, sql, database):
    with connect(database.worker_url, application="test") as connection:
        connection.execute(
            "UPDATE lanes SET total_limit = CASE name WHEN 'rescan' THEN 3 WHEN 'backfill' THEN 4 ELSE 6 END"
        )
    refused = []
    for number in range(8):
        for place, lane in enumerate(("rescan", "backfill", "realtime")):
            try:
                door.accept([mail(3 * number + place)], lane=lane, **tenant)
            except Busy as busy:
                refused.append(busy.lane)
    assert refused[0] == "rescan"
    assert refused.index("rescan") < refused.index("backfill") < refused.index("realtime")
    shed = dict(sql("SELECT lane, sum(value) FROM counters WHERE name = 'shed' GROUP BY lane"))
    assert shed == {lane: refused.count(lane) for lane in set(refused)}
    assert sql("SELECT count(*) FROM messages") == [(24 - len(refused),)]


def test_a_draining_lane_and_a_tenant_at_its_limit_answer_busy(door, tenant, sql, database):
    with connect(database.worker_url, application="test") as connection:
        lanes.drain(connection, "backfill", draining=True)
        with pytest.raises(Busy, match="draining"):
            door.accept([mail(1)], lane="backfill", **tenant)
        lanes.drain(connection, "backfill", draining=False)
        connection.execute("UPDATE tenants SET backlog_limit = 2")
        door.accept([mail(1), mail(2)], lane="backfill", **tenant)
        with pytest.raises(Busy, match="this tenant's mail"):
            door.accept([mail(3)], lane="backfill", **tenant)
    assert sql("SELECT count(*) FROM messages") == [(2,)]


def test_chunks_hold_at_most_what_the_lane_says(door, tenant, sql):
    door.accept([mail(n) for n in range(1100)], lane="backfill", **tenant)
    assert sql("SELECT messages, state FROM chunks ORDER BY id") == [
        (512, "ready"),
        (512, "ready"),
        (76, "ready"),
    ]


def test_realtime_is_published_at_once_and_bulk_waits_for_the_dispatcher(door, tenant, sql):
    door.accept([mail(1)], lane="realtime", **tenant)
    door.accept([mail(2)], lane="rescan", **tenant)
    assert sql("SELECT lane, state FROM chunks ORDER BY id") == [("realtime", "published"), ("rescan", "ready")]


def test_two_doors_with_the_same_mail_accept_each_message_once(database, tenant, sql):
    everything = [mail(n) for n in range(300)]
    statuses: list[str] = []

    def enter(order):
        with Enqueuer(database.worker_url, database.broker_url) as door:
            for start in range(0, 300, 50):
                statuses.extend(r.status for r in door.accept(order[start : start + 50], **tenant))

    doors = [threading.Thread(target=enter, args=(order,)) for order in (everything, everything[::-1])]
    for thread in doors:
        thread.start()
    for thread in doors:
        thread.join(60)
    assert sorted(statuses) == ["accepted"] * 300 + ["duplicate"] * 300
    assert (
        sql("SELECT count(*), sum(messages) FROM messages, (SELECT sum(messages) AS messages FROM jobs) j")[0][0] == 300
    )
    assert sql("SELECT sum(messages) FROM jobs") == [(300,)]


def test_single_messages_in_a_burst_share_transactions(door, tenant, sql):
    with Linger(door) as linger:
        futures = [linger.submit(mail(n), **tenant) for n in range(200)]
        assert {future.result(30).status for future in futures} == {"accepted"}
    assert sql("SELECT sum(messages) FROM chunks") == [(200,)]
    assert sql("SELECT count(*) < 100 FROM chunks") == [(True,)]


def test_a_lone_message_does_not_linger_and_one_behind_an_unclaimed_chunk_does(door, tenant, sql):
    with Linger(door, linger_s=30) as linger:
        linger.submit(mail(1), **tenant).result(5)
        waiting = [linger.submit(mail(n), **tenant) for n in range(2, 65)]
        assert not any(future.done() for future in waiting)
        sql("UPDATE chunks SET state = 'claimed' RETURNING id")
        assert {future.result(5).status for future in waiting} == {"accepted"}
    assert sql("SELECT count(*) <= 3 FROM chunks") == [(True,)]


def test_one_call_takes_messages_of_several_mailboxes(door, sql):
    """The same content in two mailboxes is two messages over one raw mail; a copy in one of them is a duplicate."""
    batch = [mail(1), mail(1), mail(2), mail(1)]
    receipts = door.accept(batch, tenant="acme", mailbox=["a@acme.test", "b@acme.test", "a@acme.test", "a@acme.test"])
    assert [receipt.status for receipt in receipts] == ["accepted", "accepted", "accepted", "duplicate"]
    assert receipts[3].message_id == receipts[0].message_id
    assert sql("SELECT count(*), count(DISTINCT mailbox_id), count(DISTINCT job_id) FROM messages") == [(3, 2, 1)]
    assert sql("SELECT (SELECT count(*) FROM raw_mail), (SELECT sum(messages) FROM chunks)") == [(2, 3)]
    again = door.accept(batch[:2], tenant="acme", mailbox=["a@acme.test", "c@acme.test"])
    assert [receipt.status for receipt in again] == ["duplicate", "accepted"]


def test_single_messages_of_many_mailboxes_share_a_transaction_and_one_bad_mailbox_harms_no_other(door, tenant, sql):
    door.accept([mail(1)], **tenant)
    with Linger(door, linger_s=1) as linger:
        futures = [linger.submit(mail(n), tenant="acme", mailbox=f"box{n}@acme.test") for n in range(2, 10)]
        bad = linger.submit(mail(10), tenant="acme", mailbox="no address")
        assert {future.result(30).status for future in futures} == {"accepted"}
        with pytest.raises(Rejected, match="is not an address"):
            bad.result(30)
        more = [linger.submit(mail(n), tenant="acme", mailbox=f"box{n}@acme.test") for n in range(20, 30)]
        assert {future.result(30).status for future in more} == {"accepted"}
    assert sql("SELECT max(messages) FROM chunks") == [(10,)]
    assert sql("SELECT count(*) FROM messages") == [(19,)]


def test_singles_are_held_for_a_worker_only_where_workers_take_some(door, tenant, sql):
    """Else a client that sends one by one would wait the longest linger a message while every worker is away."""
    assert door.waiting("realtime") == (False, False)
    for number in range(2):
        door.accept([mail(number)], **tenant)
    assert door.waiting("realtime") == (True, False)
    sql("UPDATE chunks SET state = 'claimed', claimed_at = now() WHERE id = (SELECT min(id) FROM chunks) RETURNING id")
    assert door.waiting("realtime") == (True, True)
    sql("UPDATE chunks SET claimed_at = now() - interval '3 s' WHERE state = 'claimed' RETURNING id")
    assert door.waiting("realtime") == (True, False)
    sql("UPDATE chunks SET state = 'done', finished_at = now() RETURNING id")
    assert door.waiting("realtime") == (False, True)


def test_importing_the_front_door_loads_no_parser_and_no_model():
    heavy = ("numpy", "lightgbm", "scorelane.mail", "selectolax", "sqlalchemy", "pydantic")
    script = f"import scorelane.enqueuer, sys; print([name for name in {heavy!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_closed_linger_takes_nothing_that_nobody_would_store(door, tenant):
    linger = Linger(door)
    linger.close()
    with pytest.raises(Unavailable, match="closes"):
        linger.submit(mail(1), **tenant)


def test_a_fault_of_one_message_is_not_that_of_those_it_lingers_with(door, tenant, monkeypatch):
    accept = door.accept

    def fragile(messages, **place: object):
        if any(b"Subject: 3\r" in message.raw for message in messages):
            raise ZeroDivisionError
        return accept(messages, **place)

    door.accept([mail(1)], **tenant)
    monkeypatch.setattr(door, "accept", fragile)
    with Linger(door, linger_s=1) as linger:
        futures = {number: linger.submit(mail(number), **tenant) for number in (2, 3, 4)}
        assert [futures[number].result(30).status for number in (2, 4)] == ["accepted", "accepted"]
        with pytest.raises(ZeroDivisionError):
            futures[3].result(30)


def test_large_messages_do_not_linger_together(door, tenant, sql):
    door.accept([mail(1)], **tenant)
    large = [Incoming(mail(number).raw + b"x" * 9_000_000) for number in range(2, 6)]
    with Linger(door, linger_s=30) as linger:
        futures = [linger.submit(one, **tenant) for one in large]
        assert {future.result(25).status for future in futures} == {"accepted"}
    assert sql("SELECT count(DISTINCT job_id) FROM messages") == [(3,)]


def test_bytes_that_are_no_text_in_a_session_or_a_file_name_are_no_error(door, tenant, sql):
    said = Envelope(mail_from="\udcff@b.example", rcpt_to=("\udcfe@acme.test",), helo="\udcfd")
    (receipt,) = door.accept([Incoming(mail(1).raw, envelope=said, source="\udcff.eml\0")], **tenant)
    assert receipt.status == "accepted"
    ((envelope, source),) = sql("SELECT envelope, source FROM messages")
    assert (b"?@b.example" in envelope, source) == (True, "?.eml")


@pytest.mark.parametrize("mailbox", ["a\0@acme.test", "\udcff@acme.test", "a\x07@acme.test"])
def test_a_mailbox_that_no_address_can_be_is_rejected(door, mailbox):
    with pytest.raises(Rejected, match="is not an address"):
        door.accept([mail(1)], tenant="acme", mailbox=mailbox)


def test_what_is_rejected_is_counted_though_nothing_else_came_with_it(door, tenant, sql):
    assert door.accept([Incoming(b"")], **tenant)[0].status == "rejected"
    assert sql("SELECT sum(value) FROM counters WHERE name = 'rejected'") == [(1,)]
