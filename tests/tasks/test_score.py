"""The scoring task: claim, load, score, save; what poison, faults and late workers may and may not do."""

from __future__ import annotations

import numpy as np
import psycopg
import pytest
import zstandard

from db import chunks, dead_letters, dispatch, lanes, messages, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.scoring import own_columns
from tasks import work
from tasks.score import score_chunks
from tasks.session import NoBundle


def accept(database, count=5, *, first=0, direction="inbound", poison=None):
    mail = [
        Incoming(
            f"From: ann@b{n}.example\r\nTo: all@acme.test\r\nSubject: {'poison' if n == poison else 'hello'} {n}\r\n"
            f"\r\nSee https://b{n}.example/page\r\n".encode(),
            direction=direction,
        )
        for n in range(first, first + count)
    ]
    with Enqueuer(database.worker_url, database.broker_url) as door:
        return door.accept(mail, tenant="acme", mailbox="all@acme.test", lane="backfill")


def publish(sql):
    """Every chunk that is due, as a dispatcher would."""
    sql.execute("UPDATE chunks SET next_attempt_at = now() WHERE state = 'ready'")
    return [(d.chunk_id, d.dispatch_id) for d in dispatch.publish_due(sql, "backfill", 10_000)]


def run_until_idle(session, sql, most=10):
    for _ in range(most):
        pairs = publish(sql)
        if not pairs:
            return
        for pair in pairs:
            score_chunks(session, [pair])
    pytest.fail("work is never done")


def test_a_chunk_becomes_scores_vectors_sightings_and_counts(database, sql, session):
    receipts = accept(database)
    (pair,) = publish(sql)
    assert score_chunks(session, [pair]) == 5
    ids = sorted(r.message_id for r in receipts)
    rows = sql.execute("SELECT message_id, revision, cause FROM scores ORDER BY message_id").fetchall()
    assert rows == [(message_id, 1, "intake") for message_id in ids]
    assert sql.execute("SELECT count(*) FROM vectors").fetchone() == (5,)
    assert sql.execute("SELECT count(DISTINCT message_id) FROM sightings").fetchone() == (5,)
    assert sql.execute("SELECT state, scored, dead FROM jobs").fetchone() == ("done", 5, 0)
    assert sql.execute("SELECT state FROM chunks").fetchone() == ("done",)
    assert ("scored", "backfill", 5) in lanes.counters(sql)
    assert messages.counts(sql, "acme") == {"scored": 5}


def test_a_stored_vector_gives_the_stored_score_again(database, sql, session):
    accept(database, 3)
    score_chunks(session, publish(sql))
    standing = session.standing(tenants.find(sql, "acme"))
    scorer = standing.live
    for message_id, log_odds in sql.execute("SELECT message_id, log_odds FROM scores").fetchall():
        vector, statuses, text_log_odds, signal_set = messages.vector(sql, message_id, 1)
        row = np.frombuffer(vector, "<f4")[np.newaxis, :]
        assert len(statuses) == row.shape[1] == len(standing.signals)
        assert signal_set == standing.signals.hash
        own = own_columns(scorer.bundle, row, standing.signals.names)
        assert scorer.bundle.predict(own, np.array([text_log_odds]))[0] == log_odds


def test_a_chunk_delivered_twice_is_scored_once(database, sql, session):
    accept(database)
    (pair,) = publish(sql)
    assert score_chunks(session, [pair]) == 5
    assert score_chunks(session, [pair]) == 0
    assert sql.execute("SELECT count(*) FROM scores").fetchone() == (5,)


def test_a_worker_that_lost_its_lease_writes_nothing(database, sql, session, monkeypatch):
    accept(database)
    (pair,) = publish(sql)

    def slow(connection, claim, stored, standing):
        sql.execute("UPDATE chunks SET lease_until = now() - interval '1 s'")
        dispatch.expire(sql)
        return score(connection, claim, stored, standing)

    score = work.score
    monkeypatch.setattr(work, "score", slow)
    assert score_chunks(session, [pair]) == 0
    assert sql.execute("SELECT count(*) FROM scores").fetchone() == (0,)
    monkeypatch.setattr(work, "score", score)
    run_until_idle(session, sql)
    assert messages.counts(sql, "acme") == {"scored": 5}


def test_only_the_message_that_raises_is_buried_and_a_replay_brings_it_back(database, sql, session, monkeypatch):
    accept(database, poison=2)
    score = work.score

    def fragile(connection, claim, stored, standing):
        new = score(connection, claim, stored, standing)
        if any("poison" in row.subject for row in new):
            raise ZeroDivisionError("poison")
        return new

    monkeypatch.setattr(work, "score", fragile)
    run_until_idle(session, sql)
    assert messages.counts(sql, "acme") == {"scored": 4, "dead": 1}
    ((letter, tenant, _, lane, attempts, error, *_),) = dead_letters.listing(sql)
    assert (tenant, lane, attempts, error) == ("acme", "backfill", 3, "ZeroDivisionError: poison")
    assert sql.execute("SELECT scored, dead, state FROM jobs").fetchone() == (4, 1, "done")
    monkeypatch.setattr(work, "score", score)
    assert dead_letters.replay(sql, letter, "ann")
    assert not dead_letters.replay(sql, letter, "ann")
    run_until_idle(session, sql)
    assert messages.counts(sql, "acme") == {"scored": 5}
    assert sql.execute("SELECT scored, dead, state FROM jobs").fetchone() == (5, 0, "done")


def test_a_message_that_kills_its_worker_three_times_is_buried_alone(database, sql, session, monkeypatch):
    """A killed worker leaves its chunk claimed with a mark; here its death is an exception nobody may catch."""

    class Killed(BaseException):
        pass

    accept(database, poison=3)
    score = work.score

    def deadly(connection, claim, stored, standing):
        if any(b"poison" in zstandard.decompress(row.content) for row in stored):
            raise Killed
        return score(connection, claim, stored, standing)

    monkeypatch.setattr(work, "score", deadly)
    deaths = 0
    for _ in range(12):
        for pair in publish(sql):
            try:
                score_chunks(session, [pair])
            except Killed:
                deaths += 1
                session.forget_connection()
                chunks.release(sql, [pair], "its worker died")
    assert deaths == 3
    assert messages.counts(sql, "acme") == {"scored": 4, "dead": 1}
    assert sql.execute("SELECT count(*) FROM chunks WHERE state <> 'done'").fetchone() == (0,)


def test_a_lost_database_costs_no_attempt(database, sql, session, monkeypatch):
    accept(database)
    (pair,) = publish(sql)
    score = work.score

    def cut_off(connection, claim, stored, standing):
        sql.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'test@%' "
            "AND datname = current_database()"
        )
        return score(connection, claim, stored, standing)

    monkeypatch.setattr(work, "score", cut_off)
    with pytest.raises(psycopg.OperationalError):
        score_chunks(session, [pair])
    assert sql.execute("SELECT state, attempt FROM chunks").fetchone() == ("ready", 0)
    monkeypatch.setattr(work, "score", score)
    run_until_idle(session, sql)
    assert messages.counts(sql, "acme") == {"scored": 5}


def test_a_lost_database_gives_every_chunk_of_the_task_back(database, sql, session, monkeypatch):
    accept(database)
    accept(database, 3, first=5)
    accept(database, 2, first=8)
    pairs = publish(sql)
    score = work.score
    calls = []

    def cut_off(connection, claim, stored, standing):
        calls.append(claim.id)
        if len(calls) == 2:
            raise psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")
        return score(connection, claim, stored, standing)

    monkeypatch.setattr(work, "score", cut_off)
    with pytest.raises(psycopg.OperationalError):
        score_chunks(session, pairs)
    assert sql.execute("SELECT state, attempt FROM chunks ORDER BY id").fetchall() == [
        ("done", 1), ("ready", 0), ("ready", 0),
    ]  # fmt: skip


def lose_the_answer(monkeypatch, *, also_after=False):
    """The server commits the claim, and its connection is gone before it says so."""
    claim = chunks.claim

    def unanswered(connection, pairs, worker):
        claim(connection, pairs, worker)
        monkeypatch.setattr(chunks, "claim", claim)
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    def away(_connection, _pairs, _worker, _error, _delay_s):
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(chunks, "claim", unanswered)
    if also_after:
        monkeypatch.setattr(chunks, "forgive", away)


def test_a_claim_whose_answer_was_lost_is_given_back_at_once(database, sql, session, monkeypatch):
    accept(database)
    (pair,) = publish(sql)
    lose_the_answer(monkeypatch)
    with pytest.raises(psycopg.OperationalError):
        score_chunks(session, [pair])
    assert sql.execute("SELECT state, attempt FROM chunks").fetchone() == ("ready", 0)
    run_until_idle(session, sql)
    assert messages.counts(sql, "acme") == {"scored": 5}


def test_a_claim_whose_answer_was_lost_with_the_database_comes_back_with_its_lease(database, sql, session, monkeypatch):
    accept(database)
    (pair,) = publish(sql)
    lose_the_answer(monkeypatch, also_after=True)
    with pytest.raises(psycopg.OperationalError):
        score_chunks(session, [pair])
    assert sql.execute("SELECT state FROM chunks").fetchone() == ("claimed",)
    assert score_chunks(session, [pair]) == 0, "the same task again finds nothing"
    sql.execute("UPDATE chunks SET lease_until = now() - interval '1 s'")
    assert dispatch.expire(sql) == {"backfill": 1}
    run_until_idle(session, sql)
    assert messages.counts(sql, "acme") == {"scored": 5}
    assert sql.execute("SELECT count(*) FROM scores").fetchone() == (5,)


def test_forgiving_leaves_what_another_worker_holds(database, sql, session):
    accept(database)
    (pair,) = publish(sql)
    assert chunks.claim(sql, [pair], "another")
    assert chunks.forgive(sql, [pair], session.worker, "x", 0) == 0
    assert chunks.forgive(sql, [pair], "another", "x", 0) == 1


def test_a_chunk_that_fails_as_a_whole_is_tried_again_at_once_and_then_ever_later(database, sql, session, monkeypatch):
    accept(database)

    def broken(*_: object):
        raise LookupError

    monkeypatch.setattr(work, "load", broken)
    pauses = []
    for _ in range(4):
        score_chunks(session, publish(sql))
        ((pause,),) = sql.execute(
            "SELECT extract(epoch FROM next_attempt_at - clock_timestamp()) FROM chunks"
        ).fetchall()
        pauses.append(float(pause))
    assert pauses[0] < 0
    assert pauses[1] > 0
    assert pauses == sorted(pauses)


def test_a_result_that_cannot_be_written_buries_its_message_with_that_error(database, sql, session, monkeypatch):
    accept(database, poison=2)
    save = work.save

    def picky(connection, claim, new):
        if any("poison" in row.subject for row in new):
            raise psycopg.DataError("out of range")
        return save(connection, claim, new)

    monkeypatch.setattr(work, "save", picky)
    run_until_idle(session, sql)
    assert messages.counts(sql, "acme") == {"scored": 4, "dead": 1}
    assert [letter.error for letter in dead_letters.listing(sql)] == ["DataError: out of range"]


def slow_for(monkeypatch, subject):
    """A query of a message with that subject runs into the server's limit."""
    score = work.score

    def slow(connection, claim, stored, standing):
        if any(subject in zstandard.decompress(row.content) for row in stored):
            with connection.transaction():
                connection.execute("SET LOCAL statement_timeout = '50ms'")
                connection.execute("SELECT pg_sleep(10)")
        return score(connection, claim, stored, standing)

    monkeypatch.setattr(work, "score", slow)


def test_a_message_whose_own_query_never_ends_is_buried_alone(database, sql, session, monkeypatch):
    """Others are scored between its attempts, so it is not the database that is slow."""
    slow_for(monkeypatch, b"poison")
    accept(database, poison=2)
    tries = 0
    for number in range(6):
        accept(database, 1, first=100 + number)
        for pair in publish(sql):
            try:
                score_chunks(session, [pair])
            except psycopg.errors.QueryCanceled:
                tries += 1
    assert tries == 1, "the first time it might have been the database"
    assert messages.counts(sql, "acme") == {"scored": 10, "dead": 1}
    ((letter, _, _, _, attempts, error, *_),) = dead_letters.listing(sql)
    assert attempts == 3
    assert error == "QueryCanceled: canceling statement due to statement timeout"
    monkeypatch.undo()
    assert dead_letters.replay(sql, letter, "ann")
    run_until_idle(session, sql)
    assert messages.counts(sql, "acme") == {"scored": 11}


def test_a_database_that_is_slow_to_all_buries_nothing_however_often(database, sql, session, monkeypatch):
    accept(database, 3)
    accept(database, 2, first=5)
    slow_for(monkeypatch, b"hello")
    for _ in range(4):
        for pair in publish(sql):
            with pytest.raises(psycopg.errors.QueryCanceled):
                score_chunks(session, [pair])
    assert sql.execute("SELECT state, attempt FROM chunks ORDER BY id").fetchall() == [("ready", 0)] * 2
    monkeypatch.undo()
    run_until_idle(session, sql)
    assert messages.counts(sql, "acme") == {"scored": 5}


def test_a_message_whose_raw_mail_is_gone_becomes_a_dead_letter(database, sql, session):
    receipts = accept(database)
    sql.execute("DELETE FROM raw_mail WHERE sha256 = %s", (bytes.fromhex(receipts[1].sha256),))
    run_until_idle(session, sql)
    assert messages.counts(sql, "acme") == {"scored": 4, "dead": 1}
    (letter,) = dead_letters.listing(sql)
    assert (letter.message_id, letter.error) == (
        receipts[1].message_id,
        "its raw mail was deleted before it could be scored",
    )
    assert sql.execute("SELECT scored, dead, state FROM jobs").fetchone() == (4, 1, "done")
    assert dead_letters.replay(sql, letter.id, "ann")
    run_until_idle(session, sql)
    assert sql.execute("SELECT scored, dead, state FROM jobs").fetchone() == (4, 1, "done")


def test_outbound_mail_is_observed_and_not_scored(database, sql, session):
    accept(database, direction="outbound")
    score_chunks(session, publish(sql))
    assert messages.counts(sql, "acme") == {"observed": 5}
    assert sql.execute("SELECT count(*) FROM scores").fetchone() == (0,)
    assert sql.execute("SELECT bool_and(outbound), count(DISTINCT message_id) FROM sightings").fetchone() == (True, 5)


def test_without_a_live_bundle_the_chunk_waits(database, session):
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        accept(database)
        (pair,) = publish(connection)
        with pytest.raises(NoBundle, match="scorelane model promote"):
            score_chunks(session, [pair])
        assert connection.execute("SELECT state, attempt FROM chunks").fetchone() == ("ready", 0)


def test_hostile_bytes_always_get_a_verdict(database, sql, session):
    hostile = [
        b"Subject: \xff\xfe\x00\x00\r\n\r\n" + bytes(range(256)) * 20,
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n" * 10_000,
        b"Subject: " + b"a" * 5_000_000 + b"\r\n\r\nx",
        b"From: " + b"<" * 50_000 + b"\r\n\r\n" + b"<div>" * 60_000,
        b"Subject: =?utf-7?Q?+2D/cAA-?=\r\nContent-Type: text/html; charset=utf-7\r\n\r\n+2D/cAA-",
    ]
    with Enqueuer(database.worker_url, database.broker_url) as door:
        receipts = door.accept(
            [Incoming(raw) for raw in hostile], tenant="acme", mailbox="a@acme.test", lane="backfill"
        )
    assert {receipt.status for receipt in receipts} == {"accepted"}
    run_until_idle(session, sql)
    assert messages.counts(sql, "acme") == {"scored": 5}
