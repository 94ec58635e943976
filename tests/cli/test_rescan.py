"""``scorelane rescan``: previewed, refused, started, steered, read as table, CSV and JSON lines."""

from __future__ import annotations

import csv
import io
import json
import signal
import sys
import uuid
from typing import NamedTuple

import pytest

from db import audit, dispatch, tenants
from db.session import connect
from scorelane.cli.__main__ import main
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.rescans import COLUMNS, plan_all, planning
from tasks.score import score_chunks
from tasks.session import Session
from worker.up import ensure_bundle

MESSAGES = 5


@pytest.fixture
def sql(database):
    ensure_bundle(database.worker_url)
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        with Enqueuer(database.worker_url, database.broker_url) as door:
            mail = [Incoming(b"From: a@b.example\r\nSubject: =HYPERLINK(%d)\r\n\r\nhello" % n) for n in range(MESSAGES)]
            door.accept(mail, tenant="acme", mailbox="all@acme.test", lane="backfill")
        work(database, connection)
        yield connection


def work(database, sql):
    session = Session(database.worker_url, group="test")
    for lane in ("backfill", "rescan"):
        score_chunks(session, [(d.chunk_id, d.dispatch_id) for d in dispatch.publish_due(sql, lane, 100_000)])
    session.attachments.close()
    session.forget_connection()


class Answer(NamedTuple):
    stdout: str
    stderr: str


@pytest.fixture
def run(database, monkeypatch, capsys):
    """The command in this process: what it says, and the exit code that it is expected to end with."""
    monkeypatch.setenv("SCORELANE_DATABASE_URL", database.worker_url)
    monkeypatch.setenv("SCORELANE_BROKER_URL", database.broker_url)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def call(*words: str, code=0):
        monkeypatch.setattr(sys, "argv", ["scorelane", "rescan", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        answer = Answer(*capsys.readouterr())
        assert ended.value.code == code, answer.stderr
        if code:
            assert answer.stdout == ""
            assert answer.stderr.count("\n") == 1, answer.stderr
        return answer

    return call


def test_a_preview_counts_by_work_and_what_has_expired_and_starts_nothing(sql, run):
    (found,) = json.loads(run("start", "--tenant", "acme", "--as-of", "now", "--preview", "--json").stdout)
    assert (found["messages"], found["works"]) == (MESSAGES, {"full": MESSAGES})
    sql.execute("DELETE FROM raw_mail WHERE sha256 = (SELECT sha256 FROM raw_mail LIMIT 1)")
    said = run("start", "--tenant", "acme", "--as-of", "now", "--preview").stderr
    assert f"{MESSAGES} messages ({MESSAGES - 1} full, 1 gone)" in said
    (stored,) = json.loads(run("start", "--tenant", "acme", "--preview", "--json").stdout)
    assert stored["works"] == {"stored": MESSAGES}
    assert json.loads(run("show", "--json").stdout) == []


def test_above_the_limit_it_takes_a_yes(sql, run, monkeypatch):
    monkeypatch.setattr(planning, "MOST_UNASKED", MESSAGES - 1)
    assert f"more than {MESSAGES - 1} need a yes" in run("start", "--tenant", "acme", code=1).stderr
    assert sql.execute("SELECT count(*) FROM rescans").fetchone() == (0,)
    run("start", "--tenant", "acme", "--yes")
    assert sql.execute("SELECT count(*) FROM rescans").fetchone() == (1,)


def test_from_start_to_flips_in_every_form(database, sql, run, make_stricter):
    make_stricter(sql)
    rescan_id = run("start", "--tenant", "acme", "--bundle", "stricter").stdout.strip()
    (row,) = json.loads(run("show", rescan_id, "--json").stdout)
    assert (row["state"], row["left"], row["done"], row["actor"] != "") == ("open", MESSAGES, 0, True)
    plan_all(sql, uuid.UUID(rescan_id))
    work(database, sql)
    (row,) = json.loads(run("show", "--tenant", "acme", "--json").stdout)
    assert (row["state"], row["left"], row["done"], row["flips"]) == ("done", 0, MESSAGES, MESSAGES)
    flips = json.loads(run("flips", rescan_id, "--json").stdout)
    lines = [json.loads(line) for line in run("flips", rescan_id, "--jsonl").stdout.splitlines()]
    sheet = list(csv.DictReader(io.StringIO(run("flips", rescan_id, "--csv").stdout)))
    ids = [flip["message_id"] for flip in flips]
    assert len(ids) == len(set(ids)) == MESSAGES
    assert [line["message_id"] for line in lines] == [row["message_id"] for row in sheet] == ids
    assert tuple(sheet[0]) == tuple(lines[0]) == COLUMNS
    assert sheet[0]["subject"].startswith("'=HYPERLINK")
    for flip in flips:
        assert flip["before_verdict"] != flip["verdict"]
        assert sum(reason["moved"] for reason in flip["reasons"]) == pytest.approx(20, abs=0.1)
    table = run("flips", rescan_id, "--limit", "2").stdout
    assert table.count("calibration +20") == 2
    assert "all@acme.test" in table


def test_it_is_paused_resumed_and_cancelled(run, sql):
    rescan_id = run("start", "--tenant", "acme").stdout.strip()
    assert "it is not paused" in run("resume", rescan_id, code=1).stderr
    for act, done in (("pause", "paused"), ("resume", "resumed"), ("pause", "paused"), ("cancel", "cancelled")):
        assert run(act, rescan_id).stderr == f"{done} {rescan_id}\n"
    assert "it has ended already" in run("cancel", rescan_id, code=1).stderr
    assert sql.execute("SELECT state FROM jobs WHERE kind = 'rescan'").fetchone() == ("cancelled",)
    noted = [row["action"] for row in audit.listing(sql, object_=rescan_id, before=None, limit=9)]
    assert noted == ["rescan.cancel", "rescan.pause", "rescan.resume", "rescan.pause", "rescan.start"]


REFUSED = [
    (("start", "--tenant", "nobody"), 1, "no tenant 'nobody'"),
    (("start", "--tenant", "acme", "--mailbox", "x@y.test"), 1, "no mailbox 'x@y.test'"),
    (("start", "--tenant", "acme", "--min-score", "7"), 1, "min_score 7 is not a probability"),
    (("start", "--tenant", "acme", "--verdict", "evil"), 1, "is not one of attack"),
    (("start", "--tenant", "acme", "--as-of", "soon"), 1, "received, final, now, or a time"),
    (("start", "--tenant", "acme", "--bundle", "none"), 1, "is called 'none'"),
    (("start", "--tenant", "acme", "--sender", "x@y.test"), 1, "no scored message fits"),
    (("start", "--tenant", "acme", "--message", "7"), 2, "'7' is not a message id"),
    (("show", "7"), 2, "'7' is not a rescan's id"),
    (("pause", str(uuid.UUID(int=7))), 1, "there is no rescan"),
    (("flips", str(uuid.UUID(int=7)), "--csv", "--json"), 2, "one of --json, --jsonl and --csv"),
]


def test_what_cannot_be_is_one_line_and_starts_nothing(run, sql):
    for words, code, said in REFUSED:
        assert said in run(*words, code=code).stderr, words
    assert sql.execute("SELECT count(*) FROM rescans").fetchone() == (0,)
