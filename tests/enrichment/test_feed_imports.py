"""Lists in the database: what an import changes, what it costs to repeat, and whom it brings back."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from db import carriers, dispatch, facts, tenants
from db.session import connect
from scorelane.cli.feeds import app
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.sample import sample_mailbox
from tasks.score import score_chunks
from tasks.session import Session
from worker.up import ensure_bundle

NUMBERS = itertools.count()


@pytest.fixture
def sql(database):
    ensure_bundle(database.worker_url)
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        yield connection


@pytest.fixture
def session(database):
    one = Session(database.worker_url, group="test")
    yield one
    one.forget_connection()


@pytest.fixture
def feeds(database, monkeypatch):
    """The command with its arguments; the JSON that it prints, or its exit code and what it says."""
    monkeypatch.setenv("SCORELANE_DATABASE_URL", database.worker_url)

    def call(*arguments, given=None):  # noqa: ANN002 - words of the command
        result = CliRunner().invoke(app, [*map(str, arguments), "--json"], input=given)
        return json.loads(result.stdout) if result.exit_code == 0 else result.exception

    return call


def accept(database, bodies, sender="ann@good.example"):
    mail = [Incoming(f"From: {sender}\r\nSubject: {next(NUMBERS)}\r\n\r\n{body}".encode()) for body in bodies]
    with Enqueuer(database.worker_url, database.broker_url) as door:
        return door.accept(mail, tenant="acme", mailbox="all@acme.test", lane="backfill")


def score_all(session, sql, lane="backfill"):
    due = dispatch.publish_due(sql, lane, 1_000_000)
    return sum(score_chunks(session, [(d.chunk_id, d.dispatch_id)]) for d in due)


def signal(sql, session, name, revision):
    at = session.signals().names.index(name)
    rows = sql.execute("SELECT vector FROM vectors WHERE revision = %s ORDER BY message_id", (revision,)).fetchall()
    return [memoryview(bytes(row[0])).cast("f")[at] for row in rows]


def test_an_import_brings_back_just_the_messages_that_carry_what_is_new(database, sql, session, feeds, tmp_path):
    accept(database, ["see https://bad.example/pay?id=7#x", "see https://bad.example/other", "nothing"])
    score_all(session, sql)
    (tmp_path / "phish.txt").write_text("hxxps://bad[.]example/pay?id=7\nhttps://elsewhere.example/\nnonsense\n")
    (said,) = feeds("import", tmp_path / "phish.txt", "--kind", "url", "--no-wait")
    assert (said["feed"], said["entries"], said["new"], said["unread"], said["messages"]) == ("phish", 2, 2, 1, 1)
    assert score_all(session, sql, "rescan") == 1
    assert signal(sql, session, "url_listed", 2) == [1.0]
    assert sql.execute("SELECT cause FROM scores WHERE revision = 2").fetchall() == [("facts",)]
    assert carriers.report(sql, "feed phish import 1")[:3] == (1, 1, 0)


def test_an_import_that_changes_verdicts_prints_how_many(database, sql, session, tmp_path):
    """Ordinary mail carries a link that turns bad; the command waits for the workers and says how many it moved."""
    plain = [one.raw for one in sample_mailbox(count=300) if one.label == "legitimate"]
    plain = [raw for raw in plain if not any(word in raw for word in (b"multipart", b"base64", b"text/html"))]
    mail = [Incoming(raw + b"\r\nhttps://docs.example/minutes\r\n") for raw in plain]
    with Enqueuer(database.worker_url, database.broker_url) as door:
        door.accept([*mail, Incoming(plain[0])], tenant="acme", mailbox="all@acme.test", lane="backfill")
    score_all(session, sql)
    before = dict(sql.execute("SELECT message_id, verdict FROM message_state").fetchall())
    (tmp_path / "phish.txt").write_text("https://docs.example/minutes\n")
    command = [Path(sys.executable).parent / "scorelane", "feeds", "import", "phish.txt", "--kind", "url", "--json"]
    env = {**os.environ, "SCORELANE_DATABASE_URL": database.worker_url}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            score_all(session, sql, "rescan")
            time.sleep(0.05)
        (said,) = json.load(process.stdout)
    after = dict(sql.execute("SELECT message_id, verdict FROM message_state").fetchall())
    changed = sum(after[message_id] != verdict for message_id, verdict in before.items())
    assert (said["messages"], said["scored"], said["flips"]) == (len(mail), len(mail), changed)
    assert changed >= 1
    told = sql.execute("SELECT count(*) FROM outbox WHERE kind = 'verdict' AND body->>'cause' = 'facts'").fetchone()
    assert told == (changed,)


def test_the_same_list_again_writes_nothing(sql, feeds, tmp_path):
    (tmp_path / "a.txt").write_text("one.example\ntwo.example\n")
    feeds("import", tmp_path / "a.txt", "--kind", "domain")
    before = sql.execute("SELECT count(*) FROM facts").fetchone()
    (said,) = feeds("import", tmp_path / "a.txt", "--kind", "domain")
    assert (said["new"], said["gone"], said["changed"]) == (0, 0, 0)
    assert sql.execute("SELECT count(*) FROM facts").fetchone() == before
    ((listed),) = feeds("list")
    assert (listed["feed"], listed["entries"], listed["imports"]) == ("a", 2, 2)


def test_what_leaves_a_list_is_good_from_then_on_and_was_bad_before(sql, feeds, tmp_path):
    (tmp_path / "a.txt").write_text("one.example\ntwo.example\n")
    feeds("import", tmp_path / "a.txt", "--kind", "domain")
    (then,) = sql.execute("SELECT clock_timestamp()").fetchone()
    (tmp_path / "a.txt").write_text("two.example\n")
    (said,) = feeds("import", tmp_path / "a.txt", "--kind", "domain")
    assert said["gone"] == 1

    def value(as_of):
        return facts.known(sql, ["one.example"], as_of)["one.example"][0].value

    assert (value(then), value(None)) == (1, 0)


def test_mail_that_comes_after_an_import_is_scored_with_it_at_once(database, sql, session, feeds):
    feeds("import", "-", "--kind", "domain", "--name", "mine", given="evil.example\n")
    feeds("import", "-", "--kind", "popularity", "--name", "top", given="1,big.example\n100,good.example\n")
    accept(database, ["see https://www.evil.example/x"])
    accept(database, ["see https://big.example/x"])
    score_all(session, sql)
    assert sql.execute("SELECT DISTINCT provisional FROM scores").fetchall() == [(False,)]
    assert signal(sql, session, "link_domain_listed", 1) == [1.0, 0.0]
    assert signal(sql, session, "author_domain_listed", 1) == [0.0, 0.0]
    assert signal(sql, session, "author_domain_rank_log", 1) == [2.0, 2.0]
    assert signal(sql, session, "link_domains_unranked", 1) == [1.0, 0.0]


def test_hashes_of_attachments_bring_their_carriers_back(database, sql, session, feeds):
    import hashlib  # noqa: PLC0415

    body = "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.bin\r\n\r\nmalware"
    mail = [Incoming(f"From: a@b.example\r\nMIME-Version: 1.0\r\n{body}".encode())]
    with Enqueuer(database.worker_url, database.broker_url) as door:
        door.accept(mail, tenant="acme", mailbox="all@acme.test", lane="backfill")
    score_all(session, sql)
    digest = hashlib.sha256(b"malware").hexdigest()
    (said,) = feeds("import", "-", "--kind", "hash", "--name", "av", "--no-wait", given=f"{digest}\n")
    assert said["messages"] == 1
    assert score_all(session, sql, "rescan") == 1
    assert signal(sql, session, "attachment_listed", 2) == [1.0]


def test_what_is_no_list_changes_nothing_and_is_said(sql, feeds, tmp_path):
    (tmp_path / "bad.txt").write_text("not a domain at all!\n")
    assert "names no domain; nothing was changed (first: line 1: no domain)" in str(
        feeds("import", tmp_path / "bad.txt", "--kind", "domain")
    )
    assert "cannot be read" in str(feeds("import", tmp_path / "missing.txt", "--kind", "domain"))
    assert not facts.any_stored(sql)


def test_a_message_that_was_being_scored_meanwhile_is_found_the_second_time(database, sql, session, feeds):
    feeds("import", "-", "--kind", "domain", "--name", "x", "--no-wait", given="good.example\n")
    accept(database, ["late"])
    score_all(session, sql)
    sql.execute("UPDATE turned_bad SET turned_at = turned_at - interval '3 minutes'")
    sql.execute("UPDATE message_state SET basis_time = basis_time - interval '10 minutes'")
    assert carriers.plan(sql, lane="rescan", days=30) == 1
    assert carriers.plan(sql, lane="rescan", days=30) is None
    assert sql.execute("SELECT count(*) FROM turned_bad").fetchone() == (0,)
