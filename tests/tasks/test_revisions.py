"""Revisions: what is appended, what becomes current whatever the order of arrival, what a shadow bundle leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from db import bases, bundles, scores
from scorelane.scoring import context
from scorelane.signals import signal_set
from tasks import work

MAIL = [
    f"From: Ann <ann@b{n}.example>\r\nTo: all@acme.test\r\nSubject: hello {n}\r\n\r\nSee https://b{n}.example/x\r\n".encode()
    for n in range(3)
]


@pytest.fixture
def rows(accept_mail, run_all, monkeypatch):
    """What scoring saved for MAIL, ready to be saved again with another basis."""
    kept = []
    save = work.save
    monkeypatch.setattr(
        work, "save", lambda connection, claim, new: (kept.extend(new), save(connection, claim, new))[1]
    )
    accept_mail(MAIL)
    run_all()
    return kept


def revise(sql, new, *, job):
    with sql.transaction():
        tenant = sql.execute("SELECT id FROM tenants WHERE name = 'acme'").fetchone()[0]
        return scores.save_revision(sql, tenant_id=tenant, job_id=job, new=new)


@pytest.mark.usefixtures("rows")
def test_a_vector_holds_every_registered_signal_with_its_context(sql, session):
    every = signal_set()
    assert bases.signals(sql, every.hash) == (every.names, every.versions)
    stored = sql.execute("SELECT signal_set, vector, statuses, context, text_model FROM vectors").fetchall()
    assert len(stored) == 3
    bundle = session.standing(1).live.bundle
    for set_, vector, statuses, packed, text_model in stored:
        assert (set_, len(vector), len(statuses)) == (every.hash, 4 * len(every), len(every))
        consumed = context.decode(packed)
        assert consumed.directory == 0
        assert len(consumed.lists) == len(consumed.parser) == 64
        assert text_model == bundle.text_model.digest


@pytest.mark.parametrize("order", ["old first", "new first"])
def test_the_newest_basis_is_current_whatever_the_order_of_arrival(sql, rows, order):
    first = rows[0]
    job = sql.execute("SELECT id FROM jobs").fetchone()[0]
    older = first._replace(basis_time=first.basis_time + timedelta(seconds=1), verdict="spam", cause="rescan")
    newer = first._replace(basis_time=first.basis_time + timedelta(seconds=2), verdict="attack", cause="facts")
    for one in (older, newer) if order == "old first" else (newer, older):
        assert revise(sql, [one], job=job) == 1
    found = sql.execute(
        "SELECT s.verdict, s.basis_time, s.last_revision, c.cause FROM message_state s "
        "JOIN scores c ON c.message_id = s.message_id AND c.revision = s.revision WHERE s.message_id = %s",
        (first.message_id,),
    ).fetchone()
    assert found == ("attack", newer.basis_time, 3, "facts")
    kept = sql.execute("SELECT count(*) FROM scores WHERE message_id = %s", (first.message_id,)).fetchone()
    assert kept == (3,)


@pytest.mark.parametrize("order", ["old first", "new first"])
def test_a_newer_bundle_stands_before_a_later_reading_of_an_older_one(sql, rows, order):
    first = rows[0]
    job = sql.execute("SELECT id FROM jobs").fetchone()[0]
    old = first._replace(basis_time=first.basis_time + timedelta(hours=1), verdict="spam")
    new = first._replace(basis_pointer=first.basis_pointer + 1, verdict="suspicious")
    for one in (old, new) if order == "old first" else (new, old):
        revise(sql, [one], job=job)
    state = sql.execute(
        "SELECT verdict, basis_pointer FROM message_state WHERE message_id = %s", (first.message_id,)
    ).fetchone()
    assert state == ("suspicious", first.basis_pointer + 1)


def test_a_changed_verdict_leaves_one_event_and_an_unchanged_one_none(sql, rows):
    job = sql.execute("SELECT id FROM jobs").fetchone()[0]
    sql.execute("DELETE FROM outbox")
    later = rows[0].basis_time + timedelta(seconds=1)
    revise(sql, [one._replace(basis_time=later) for one in rows], job=job)
    assert sql.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
    changed = "spam" if rows[1].verdict != "spam" else "attack"
    revise(sql, [rows[1]._replace(basis_time=later, verdict=changed)], job=job)
    ((message, kind, body),) = sql.execute("SELECT message_id, kind, body FROM outbox").fetchall()
    assert (message, kind) == (rows[1].message_id, "verdict")
    assert (body["verdict"], body["before"], body["revision"]) == (changed, rows[1].verdict, 3)
    revise(sql, [rows[1]._replace(basis_time=rows[1].basis_time - timedelta(days=1), verdict="suspicious")], job=job)
    assert sql.execute("SELECT count(*) FROM outbox").fetchone() == (1,)


@pytest.mark.usefixtures("rows")
def test_a_revision_job_scores_again_with_the_logged_history(sql, run_all):
    tenant, ids = sql.execute("SELECT tenant_id, array_agg(message_id) FROM message_state GROUP BY 1").fetchone()
    job = add_job(sql, tenant, ids, spec='{"cause": "replay"}')
    run_all()
    found = sql.execute(
        "SELECT a.log_odds = b.log_odds, av.vector = bv.vector, b.cause, b.revision FROM scores a "
        "JOIN scores b ON b.message_id = a.message_id AND b.job_id = %s "
        "JOIN vectors av ON av.message_id = a.message_id AND av.revision = 1 "
        "JOIN vectors bv ON bv.message_id = a.message_id AND bv.revision = b.revision WHERE a.revision = 1",
        (job,),
    ).fetchall()
    assert found == [(True, True, "replay", 2)] * 3
    assert sql.execute("SELECT state, scored FROM jobs WHERE id = %s", (job,)).fetchone() == ("done", 3)
    sightings = sql.execute("SELECT count(*), count(DISTINCT (message_id, kind, entity)) FROM sightings").fetchone()
    assert sightings[0] == sightings[1]


def add_job(sql, tenant, ids, *, spec):
    return sql.execute(
        """WITH job AS (INSERT INTO jobs (id, tenant_id, kind, lane, actor, messages, spec)
                        VALUES (gen_random_uuid(), %s, 'revision', 'rescan', 'test', %s, %s) RETURNING id, tenant_id),
           made AS (INSERT INTO chunks (tenant_id, job_id, lane, state, messages)
                    SELECT tenant_id, id, 'rescan', 'ready', %s FROM job RETURNING id),
           body AS (INSERT INTO chunk_bodies SELECT id, %s FROM made)
           SELECT id FROM job""",
        (tenant, len(ids), spec, len(ids), ids),
    ).fetchone()[0]


def test_a_shadow_bundle_is_scored_beside_the_live_one_and_changes_nothing(sql, accept_mail, run_all):
    live = bundles.current(sql).live
    bundles.flip(sql, live=live, shadow=live, author="test")
    accept_mail(MAIL)
    run_all()
    found = sql.execute(
        "SELECT c.log_odds = h.log_odds, c.verdict = h.verdict, h.bundle FROM scores c "
        "JOIN shadow_scores h USING (message_id, revision)"
    ).fetchall()
    assert found == [(True, True, live)] * 3


def test_a_shadow_bundle_that_cannot_be_loaded_stops_nothing(sql, accept_mail, run_all, tmp_path):
    bundles.register(sql, digest="0" * 64, name="broken", path=str(tmp_path), signal_set="")
    bundles.flip(sql, live=bundles.current(sql).live, shadow="0" * 64, author="test")
    accept_mail(MAIL)
    run_all()
    assert sql.execute("SELECT (SELECT count(*) FROM scores), (SELECT count(*) FROM shadow_scores)").fetchone() == (
        3,
        0,
    )
