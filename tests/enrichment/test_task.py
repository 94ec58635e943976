"""From a provisional score to a final one: what is wanted, asked once, and told to every message that waits."""

from __future__ import annotations

import itertools
import runpy
from pathlib import Path

import pytest
import redis

from db import carriers, dispatch, facts, jobs, lookups, provisional, tenants
from db.session import connect
from scorelane import changes
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.enqueuer.publish import Publisher
from scorelane.enrichment import Catalogue
from scorelane.scoring import context
from scorelane.signals.sightings import carrier_entities
from tasks.enrich import enrich
from tasks.facts import Enrichment
from tasks.score import score_chunks
from tasks.session import Session
from worker.enrichment import EnrichmentFeed
from worker.up import ensure_bundle

SERVERS = runpy.run_path(str(Path(__file__).with_name("servers.py")))
NUMBERS = itertools.count()
GOOD = {"MX": ["10 mx.x.test."], "A": ["203.0.113.1"], "TXT": ['"v=spf1 -all"']}


@pytest.fixture
def sql(database):
    ensure_bundle(database.worker_url)
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        yield connection


@pytest.fixture
def world():
    with SERVERS["DnsServer"]() as server:
        yield server


@pytest.fixture
def broker(database):
    with redis.Redis.from_url(database.broker_url) as client:
        client.set("scorelane:enrich:bucket:dns", 0)
        yield client


@pytest.fixture
def session(database, world, broker):  # noqa: ARG001 - the broker's bucket
    """A worker with DNS on; its bucket is full."""
    catalogue = Catalogue.of({"dns": {"servers": [world.address], "rate_per_s": 1000, "burst": 1000, "timeout_s": 1}})
    one = Session(database.worker_url, group="test", enrichment=Enrichment(catalogue, database.broker_url, 60.0))
    yield one
    one.forget_connection()


def accept(database, domains, lane="backfill"):
    mail = [Incoming(f"From: ann@{d}\r\nSubject: {next(NUMBERS)}\r\n\r\nhello".encode()) for d in domains]
    with Enqueuer(database.worker_url, database.broker_url) as door:
        return door.accept(mail, tenant="acme", mailbox="all@acme.test", lane=lane)


def score_all(session, sql, lane="backfill"):
    sql.execute("UPDATE chunks SET next_attempt_at = now() WHERE state = 'ready'")
    due = dispatch.publish_due(sql, lane, 1_000_000)
    return sum(score_chunks(session, [(d.chunk_id, d.dispatch_id)]) for d in due)


def ask_all(session, sql, most=1000):
    sql.execute("UPDATE lookups SET next_attempt_at = now() WHERE state = 'due'")
    return sum(enrich(session, batch) for batch, _, _ in lookups.publish_due(sql, {"dns": most}))


def revisions(sql):
    return sql.execute("SELECT revision, cause, provisional FROM scores ORDER BY message_id, revision").fetchall()


def test_a_score_is_provisional_until_its_facts_are_in(database, sql, session, world):
    world.rules = {"good.test": GOOD, "_dmarc.good.test": {"TXT": ['"v=DMARC1; p=reject"']}}
    accept(database, ["good.test"])
    assert score_all(session, sql) == 1
    assert revisions(sql) == [(1, "intake", True)]
    assert sql.execute("SELECT provider, entity, state FROM lookups").fetchall() == [("dns", "good.test", "due")]
    assert ask_all(session, sql) == 1
    assert provisional.plan(sql, "enrich") == 1
    assert score_all(session, sql, "enrich") == 1
    assert revisions(sql) == [(1, "intake", True), (2, "facts", False)]
    assert provisional.waiting(sql) == (0, None)
    known = {f.kind: (f.status, f.value) for f in facts.known(sql, ["good.test"])["good.test"]}
    assert known["domain_has_mx"] == ("ok", 1)
    assert known["domain_dmarc"] == ("ok", 3)


def test_after_a_days_job_was_cancelled_later_facts_still_make_scores_final(database, sql, session, world):
    """A tenant's revisions of a day share a job; one that was cancelled must not take what becomes ready after it."""
    world.rules = {"good.test": GOOD}
    for number in range(3):
        accept(database, [f"good{number}.test"])
        score_all(session, sql)
        ask_all(session, sql)
        assert provisional.plan(sql, "enrich") == 1
        if number == 0:
            (job_id,) = sql.execute("SELECT id FROM jobs WHERE kind = 'revision'").fetchone()
            assert jobs.cancel(sql, job_id)
        jobs.settle(sql)
        assert score_all(session, sql, "enrich") == (number > 0)
    assert revisions(sql) == [(1, "intake", True), *[(1, "intake", True), (2, "facts", False)] * 2]
    found = sql.execute("SELECT state, messages, scored FROM jobs WHERE kind = 'revision' ORDER BY id").fetchall()
    assert found == [("cancelled", 1, 0), ("done", 2, 2)]


def test_a_vector_names_the_facts_it_used(database, sql, session, world):
    world.rules = {"good.test": GOOD}
    accept(database, ["good.test"])
    score_all(session, sql)
    ask_all(session, sql)
    provisional.plan(sql, "enrich")
    score_all(session, sql, "enrich")
    first, second = (
        context.decode(bytes(row[0])).facts for row in sql.execute("SELECT context FROM vectors ORDER BY revision")
    )
    assert first == ()
    ids = {str(row[0]) for row in sql.execute("SELECT id FROM facts")}
    assert second
    assert set(second) == ids


def test_a_revision_says_which_facts_moved_the_score_and_by_how_much(database, sql, session, world):
    world.rules = {"good.test": GOOD}
    (receipt,) = accept(database, ["good.test"])
    score_all(session, sql)
    ask_all(session, sql)
    provisional.plan(sql, "enrich")
    score_all(session, sql, "enrich")
    change = changes.read(sql, receipt.message_id, 2)
    before, after = (row[0] for row in sql.execute("SELECT log_odds FROM scores ORDER BY revision"))
    assert change.log_odds == pytest.approx(after - before, abs=1e-9)
    assert sum(term.log_odds for term in change.terms) == pytest.approx(after - before, abs=0.1)
    assert {fact.kind for fact in change.facts} == set(session.enrichment.catalogue["dns"].kinds)
    assert all(fact.entity == "good.test" and fact.provider == "dns" for fact in change.facts)
    assert any("domain_has_mx of good.test is 1 (dns, " in sentence for sentence in change.sentences())


def test_with_every_provider_off_the_first_revision_is_final_at_once(database, sql):
    off = Session(database.worker_url, group="test")
    accept(database, ["good.test"])
    score_all(off, sql)
    assert revisions(sql) == [(1, "intake", False)]
    assert sql.execute("SELECT count(*) FROM lookups").fetchone() == (0,)
    assert context.decode(bytes(sql.execute("SELECT context FROM vectors").fetchone()[0])).facts is None
    off.forget_connection()


def test_many_messages_with_one_domain_make_one_lookup(database, sql, session, world):
    world.rules = {"good.test": GOOD}
    accept(database, ["good.test"] * 600)
    assert score_all(session, sql) == 600
    assert ask_all(session, sql) == 1
    assert world.asked["good.test", "MX"] == 1
    assert provisional.plan(sql, "enrich", most=1000) == 600
    assert score_all(session, sql, "enrich") == 600
    assert sql.execute("SELECT count(*) FROM scores WHERE NOT provisional").fetchone() == (600,)
    accept(database, ["good.test", "good.test"])
    score_all(session, sql)
    assert ask_all(session, sql) == 0
    assert world.asked["good.test", "MX"] == 1


def test_an_answer_that_comes_between_reading_and_saving_is_not_missed(database, sql, session, world, monkeypatch):
    """The scorer reads no fact, the answer is settled, the scorer saves its want: the message must not wait."""
    world.rules = {"good.test": GOOD}
    accept(database, ["good.test"])
    score_all(session, sql)
    accept(database, ["good.test"])
    real = lookups.want

    def late(connection, *args, **named):  # noqa: ANN002, ANN003 - as the real one
        with connect(database.worker_url, application="other") as other:
            rival = Session(database.worker_url, group="rival", enrichment=session.enrichment)
            assert ask_all(rival, other) == 1
            rival.forget_connection()
        real(connection, *args, **named)

    monkeypatch.setattr(lookups, "want", late)
    score_all(session, sql)
    assert lookups.rest_fresh(sql) == 1
    assert provisional.plan(sql, "enrich") == 2
    assert world.asked["good.test", "MX"] == 1


def test_a_name_that_is_not_there_is_a_status_in_the_vector(database, sql, session):
    accept(database, ["gone.test"])
    score_all(session, sql)
    ask_all(session, sql)
    provisional.plan(sql, "enrich")
    score_all(session, sql, "enrich")
    at = session.signals().names.index("author_domain_without_mx")
    ((vector, statuses),) = sql.execute("SELECT vector, statuses FROM vectors WHERE revision = 2").fetchall()
    assert statuses[at] == 3
    assert vector[4 * at : 4 * at + 4] == b"\x00\x00\xc0\x7f"


def test_a_silent_provider_is_asked_again_later_and_given_up_at_the_deadline(database, sql, session, world):
    world.rules = {"*": SERVERS["HANG"]}
    accept(database, ["slow.test"])
    score_all(session, sql)
    assert ask_all(session, sql) == 1
    state, failures, status, later = sql.execute(
        "SELECT state, failures, status, next_attempt_at > now() FROM lookups"
    ).fetchone()
    assert (state, failures, status, later) == ("due", 1, "timeout", True)
    kinds = {p.name: p.kinds for p in session.enrichment.catalogue}
    assert provisional.give_up(sql, kinds) == 0
    sql.execute("UPDATE awaiting SET deadline = now()")
    assert provisional.give_up(sql, kinds) == 1
    assert provisional.plan(sql, "enrich") == 1
    score_all(session, sql, "enrich")
    assert revisions(sql) == [(1, "intake", True), (2, "facts", False)]
    at = session.signals().names.index("author_domain_without_mx")
    (statuses,) = sql.execute("SELECT statuses FROM vectors WHERE revision = 2").fetchone()
    assert statuses[at] == 2
    assert sql.execute("SELECT state FROM lookups").fetchone() == ("resting",)


def test_a_batch_is_claimed_once_and_a_dead_task_loses_nothing(database, sql, session, world):
    world.rules = {"*": GOOD}
    accept(database, [f"d{n}.test" for n in range(5)])
    score_all(session, sql)
    ((batch, _, number),) = lookups.publish_due(sql, {"dns": 100})
    assert number == 5
    assert len(lookups.claim(sql, batch, 60)) == 5
    assert enrich(session, batch) == 0
    sql.execute("UPDATE lookups SET lease_until = now() - interval '1 s'")
    assert lookups.expire(sql) == 5
    assert ask_all(session, sql) == 5


def test_a_task_that_lost_its_batch_stores_nothing(database, sql, session, world):
    world.rules = {"*": GOOD}
    accept(database, ["a.test"])
    score_all(session, sql)
    ((batch, _, _),) = lookups.publish_due(sql, {"dns": 100})

    def steal(_name, kind):
        if kind == "MX":
            with connect(database.worker_url, application="thief") as other:
                lookups.release(other, batch)
        return GOOD

    world.rules = {"a.test": steal}
    assert enrich(session, batch) == 0
    assert not facts.any_stored(sql)
    assert sql.execute("SELECT state FROM lookups").fetchone() == ("due",)


def test_an_old_answer_is_used_while_it_is_asked_again(database, sql, session, world):
    world.rules = {"good.test": GOOD}
    accept(database, ["good.test"])
    score_all(session, sql)
    ask_all(session, sql)
    sql.execute("UPDATE lookups SET fresh_until = now() - interval '1 s'")
    sql.execute("DELETE FROM awaiting")
    accept(database, ["good.test", "good.test"])
    score_all(session, sql)
    rows = sql.execute("SELECT provisional, count(*) FROM scores GROUP BY 1 ORDER BY 1").fetchall()
    assert rows == [(False, 2), (True, 1)]
    assert ask_all(session, sql) == 1
    assert world.asked["good.test", "MX"] == 2


def test_facts_are_read_as_they_were_known_at_a_time(database, sql, session, world):
    world.rules = {"good.test": {**GOOD, "MX": ["0 ."]}}
    accept(database, ["good.test"])
    score_all(session, sql)
    ask_all(session, sql)
    (then,) = sql.execute("SELECT clock_timestamp()").fetchone()
    world.rules = {"good.test": GOOD}
    sql.execute("UPDATE lookups SET state = 'due'")
    ask_all(session, sql)

    def has_mx(as_of):
        known = facts.known(sql, ["good.test"], as_of)
        return {f.kind: f.value for f in known.get("good.test", ())}.get("domain_has_mx")

    assert has_mx(then) == 0
    assert has_mx(None) == 1
    (before,) = sql.execute("SELECT min(known_at) - interval '1 s' FROM facts").fetchone()
    assert has_mx(before) is None


def test_the_feed_publishes_what_the_rate_allows_and_an_open_circuit_nothing(database, sql, session, world, broker):
    accept(database, [f"d{n}.test" for n in range(200)])
    score_all(session, sql)
    catalogue = Catalogue.of({"dns": {"servers": [world.address], "rate_per_s": 10}})
    publisher = Publisher(database.broker_url)
    broker.hset("scorelane:enrich:circuit:dns", "open_until", 9e15)
    assert EnrichmentFeed(catalogue).step(sql, publisher, broker, doubt=False) == 0
    broker.delete("scorelane:enrich:circuit:dns")
    assert EnrichmentFeed(catalogue).step(sql, publisher, broker, doubt=False) == 1
    assert lookups.outstanding(sql) == {"dns": 40}
    assert EnrichmentFeed(catalogue).step(sql, publisher, broker, doubt=False) == 0
    tasks = [item.decode() for item in broker.lrange("enrich", 0, -1)]
    assert len(tasks) == 1
    assert '"eta": null' in tasks[0]
    broker.delete("enrich")
    assert EnrichmentFeed(catalogue).step(sql, publisher, broker, doubt=True) == 0
    assert broker.llen("enrich") == 1
    publisher.close()


def test_an_entity_that_turns_bad_brings_back_just_its_carriers(database, sql):
    off = Session(database.worker_url, group="test")
    accept(database, ["bad.test", "good.test", "bad.test"])
    score_all(off, sql)
    carriers.turned(sql, carrier_entities("domain_listed", "bad.test"), "test")
    assert carriers.plan(sql, lane="rescan", days=30, source="test") == 2
    assert carriers.plan(sql, lane="rescan", days=30, source="test") is None
    assert score_all(off, sql, "rescan") == 2
    assert carriers.report(sql, "test") == (2, 2, 0, 0)
    off.forget_connection()


def test_every_outcome_is_counted_exactly(database, sql, session, world):
    world.rules = {"a.test": GOOD, "b.test": SERVERS["SERVFAIL"]}
    accept(database, ["a.test", "b.test", "gone.test"])
    score_all(session, sql)
    ask_all(session, sql)
    assert lookups.outcomes(sql) == {("dns", "ok"): 1, ("dns", "failed"): 1, ("dns", "not_found"): 1}
    ask_all(session, sql)
    assert lookups.outcomes(sql)["dns", "failed"] == 2


def test_facts_are_kept_as_long_as_scores_and_as_long_as_they_say_something_of_today(database, sql, session, world):
    world.rules = {"good.test": GOOD}
    accept(database, ["good.test"])
    score_all(session, sql)
    for _ in range(2):
        sql.execute("UPDATE lookups SET state = 'due'")
        ask_all(session, sql)
    (number,) = sql.execute("SELECT count(*) FROM facts").fetchone()
    assert facts.forget(sql) == 0
    sql.execute("UPDATE facts SET known_at = known_at - interval '440 days'")
    assert facts.forget(sql) == number // 2
    sql.execute("UPDATE facts SET usable_until = now() - interval '1 s'")
    assert facts.forget(sql) == number // 2
