"""Jobs: paused, resumed, cancelled, whatever their chunks are doing."""

from __future__ import annotations

import pytest

from db import chunks, dispatch, jobs, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming, Rejected


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        yield connection


@pytest.fixture
def door(database, sql):  # noqa: ARG001 - the tenant is there before the door opens
    with Enqueuer(database.worker_url, database.broker_url) as enqueuer:
        yield enqueuer


def accept(door, messages, *, lane="backfill", key=None, start=0):
    mail = [Incoming(b"From: a@b.example\r\nSubject: %d\r\n\r\nx" % n) for n in range(start, start + messages)]
    return door.accept(mail, tenant="acme", mailbox="a@acme.test", lane=lane, idempotency_key=key)


def the_job(sql):
    (job,) = jobs.listing(sql)
    return job


def states(sql):
    return dict(sql.execute("SELECT state, count(*) FROM chunks GROUP BY state").fetchall())


def test_a_paused_job_gives_nothing_until_it_is_resumed(door, sql):
    accept(door, 1100)
    ((chunk, dispatch_id, *_), *_) = dispatch.publish_due(sql, "backfill", 100)
    job = the_job(sql)
    assert jobs.pause(sql, job.id)
    assert not jobs.pause(sql, job.id)
    assert states(sql) == {"held": 3}
    assert chunks.claim(sql, [(chunk, dispatch_id)], "w") == []
    assert dispatch.publish_due(sql, "backfill", 10_000) == []
    assert jobs.resume(sql, job.id)
    assert states(sql) == {"ready": 3}
    assert len(dispatch.publish_due(sql, "backfill", 10_000)) == 3


def test_a_chunk_given_back_while_its_job_is_paused_is_held_too(door, sql):
    accept(door, 10)
    (due,) = dispatch.publish_due(sql, "backfill", 100)
    (claim,) = chunks.claim(sql, [due[:2]], "w")
    job = the_job(sql)
    jobs.pause(sql, job.id)
    assert states(sql) == {"claimed": 1}
    chunks.release(sql, [(claim.id, claim.dispatch_id)], "its worker died")
    assert dispatch.publish_due(sql, "backfill", 100) == []
    jobs.settle(sql)
    assert states(sql) == {"held": 1}


def test_a_cancelled_job_writes_nothing_more_and_its_mail_may_come_again(door, sql):
    receipts = accept(door, 20)
    (due,) = dispatch.publish_due(sql, "backfill", 100)
    (claim,) = chunks.claim(sql, [due[:2]], "w")
    job = the_job(sql)
    assert jobs.cancel(sql, job.id)
    assert not jobs.cancel(sql, job.id)
    with sql.transaction():
        assert not chunks.hold(sql, claim)
    assert jobs.settle(sql) == 20
    ended = jobs.find(sql, job.id)
    assert (ended.state, ended.cancelled, ended.finished_at is not None) == ("cancelled", 20, True)
    assert sql.execute("SELECT DISTINCT state FROM message_state").fetchall() == [("cancelled",)]
    again = accept(door, 20)
    assert {receipt.status for receipt in again} == {"accepted"}
    assert not {receipt.message_id for receipt in again} & {receipt.message_id for receipt in receipts}


def test_nothing_joins_a_cancelled_job(door, sql):
    accept(door, 5, key="k")
    jobs.cancel(sql, the_job(sql).id)
    with pytest.raises(Rejected, match="was cancelled"):
        accept(door, 5, key="k", start=5)


def test_what_joins_a_paused_job_waits_with_it(door, sql):
    accept(door, 5, key="k", lane="realtime")
    jobs.pause(sql, the_job(sql).id)
    accept(door, 5, key="k", lane="realtime", start=5)
    assert "published" not in states(sql)
    jobs.settle(sql)
    assert states(sql) == {"held": 2}
    jobs.resume(sql, the_job(sql).id)
    assert states(sql) == {"ready": 2}
