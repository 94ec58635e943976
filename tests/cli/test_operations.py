"""The commands of operators: lanes, jobs and dead letters, as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from db import jobs, tenants
from db.session import connect
from scorelane.cli import enqueue
from scorelane.enqueuer import Enqueuer, Incoming


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        with Enqueuer(database.worker_url, database.broker_url) as door:
            mail = [Incoming(b"From: a@b.example\r\nSubject: %d\r\n\r\nx" % n) for n in range(30)]
            door.accept(mail, tenant="acme", mailbox="a@acme.test", lane="backfill")
        connection.execute(
            """INSERT INTO dead_letters (tenant_id, message_id, job_id, lane, attempts, error)
               SELECT tenant_id, id, job_id, 'backfill', 3, CASE WHEN n = 1 THEN 'ZeroDivisionError: x'
                                                                 ELSE 'its worker died' END
               FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM messages LIMIT 3) some_of"""
        )
        yield connection


@pytest.fixture
def run(database):
    program = Path(sys.executable).parent / "scorelane"
    env = {**os.environ, "SCORELANE_DATABASE_URL": database.worker_url, "SCORELANE_BROKER_URL": database.broker_url}

    def call(*words: str, code=0):
        answer = subprocess.run([program, *words], env=env, capture_output=True, text=True, check=False)
        assert answer.returncode == code, answer.stderr
        assert "Traceback" not in answer.stderr
        return json.loads(answer.stdout) if "--json" in words else answer.stdout + answer.stderr

    return call


def test_dead_letters_are_listed_filtered_shown_replayed_and_discarded(sql, run):
    assert len(run("dead-letters", "list", "--json")) == 3
    (letter,) = run("dead-letters", "list", "--error", "zerodivision", "--tenant", "acme", "--json")
    assert (letter["attempts"], letter["lane"], letter["resolution"]) == (3, "backfill", None)
    assert run("dead-letters", "show", str(letter["id"]), "--json")[0]["error"] == "ZeroDivisionError: x"
    assert "1 replayed" in run("dead-letters", "replay", str(letter["id"]), "--by", "ann")
    assert "not open" in run("dead-letters", "replay", str(letter["id"]), code=1)
    assert "2 discarded" in run("dead-letters", "discard", "--all", "--error", "died", "--by", "bob")
    assert run("dead-letters", "list", "--json") == []
    resolved = run("dead-letters", "list", "--resolved", "--json")
    assert {(one["resolution"], one["resolved_by"]) for one in resolved} == {("replayed", "ann"), ("discarded", "bob")}
    assert sql.execute("SELECT count(*) FROM chunks").fetchone() == (2,)
    assert "there is no tenant 'nobody'" in run("dead-letters", "list", "--tenant", "nobody", code=1)
    assert "the lanes are interactive" in run("dead-letters", "discard", "--all", "--lane", "fast", code=1)
    assert "say --all" in run("dead-letters", "discard", code=2)
    assert "no dead letter 999" in run("dead-letters", "show", "999", code=1)


def test_a_lane_drains_pauses_and_opens_again(sql, run, database, tmp_path):
    """Who enqueues into a lane that drains is told why it waits."""
    one = tmp_path / "one.eml"
    one.write_bytes(b"From: a@b.example\r\nSubject: late\r\n\r\nx")
    run("lanes", "drain", "backfill")
    run("lanes", "pause", "backfill")
    (lane,) = [one for one in run("lanes", "--json") if one["name"] == "backfill"]
    assert (lane["draining"], lane["paused"], lane["ready"]) == (True, True, 30)
    assert "paused, draining" in run("lanes")
    again = subprocess.Popen(
        [Path(sys.executable).parent / "scorelane", "enqueue", one, "--tenant", "acme", "--mailbox", "a@acme.test"],
        env={**os.environ, "SCORELANE_DATABASE_URL": database.worker_url, "SCORELANE_BROKER_URL": database.broker_url},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "waiting: lane backfill is draining" in again.stderr.readline()
    run("lanes", "drain", "backfill", "--end")
    assert "1 accepted" in again.communicate(timeout=60)[1]
    run("lanes", "resume", "backfill")
    assert sql.execute("SELECT paused, draining FROM lanes WHERE name = 'backfill'").fetchone() == (False, False)
    assert "the lanes are interactive" in run("lanes", "drain", "fast", code=1)


def test_a_job_is_listed_paused_resumed_and_cancelled(sql, run):
    (job,) = run("jobs", "list", "--json")
    assert (job["state"], job["messages"], job["tenant"]) == ("open", 30, "acme")
    run("jobs", "pause", job["id"])
    assert "is paused, not open" in run("jobs", "pause", job["id"], code=1)
    run("jobs", "resume", job["id"])
    run("jobs", "cancel", job["id"])
    jobs.settle(sql)
    (job,) = run("jobs", "list", "--state", "cancelled", "--json")
    assert job["cancelled"] == 30
    assert "not a job's id" in run("jobs", "cancel", "x", code=2)


@pytest.mark.timeout(60)
def test_waiting_ends_when_the_job_is_cancelled(database, sql, capsys):
    with Enqueuer(database.worker_url, database.broker_url) as door:
        mail = [Incoming(b"From: b@b.example\r\nSubject: %d\r\n\r\nx" % n) for n in range(3)]
        door.accept(mail, tenant="acme", mailbox="b@acme.test", lane="backfill", idempotency_key="k")
    (job, *_) = jobs.listing(sql)
    assert jobs.cancel(sql, job.id)
    assert jobs.settle(sql) == 3
    enqueue.wait_until_scored(database.worker_url, tenant="acme", key="k", tally=enqueue.Tally(accepted=3))
    assert "0 scored, 3 cancelled" in capsys.readouterr().err
