"""Which bundle scores, while real workers run: promoted, in shadow, rolled back, broken on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from db import bundles, tenants
from db.session import connect
from scorelane import stored_bundles
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.mail import parse
from scorelane.scoring import Bundle, Policy, default_bundle_path, own_columns
from scorelane.scoring.text_model import log_odds_of
from scorelane.signals import signal_set
from tests.bundles import shifted
from worker.processes import Group
from worker.up import run_system

ROOT = Path(__file__).resolve().parents[2]
REACHES_S = 5.0
"""What is promised of a flip: how long a test waits for it."""
GROUP = Group("realtime", ("interactive", "realtime"), 2)
BATCH = 3
SHADOWED = """SELECT s.bundle, s.verdict, s.log_odds, s.category, h.bundle, h.verdict, h.log_odds FROM scores s
    JOIN shadow_scores h USING (message_id, revision) WHERE s.message_id = ANY (%s)"""
CLAIMED_SINCE = """SELECT s.bundle, c.worker FROM chunks c JOIN chunk_bodies b ON b.chunk_id = c.id
    JOIN scores s ON s.message_id = ANY (b.message_ids) AND s.revision = 1 WHERE c.claimed_at > %s"""


class Running:
    """The system with one group of two children."""

    def __init__(self, system, folder) -> None:
        self.system, self.raws = system, {}
        self.shipped = Bundle.load(default_bundle_path())
        self.other = Bundle.load(shifted(folder / "other", 20.0, mutes_words=True))
        self.third = Bundle.load(shifted(folder / "third", -20.0))
        self._door = Enqueuer(system.stack.worker_url, system.stack.broker_url)
        self._turn = threading.Lock()

    def close(self):
        self._door.close()

    def send(self, messages=1):
        """Accepts new mail; its ids."""
        with self._turn:
            start = len(self.raws)
            raws = [
                f"From: Ann <ann{n % 17}@sender.example>\r\nTo: all@acme.test\r\nSubject: Figures {n}\r\n\r\n"
                f"Here are the {n} figures: http://figures{n % 7}.example/{n}\r\n".encode()
                for n in range(start, start + messages)
            ]
            incoming = [Incoming(raw) for raw in raws]
            receipts = self._door.accept(incoming, tenant="acme", mailbox="all@acme.test", lane="realtime")
            self.raws |= {receipt.message_id: raw for receipt, raw in zip(receipts, raws, strict=True)}
        return [receipt.message_id for receipt in receipts]

    def model(self, *words):  # noqa: ANN002 - words of a command line
        environment = {**os.environ, "SCORELANE_DATABASE_URL": self.system.stack.worker_url}
        answer = subprocess.run(
            [sys.executable, "-m", "scorelane.cli", "model", *map(str, words)],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.returncode == 0, answer.stderr

    def wait(self, true, what, timeout_s=60.0):
        deadline = time.monotonic() + timeout_s
        while not (found := true()):
            assert time.monotonic() < deadline, f"in vain: {what}; logs in {self.system.stack.home / 'log'}"
            time.sleep(0.02)
        return found

    def scored(self, sql, ids):
        """(bundle, pointer) of each, once all are scored."""
        query = "SELECT bundle, basis_pointer FROM scores WHERE message_id = ANY (%s) AND revision = 1"
        return self.wait(lambda: len(rows := sql.execute(query, (ids,)).fetchall()) == len(ids) and rows, "all scored")

    def children(self):
        return {child.pid for child in psutil.Process(self.system.processes.pid("worker-realtime")).children()}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promotion")
    with run_system(folder / "s", groups=(GROUP,)) as system:
        one = Running(system, folder)
        with connect(system.stack.worker_url, application="test") as sql:
            tenants.ensure(sql, "acme")
            one.scored(sql, one.send())
        yield one
        one.close()


@pytest.fixture
def sql(running):
    """Before each test the shipped bundle alone is in force."""
    with connect(running.system.stack.worker_url, application="test") as connection:
        now = bundles.current(connection)
        if (now.live, now.shadow) != (running.shipped.digest, None):
            bundles.flip(connection, live=running.shipped.digest, shadow=None, author="test")
        yield connection


@pytest.fixture
def load(running):
    """Mail for as long as the test runs, two batches at a time: else one child alone keeps up with it."""
    stopped = threading.Event()

    def send():
        while not stopped.wait(0.03):
            running.send(BATCH)
            running.send(BATCH)

    thread = threading.Thread(target=send)
    thread.start()
    yield
    stopped.set()
    thread.join()


def reaches(running, sql, bundle):
    """What is sent now is scored by the bundle in time; of all that either child claims from now on nothing is not."""
    since = sql.execute("SELECT clock_timestamp()").fetchone()[0]
    (one,) = running.send()
    query = "SELECT bundle FROM scores WHERE message_id = %s"
    assert running.wait(lambda: sql.execute(query, (one,)).fetchone(), bundle.name, REACHES_S) == (bundle.digest,)
    running.wait(lambda: len({row[1] for row in sql.execute(CLAIMED_SINCE, (since,)).fetchall()}) == 2, "both score")
    assert {row[0] for row in sql.execute(CLAIMED_SINCE, (since,)).fetchall()} == {bundle.digest}


@pytest.mark.usefixtures("load")
def test_promote_and_rollback_reach_every_running_worker(running, sql):
    reaches(running, sql, running.shipped)
    before = running.children()
    running.model("promote", running.other.path)
    reaches(running, sql, running.other)
    running.model("rollback")
    reaches(running, sql, running.shipped)
    assert running.children() == before, "no worker was restarted"


def test_a_shadow_scores_beside_the_live_bundle_and_changes_no_verdict(running, sql):
    policy = Policy.from_bundle(running.shipped)
    running.model("shadow", running.other.path)
    sent = running.send(BATCH)
    running.wait(lambda: len(sql.execute(SHADOWED, (sent,)).fetchall()) == BATCH, "the shadow scores", REACHES_S)
    for live, verdict, log_odds, category, *shadow in sql.execute(SHADOWED, (sent,)).fetchall():
        assert (live, shadow[0]) == (running.shipped.digest, running.other.digest)
        assert verdict == policy.verdict(log_odds, category) in ("clean", "suspicious")
        assert (shadow[1], shadow[2] > log_odds) in (("spam", True), ("attack", True))
    both = """SELECT count(*) FROM message_state m JOIN scores s USING (message_id, verdict, revision, log_odds)
              WHERE m.message_id = ANY (%s)"""
    assert sql.execute(both, (sent,)).fetchone() == (BATCH,)
    running.model("shadow", "--off")
    sent = running.send(BATCH)
    running.scored(sql, sent)
    assert sql.execute(SHADOWED, (sent,)).fetchall() == []


@pytest.mark.usefixtures("load")
def test_every_score_is_the_whole_work_of_the_bundle_that_it_names(running, sql):
    three = {bundle.digest: bundle for bundle in (running.shipped, running.other, running.third)}
    for bundle in three.values():
        stored_bundles.store(sql, bundle)
    start = bundles.current(sql).version
    for turn in range(12):
        chosen = list(three)[turn % 3]
        bundles.flip(sql, live=chosen, shadow=list(three)[(turn + 1) % 3], author="test")
        time.sleep(0.15)
    running.scored(sql, running.send())
    rows = sql.execute(
        """SELECT s.message_id, s.bundle, s.log_odds, p.live, v.vector, v.text_log_odds, v.text_model
           FROM scores s JOIN vectors v USING (message_id, revision)
           JOIN bundle_pointer p ON p.version = s.basis_pointer
           WHERE s.basis_pointer > %s""",
        (start,),
    ).fetchall()
    assert {row[1] for row in rows} == set(three)
    for message_id, digest, log_odds, live, vector, text_log_odds, text_model in rows:
        bundle = three[digest]
        words = log_odds_of(bundle.text_model, [parse(running.raws[message_id])])
        own = own_columns(bundle, np.frombuffer(vector, "<f4")[np.newaxis, :], signal_set().names)
        assert (live, text_model, np.float32(text_log_odds)) == (digest, bundle.text_model.digest, np.float32(words[0]))
        assert bundle.predict(own, words)[0] == log_odds
    mixed = """SELECT count(*) FROM (SELECT b.chunk_id FROM chunk_bodies b
               JOIN scores s ON s.message_id = ANY (b.message_ids) GROUP BY 1 HAVING count(DISTINCT s.bundle) > 1) m"""
    assert sql.execute(mixed).fetchone() == (0,), "a chunk is scored by one bundle"


def test_a_bundle_that_broke_on_disk_leaves_the_one_before_in_charge_until_it_is_mended(running, sql, tmp_path):
    broken = Bundle.load(shifted(tmp_path / "broken", 5.0))
    whole = (broken.path / "trees-1.txt").read_bytes()
    bundles.register(sql, digest=broken.digest, name="broken", path=str(broken.path), signal_set=broken.signal_set.hash)
    version = bundles.current(sql).version
    (broken.path / "trees-1.txt").write_bytes(whole[: len(whole) // 2])
    bundles.flip(sql, live=broken.digest, shadow=None, author="test")
    assert set(running.scored(sql, running.send(BATCH))) == {(running.shipped.digest, version)}
    before = running.children()
    for child in before:
        os.kill(child, signal.SIGKILL)
    running.wait(lambda: len(fresh := running.children() - before) == 2 and fresh, "new children, which know no bundle")
    assert {row[0] for row in running.scored(sql, running.send(BATCH))} == {running.shipped.digest}
    assert sql.execute("SELECT max(attempt) FROM chunks").fetchone() == (1,), "no message pays for a broken bundle"
    log = (running.system.stack.home / "log" / "worker-realtime.log").read_text()
    assert "trees-1.txt is not the file that the manifest names" in log
    (broken.path / "trees-1.txt").write_bytes(whole)

    def scores():
        return running.scored(sql, running.send())[0][0] == broken.digest

    running.wait(scores, "the mended bundle scores")


def test_a_folder_that_broke_after_it_was_promoted_does_no_harm(running, sql, tmp_path):
    folder = shifted(tmp_path / "spoilt", 5.0)
    digest = Bundle.load(folder).digest
    stored_bundles.store(sql, Bundle.load(folder))
    (folder / "text.bin").write_bytes(b"")
    bundles.flip(sql, live=digest, shadow=None, author="test")
    assert {row[0] for row in running.scored(sql, running.send(BATCH))} == {digest}
