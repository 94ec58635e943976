"""Backfills of signals: vectors gain what they lack, bit for bit as a score computed it, and lose nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import msgspec
import numpy as np
import pytest

from db import dispatch, rescans
from scorelane.rescans import lacking, plan_all, start_fill
from scorelane.sample import sample_mailbox
from scorelane.scoring import context
from scorelane.signals import signal_set
from tasks.parity import check
from tasks.score import score_chunks

LACKED = ("link_count", "contact_count_log", "author_free_mail")
MESSAGES = 90


@pytest.fixture
def logged(sql, accept_mail, run_all):
    """Generated mail, scored in three chunks; gives the vectors by message."""
    samples = sorted(sample_mailbox(seed=11, count=MESSAGES), key=lambda s: s.received_at)
    for at in range(0, MESSAGES, 30):
        accept_mail([(s.raw, s.received_at) for s in samples[at : at + 30]])
        run_all()
    return vectors(sql)


def vectors(sql):
    rows = sql.execute("SELECT message_id, signal_set, vector, statuses, context FROM vectors ORDER BY 1").fetchall()
    return {row[0]: row[1:] for row in rows}


@pytest.fixture
def narrowed(sql, logged):
    """The same vectors as a version before three of the signals stored them: one missing, one older; gives the set."""
    every = signal_set()
    kept = [at for at, name in enumerate(every.names) if name not in LACKED[:2]]
    names = [every.names[at] for at in kept]
    versions = [every.versions[at] + (every.names[at] == LACKED[2]) for at in kept]
    sql.execute("INSERT INTO signal_sets (hash, names, versions) VALUES ('before', %s, %s)", (names, versions))
    for message_id, (_, vector, statuses, _) in logged.items():
        wide, codes = np.frombuffer(vector, "<f4"), np.frombuffer(statuses, np.uint8)
        older = wide[kept].copy()
        older[names.index(LACKED[2])] = 9
        sql.execute(
            "UPDATE vectors SET signal_set = 'before', vector = %s, statuses = %s WHERE message_id = %s",
            (older.tobytes(), codes[kept].tobytes(), message_id),
        )
    return "before"


def begin(sql, **options):  # noqa: ANN003 - those of `start_fill`
    every = signal_set()
    found = lacking(sql, 1, dict(zip(every.names, every.versions, strict=True)))
    job = start_fill(sql, 1, found, actor="ann", **options)
    plan_all(sql, job)
    return job, found


def done(sql, job):
    (found,) = rescans.listing(sql, rescan_id=job, kind="backfill")
    return found.state, found.done, found.dead


def works(sql, job):
    rows = sql.execute("SELECT work, count(*) FROM rescan_results WHERE rescan_id = %s GROUP BY 1", (job,)).fetchall()
    return dict(rows)


@pytest.mark.usefixtures("narrowed")
def test_a_backfill_gives_every_vector_the_bits_that_a_score_gave(sql, session, logged, run_all):
    scores = sql.execute("SELECT * FROM scores ORDER BY message_id").fetchall()
    job, found = begin(sql)
    assert (found.messages, found.gone) == (len(logged), 0)
    run_all()
    assert done(sql, job) == ("done", len(logged), 0)
    assert vectors(sql) == logged
    assert sql.execute("SELECT * FROM scores ORDER BY message_id").fetchall() == scores
    report = check(session, 1, messages=1000, chunk=64)
    assert (report.equal, report.looked_at) == (len(logged), len(logged))
    assert rescans.listing(sql) == [], "a backfill is no rescan"


def test_what_lacks_nothing_is_not_touched(sql, logged):
    every = dict(zip(signal_set().names, signal_set().versions, strict=True))
    assert len(logged) > 0
    assert lacking(sql, 1, every).messages == 0


@pytest.mark.usefixtures("narrowed")
def test_only_vectors_that_lack_the_named_signals_are_chosen(sql, logged):
    every = dict(zip(signal_set().names, signal_set().versions, strict=True))
    for name, messages in ((LACKED[0], len(logged)), (LACKED[2], len(logged)), ("size_log", 0)):
        assert lacking(sql, 1, {name: every[name]}).messages == messages


@pytest.mark.usefixtures("narrowed")
def test_where_raw_mail_is_gone_the_vector_stays_and_is_counted(sql, logged, run_all):
    sql.execute("DELETE FROM raw_mail WHERE sha256 IN (SELECT sha256 FROM raw_mail ORDER BY sha256 LIMIT 7)")
    job, found = begin(sql)
    assert found.gone == 7
    run_all()
    assert done(sql, job) == ("done", len(logged), 0)
    assert works(sql, job) == {"filled": len(logged) - 7, "gone": 7}
    assert sum(row[0] == "before" for row in vectors(sql).values()) == 7


@pytest.mark.usefixtures("narrowed")
def test_a_killed_backfill_goes_on_and_does_nothing_twice(sql, session, logged, run_all):
    job, _ = begin(sql)
    pairs = [(d.chunk_id, d.dispatch_id) for d in dispatch.publish_due(sql, "backfill", 100_000)]
    sql.execute(  # as after a worker's death in mid-chunk: the second attempt goes message by message
        "UPDATE chunks SET attempt = 1 WHERE id = ANY (%s)", ([pair[0] for pair in pairs],)
    )
    for pair in pairs:
        score_chunks(session, [pair])
        score_chunks(session, [pair])
    run_all()
    assert done(sql, job) == ("done", len(logged), 0)
    assert vectors(sql) == logged


@pytest.mark.usefixtures("narrowed")
def test_erased_mail_is_not_brought_back(sql, logged, run_all):
    job, _ = begin(sql)
    gone = next(iter(logged))
    for table in ("vectors", "scores", "message_state"):
        sql.execute(f"DELETE FROM {table} WHERE message_id = %s", (gone,))
    run_all()
    assert gone not in vectors(sql)
    assert done(sql, job)[1] == len(logged) - 1
    assert works(sql, job) == {"filled": len(logged) - 1}


@pytest.mark.usefixtures("narrowed")
def test_a_rebuilt_history_is_read_from_sightings_and_marked(sql, session, logged, run_all):
    for message_id, row in vectors(sql).items():
        known = context.decode(row[3])
        older = context.encode(msgspec.structs.replace(known, history=None))
        sql.execute("UPDATE vectors SET context = %s WHERE message_id = %s", (older, message_id))
    begin(sql, rebuilds_history=True)
    run_all()
    column = signal_set().names.index(LACKED[1])
    found = vectors(sql)
    for message_id, (_, vector, _, _) in logged.items():
        assert np.frombuffer(found[message_id][1], "<f4")[column] == np.frombuffer(vector, "<f4")[column]
    assert all(context.decode(row[3]).reconstructed for row in found.values())
    report = check(session, 1, messages=1000, chunk=64)
    assert (report.reconstructed, report.differing) == (len(logged), 0)


@pytest.fixture
def run(database, tmp_path):
    settings = {"SCORELANE_HOME": str(tmp_path), "SCORELANE_DATABASE_URL": database.worker_url}

    def call(*arguments: object):
        return subprocess.run(
            [sys.executable, "-m", "scorelane.cli", "signals", *map(str, arguments)],
            env={**os.environ, **settings}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return call


@pytest.mark.usefixtures("narrowed")
def test_the_command_previews_starts_and_refuses(sql, logged, run):
    answer = run("backfill", "link_count", "--preview", "--json")
    assert answer.returncode == 0, answer.stderr
    (row,) = json.loads(answer.stdout)
    assert (row["tenant"], row["job"], row["messages"]) == ("acme", None, len(logged))
    answer = run("backfill", "--tenant", "acme", "--json")
    (row,) = json.loads(answer.stdout)
    assert done(sql, row["job"])[0] == "open"
    for arguments, code, words in (
        (["link_cuont"], 1, "near: link_count"),
        (["--tenant", "nobody"], 1, "there is no tenant"),
        (["--history", "none"], 2, "logged or rebuilt"),
        (["--since", "2026-05-01", "--until", "2026-04-01"], 1, "since is not before until"),
    ):
        answer = run("backfill", *arguments)
        (line,) = answer.stderr.splitlines()
        assert (answer.returncode, words in line, answer.stdout) == (code, True, "")


@pytest.mark.usefixtures("narrowed")
def test_a_backtest_of_stored_mail_counts_what_was_logged_and_names_the_older_version(logged, run):
    answer = run("backtest", LACKED[1], "--tenant", "acme", "--json")
    assert answer.returncode == 0, answer.stderr
    (said,) = json.loads(answer.stdout)
    column = signal_set().names.index(LACKED[1])
    values = np.array([np.frombuffer(row[1], "<f4")[column] for row in logged.values()])
    assert said["messages"] == len(logged)
    assert said["fired_share"] == pytest.approx(float(((values != 0) & ~np.isnan(values)).mean()))
    assert said["before"] is None
    assert "verdicts" in said["notes"][0]
    (said,) = json.loads(run("backtest", LACKED[2], "--tenant", "acme", "--json").stdout)
    assert said["before"]["fired_share"] == 1.0, "the older version held 9 in every vector"
