"""A state machine over the real SQL: in every order of claims, lost leases, late results and cancels one end each.

Workers are simulated by what they know, a claim; everything else is the database. The model is small on purpose: it
only remembers what was accepted, so that it cannot repeat a mistake of the code.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.sql import SQL, Identifier

from db import chunks, dead_letters, dispatch, jobs, lanes, tenants
from db.session import connect
from scorelane.enqueuer import Busy, Enqueuer, Incoming, Rejected

LANE = "backfill"


class LaneMachine(RuleBasedStateMachine):
    """Drives one lane of a fresh set of rows."""

    database = None

    @initialize()
    def start(self):
        self.sql = connect(self.database.worker_url, application="machine")
        self._empty()
        tenants.ensure(self.sql, "acme")
        self.door = Enqueuer(self.database.worker_url, self.database.broker_url)
        self.claims: list[chunks.Claim] = []
        self.tasks: list[tuple[int, int]] = []
        self.number = 0

    def _empty(self):
        for table in ("chunk_bodies", "chunks", "dead_letters", "jobs", "messages", "message_state", "scores",
                      "receipts", "raw_mail", "counters"):  # fmt: skip
            self.sql.execute(SQL("DELETE FROM {}").format(Identifier(table)))
        self.sql.execute("UPDATE lanes SET paused = false, draining = false")

    def teardown(self):
        if hasattr(self, "sql"):
            try:
                self._finish_everything()
            finally:
                self.door.close()
                self.sql.close()

    # What happens to a lane

    @rule(count=st.integers(1, 3), key=st.sampled_from([None, "a", "b"]))
    def accept(self, count, key):
        mail = [
            Incoming(b"From: a@b.example\r\nSubject: %d\r\n\r\nx" % n) for n in range(self.number, self.number + count)
        ]
        self.number += count
        try:
            self.door.accept(mail, tenant="acme", mailbox="a@acme.test", lane=LANE, idempotency_key=key)
        except (Busy, Rejected):
            return

    @rule()
    def publish(self):
        self.sql.execute("UPDATE chunks SET next_attempt_at = clock_timestamp() WHERE state = 'ready'")
        self.tasks += [(due.chunk_id, due.dispatch_id) for due in dispatch.publish_due(self.sql, LANE, 4)]

    @rule()
    def publish_again(self):
        lost = dispatch.repeat_lost(self.sql, LANE, in_broker=[], older_than_s=0)
        self.tasks += [(due.chunk_id, due.dispatch_id) for due in lost]

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), keep=st.booleans())
    def deliver(self, data, keep):
        """A task reaches a worker; where it is kept, it will be delivered again."""
        position = data.draw(st.integers(0, len(self.tasks) - 1))
        task = self.tasks[position] if keep else self.tasks.pop(position)
        self.claims += chunks.claim(self.sql, [task], "w")

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), keep=st.booleans())
    def finish(self, data, keep):
        """A worker saves, however late; where its claim is kept, it comes a second time."""
        self._save(self._claim(data, keep=keep))

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def die(self, data):
        self._claim(data, keep=False)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), forgive=st.booleans())
    def give_back(self, data, forgive):
        claim = self._claim(data, keep=True)
        pairs = [(claim.id, claim.dispatch_id)]
        if forgive:
            chunks.forgive(self.sql, pairs, "w", "fault", 0.0)
        else:
            chunks.release(self.sql, pairs, "fault", 0.0)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def set_apart(self, data):
        """A careful attempt finds the message that failed."""
        claim = self._claim(data, keep=True)
        rows = chunks.load(self.sql, claim.id)
        with self.sql.transaction():
            if rows and chunks.hold(self.sql, claim):
                chunks.set_alone(self.sql, claim, rows[0].id, "poison", 0.0)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def bury(self, data):
        claim = self._claim(data, keep=True)
        rows = chunks.load(self.sql, claim.id)
        if len(rows) == 1:
            self._bury(claim, rows[0].id)

    @rule()
    def expire(self):
        self.sql.execute("UPDATE chunks SET lease_until = clock_timestamp() - interval '1 s' WHERE state = 'claimed'")
        dispatch.expire(self.sql)

    @rule(paused=st.booleans())
    def switch_lane(self, paused):
        lanes.pause(self.sql, LANE, paused=paused)

    @precondition(lambda self: self.number)
    @rule(data=st.data(), act=st.sampled_from([jobs.pause, jobs.resume, jobs.cancel]))
    def switch_job(self, data, act):
        known = jobs.listing(self.sql)
        if known:
            act(self.sql, known[data.draw(st.integers(0, len(known) - 1))].id)

    @rule()
    def settle(self):
        jobs.settle(self.sql)

    @rule()
    def replay(self):
        for letter in dead_letters.listing(self.sql):
            dead_letters.replay(self.sql, letter.id, "ann")

    # What must hold after every step

    @invariant()
    def no_message_has_two_results(self):
        if not hasattr(self, "sql"):
            return
        doubled = self.sql.execute(
            "SELECT count(*) FROM (SELECT FROM scores GROUP BY message_id HAVING count(*) > 1) twice"
        ).fetchone()
        assert doubled == (0,)
        apart = self.sql.execute(
            """SELECT count(*) FROM message_state s LEFT JOIN scores c ON c.message_id = s.message_id
               WHERE (s.state = 'scored') <> (c.message_id IS NOT NULL)"""
        ).fetchone()
        assert apart == (0,), "a state that does not agree with the scores"

    @invariant()
    def counters_are_exact(self):
        if not hasattr(self, "sql"):
            return
        wrong = self.sql.execute(
            """SELECT j.id FROM jobs j LEFT JOIN messages m ON m.job_id = j.id
               LEFT JOIN message_state s ON s.message_id = m.id GROUP BY j.id
               HAVING (j.messages, j.scored, j.dead, j.cancelled) IS DISTINCT FROM (
                   count(m.id), count(*) FILTER (WHERE s.state = 'scored'), count(*) FILTER (WHERE s.state = 'dead'),
                   count(*) FILTER (WHERE s.state = 'cancelled'))"""
        ).fetchall()
        assert wrong == []

    @invariant()
    def every_open_message_stands_in_a_chunk_that_will_run(self):
        """None is lost: a chunk that is not at its end names it, or its cancelled job will end it."""
        if not hasattr(self, "sql"):
            return
        lost = self.sql.execute(
            """SELECT s.message_id FROM message_state s WHERE s.state = 'accepted' AND NOT EXISTS (
                   SELECT FROM chunks c JOIN chunk_bodies b ON b.chunk_id = c.id
                   WHERE s.message_id = ANY (b.message_ids)
                     AND (c.state IN ('ready', 'published', 'claimed', 'held')
                          OR (c.state = 'cancelled' AND c.finished_at IS NULL)))"""
        ).fetchall()
        assert lost == []

    # How workers do it

    def _claim(self, data, *, keep):
        position = data.draw(st.integers(0, len(self.claims) - 1))
        return self.claims[position] if keep else self.claims.pop(position)

    def _save(self, claim):
        """What `tasks.score` does between computing and acknowledging, with a constant for a score."""
        rows = chunks.load(self.sql, claim.id)
        with self.sql.transaction():
            if not chunks.hold(self.sql, claim):
                return
            saved = 0
            for row in rows:
                saved += self.sql.execute(
                    """WITH won AS (UPDATE message_state SET state = 'scored', revision = 1
                                    WHERE message_id = %s AND state = 'accepted' RETURNING message_id)
                       INSERT INTO scores (message_id, revision, tenant_id, job_id, cause, log_odds, score, verdict,
                                           bundle, signal_set, basis_pointer, basis_time)
                       SELECT message_id, 1, %s, %s, 'intake', 0, 0.5, 'clean', 'b', 's', 1, %s FROM won""",
                    (row.id, claim.tenant_id, claim.job_id, datetime.now(UTC)),
                ).rowcount
            chunks.finish(self.sql, claim)
            chunks.count_in_job(self.sql, claim.job_id, scored=saved)

    def _bury(self, claim, message_id):
        with self.sql.transaction():
            if chunks.hold(self.sql, claim):
                buried = dead_letters.bury(self.sql, claim, message_id, "poison")
                chunks.finish(self.sql, claim)
                chunks.count_in_job(self.sql, claim.job_id, scored=0, dead=int(buried))

    def _finish_everything(self):
        """From any state the lane comes to its end: nothing waits for ever."""
        lanes.pause(self.sql, LANE, paused=False)
        for job in jobs.listing(self.sql, state="paused"):
            jobs.resume(self.sql, job.id)
        for _ in range(200):
            self.expire()
            jobs.settle(self.sql)
            dispatch.repeat_lost(self.sql, LANE, in_broker=[], older_than_s=0)
            self.publish()
            pairs = self.sql.execute("SELECT id, dispatch_id FROM chunks WHERE state = 'published'").fetchall()
            if not pairs:
                break
            for claim in chunks.claim(self.sql, pairs, "w"):
                self._save(claim)
        while jobs.settle(self.sql):
            continue
        limbo = self.sql.execute("SELECT count(*) FROM chunks WHERE state NOT IN ('done', 'cancelled')").fetchone()
        still = self.sql.execute("SELECT count(*) FROM message_state WHERE state = 'accepted'").fetchone()
        assert (limbo, still) == ((0,), (0,))
        self.no_message_has_two_results()
        self.counters_are_exact()


@pytest.mark.timeout(180)
def test_no_order_of_events_loses_or_doubles_a_result(database):
    LaneMachine.database = database
    run_state_machine_as_test(
        LaneMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=[Phase.generate],  # each step is real SQL, so shrinking would take minutes
        ),
    )
