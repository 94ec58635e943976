"""Jobs: paused, resumed, cancelled, whatever their chunks are doing."""

from __future__ import annotations

import pytest

from db import chunks, dead_letters, dispatch, forgetting, jobs, provisional, tenants
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


def bury_one(sql):
    """One message of a published chunk dies; the rest of the chunk stays in hand. The letter's id, the claim."""
    (due, *_) = dispatch.publish_due(sql, "backfill", 1)
    (claim,) = chunks.claim(sql, [due[:2]], "w")
    with sql.transaction():
        assert chunks.hold(sql, claim)
        assert dead_letters.bury(sql, claim, chunks.load(sql, claim.id)[0].id, "poison")
        chunks.count_in_job(sql, claim.job_id, scored=0, dead=1)
    (letter,) = dead_letters.listing(sql)
    return letter.id, claim


def test_a_replay_does_not_resume_a_paused_job(door, sql):
    accept(door, 600)
    letter, _ = bury_one(sql)
    job = the_job(sql)
    assert jobs.pause(sql, job.id)
    assert dead_letters.replay(sql, letter, "ann")
    jobs.settle(sql)
    assert the_job(sql).state == "paused"
    assert states(sql) == {"claimed": 1, "held": 2}
    assert jobs.resume(sql, job.id)
    assert states(sql) == {"claimed": 1, "ready": 2}


def test_a_letter_of_a_cancelled_job_may_be_replayed_once_that_has_ended_and_the_job_ends_again(door, sql):
    accept(door, 3)
    letter, _ = bury_one(sql)
    job = the_job(sql)
    assert jobs.cancel(sql, job.id)
    assert not dead_letters.replay(sql, letter, "ann")
    assert jobs.settle(sql) == 2
    assert dead_letters.replay(sql, letter, "ann")
    (due,) = dispatch.publish_due(sql, "backfill", 1)
    (claim,) = chunks.claim(sql, [due[:2]], "w")
    with sql.transaction():
        assert chunks.hold(sql, claim)
        chunks.finish(sql, claim)
        chunks.count_in_job(sql, claim.job_id, scored=1)
    ended = the_job(sql)
    assert (ended.state, ended.scored, ended.dead, ended.cancelled) == ("done", 1, 0, 2)


def test_a_job_ends_though_messages_of_it_were_erased_before_they_were_scored_again(door, sql):
    receipts = accept(door, 4)
    sql.execute("UPDATE message_state SET state = 'scored'")
    sql.execute("UPDATE chunks SET state = 'done'")
    ids = [receipt.message_id for receipt in receipts]
    tenant = tenants.find(sql, "acme")
    with sql.transaction():
        provisional.add_revisions(sql, tenant, ids, lane="backfill", actor="x", key="k")
    forgetting.forget(sql, tenant, ids[:3])
    jobs.settle(sql)
    job = jobs.listing(sql)[0]
    assert (job.kind, job.state) == ("revision", "open")
    (due,) = dispatch.publish_due(sql, "backfill", 1)
    (claim,) = chunks.claim(sql, [due[:2]], "w")
    with sql.transaction():
        assert chunks.hold(sql, claim)
        chunks.finish(sql, claim)
        chunks.count_in_job(sql, claim.job_id, scored=1)
    jobs.settle(sql)
    job = jobs.find(sql, job.id)
    assert (job.state, job.messages, job.scored) == ("done", 1, 1)


def test_jobs_of_every_kind_are_listed_newest_first(door, sql):
    accept(door, 1, key="first")
    keys = [f"later {number}" for number in range(6)]
    for key in keys:
        provisional.add_revisions(sql, tenants.find(sql, "acme"), [], lane="backfill", actor=key, key=key)
    assert [job.actor for job in jobs.listing(sql)] == [*reversed(keys), "ingestion"]
