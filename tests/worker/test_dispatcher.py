"""The dispatcher: windows, fairness between tenants, leadership, and what it does on evidence of loss."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import redis
from psycopg import errors
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from db import carriers, chunks, dispatch, facts, jobs, lanes, provisional, rescans, sightings, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming
from worker.beside import Beside
from worker.dispatcher import Dispatcher
from worker.planner import Planner


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        yield connection


@pytest.fixture
def broker(database):
    with redis.Redis.from_url(database.broker_url) as client:
        yield client


@pytest.fixture
def dispatcher(database):
    one = Dispatcher(database.worker_url, database.broker_url)
    yield one
    one.close()


def fill(database, sql, tenant, messages, lane="backfill"):
    tenants.ensure(sql, tenant)
    mail = [Incoming(f"From: a@b.example\r\nSubject: {tenant} {n}\r\n\r\nx".encode()) for n in range(messages)]
    with Enqueuer(database.worker_url, database.broker_url) as door:
        door.accept(mail, tenant=tenant, mailbox=f"all@{tenant}.test", lane=lane)


def states(sql):
    return dict(sql.execute("SELECT state, count(*) FROM chunks GROUP BY state").fetchall())


def tasks(broker, lane):
    return [json.loads(item) for item in broker.lrange(lane, 0, -1)]


def test_a_tick_publishes_what_the_window_has_room_for(database, sql, broker, dispatcher):
    fill(database, sql, "acme", 512 * 8)
    dispatcher.tick()
    published = states(sql)["published"]
    assert 1 <= published < 8
    assert broker.llen("backfill") == published
    dispatcher.tick()
    assert states(sql)["published"] == published


def test_a_paused_lane_publishes_nothing_until_resumed(database, sql, dispatcher):
    fill(database, sql, "acme", 10)
    lanes.pause(sql, "backfill", paused=True)
    assert dispatcher.tick() == 0
    lanes.pause(sql, "backfill", paused=False)
    assert dispatcher.tick() == 1


def test_a_small_tenant_is_served_in_the_next_window_of_a_busy_one(database, sql, dispatcher):
    fill(database, sql, "whale", 512 * 10)
    fill(database, sql, "minnow", 10)
    dispatcher.tick()
    rows = sql.execute(
        "SELECT t.name, c.state FROM chunks c JOIN tenants t ON t.id = c.tenant_id WHERE t.name = 'minnow'"
    ).fetchall()
    assert rows == [("minnow", "published")]


def test_nothing_that_is_published_carries_an_eta(database, sql, broker, dispatcher):
    fill(database, sql, "acme", 600)
    fill(database, sql, "acme2", 3, lane="realtime")
    dispatcher.tick()
    published = tasks(broker, "backfill") + tasks(broker, "realtime")
    assert published
    for task in published:
        assert task["headers"]["eta"] is None
        assert task["headers"]["expires"] is None
        assert task["content-type"] == "application/json"


def test_every_task_says_what_it_carries(database, sql, broker, dispatcher):
    fill(database, sql, "acme", 3)
    dispatcher.tick()
    (task,) = tasks(broker, "backfill")
    assert task["headers"]["task"] == "scorelane.score_chunks"
    assert task["headers"]["argsrepr"].endswith(" · backfill · 3 messages · acme")


def test_one_of_two_leads_and_the_other_takes_over_when_the_lease_ends(sql):
    assert dispatch.lead(sql, "first", 0.2) == 1
    assert dispatch.lead(sql, "second", 5) is None
    assert dispatch.lead(sql, "first", 0.2) == 1
    sql.execute("SELECT pg_sleep(0.3)")
    assert dispatch.lead(sql, "second", 5) == 2
    assert not dispatch.leads(sql, "first", 1)
    assert dispatch.leads(sql, "second", 2)


def test_a_leader_that_lost_its_lease_publishes_nothing(database, sql, dispatcher):
    dispatcher.tick()
    sql.execute("UPDATE dispatcher_lease SET holder = 'another', epoch = epoch + 1")
    fill(database, sql, "acme", 10)
    assert dispatcher._fill(sql, "backfill") == 0
    assert states(sql) == {"ready": 1}


def test_an_emptied_broker_gets_its_tasks_again_under_the_same_dispatch_id(database, sql, broker, dispatcher):
    fill(database, sql, "acme", 10)
    dispatcher.tick()
    before = sql.execute("SELECT id, dispatch_id FROM chunks").fetchall()
    broker.flushall()
    dispatcher.tick()
    assert broker.llen("backfill") == 1
    assert sql.execute("SELECT id, dispatch_id FROM chunks").fetchall() == before


def test_while_the_broker_is_away_no_state_changes(database, sql):
    fill(database, sql, "acme", 10)
    lost = Dispatcher(database.worker_url, "redis://127.0.0.1:1/0")
    assert lost.tick() == 0
    assert states(sql) == {"ready": 1}
    lost.close()


def test_an_expired_claim_is_given_back_and_its_late_worker_fails_the_fence(database, sql, dispatcher):
    fill(database, sql, "acme", 10)
    dispatcher.tick()
    pair = sql.execute("SELECT id, dispatch_id FROM chunks").fetchone()
    (claim,) = chunks.claim(sql, [pair], "w")
    sql.execute("UPDATE chunks SET lease_until = now() - interval '1 s'")
    dispatcher.tick()
    assert sql.execute("SELECT state, dispatch_id <> %s FROM chunks", (pair[1],)).fetchone() == ("published", True)
    with sql.transaction():
        assert not chunks.hold(sql, claim)
    assert chunks.claim(sql, [pair], "late") == []


def test_a_second_delivery_of_one_task_claims_nothing(database, sql, dispatcher):
    fill(database, sql, "acme", 10)
    dispatcher.tick()
    pair = sql.execute("SELECT id, dispatch_id FROM chunks").fetchone()
    assert len(chunks.claim(sql, [pair], "one")) == 1
    assert chunks.claim(sql, [pair], "two") == []


def test_a_publication_that_left_the_lane_unclaimed_is_repeated(database, sql, broker, dispatcher):
    fill(database, sql, "acme", 10)
    dispatcher.tick()
    broker.delete("backfill")
    sql.execute("UPDATE chunks SET published_at = now() - interval '1 min'")
    dispatcher._suspect_due = 0.0
    dispatcher.tick()
    assert broker.llen("backfill") == 1
    assert ("republished", "backfill", 1) in lanes.counters(sql)


def test_several_small_chunks_travel_in_one_task(database, sql, broker, dispatcher):
    for _ in range(5):
        lanes.pause(sql, "realtime", paused=True)
    for number in range(5):
        fill(database, sql, f"tenant{number}", 4, lane="realtime")
    lanes.pause(sql, "realtime", paused=False)
    dispatcher.tick()
    (task,) = tasks(broker, "realtime")
    assert task["headers"]["argsrepr"].endswith("+4 · realtime · 20 messages · 5 tenants")


def test_a_task_that_a_worker_holds_is_not_repeated(database, sql, broker, dispatcher):
    fill(database, sql, "acme", 10)
    dispatcher.tick()
    task = broker.rpop("backfill")
    broker.hset("unacked", "tag", json.dumps([json.loads(task), "", "backfill"]))
    broker.zadd("unacked_index", {"tag": time.time()})
    sql.execute("UPDATE chunks SET published_at = now() - interval '1 min'")
    dispatcher._suspect_due = 0.0
    assert dispatcher.tick() == 0
    broker.zadd("unacked_index", {"tag": time.time() - 60})
    dispatcher._suspect_due = 0.0
    assert dispatcher.tick() == 1


def test_garbage_in_a_lane_does_not_stop_the_dispatcher(database, sql, broker, dispatcher):
    fill(database, sql, "acme", 10)
    broker.lpush("backfill", b"\xff\x00garbage", b"{}", b"[]", b'{"body": "e30="}')
    broker.hset("unacked", "tag", b"nonsense")
    broker.zadd("unacked_index", {"tag": time.time()})
    assert dispatcher.tick() == 1
    sql.execute("UPDATE chunks SET published_at = now() - interval '1 min'")
    dispatcher._suspect_due = 0.0
    assert dispatcher.tick() == 0


def test_whoever_waits_longest_is_served_before_newcomers_with_less(database, sql):
    fill(database, sql, "patient", 600)
    for number in range(40):
        fill(database, sql, f"newcomer{number}", 1)
    sql.execute("UPDATE chunks SET created_at = created_at + id * interval '1 ms'")
    assert [d.tenant for d in dispatch.publish_due(sql, "backfill", 1)] == ["patient"]


def test_a_million_messages_of_one_tenant_delay_anothers_ten_by_no_more_than_the_window(database, sql):
    fill(database, sql, "whale", 512)
    fill(database, sql, "minnow", 10)
    sql.execute(
        """INSERT INTO chunks (tenant_id, job_id, lane, state, messages, created_at)
           SELECT tenant_id, job_id, lane, 'ready', 512, created_at - interval '1 hour'
           FROM chunks, generate_series(1, 2000) WHERE messages = 512"""
    )
    published = dispatch.publish_due(sql, "backfill", 2048)
    assert "minnow" in {d.tenant for d in published}
    assert sum(d.messages for d in published) <= 2048 + 512


def test_a_tenants_limit_bounds_what_it_has_in_flight(database, sql):
    fill(database, sql, "acme", 512 * 6)
    sql.execute("UPDATE tenants SET in_flight_limit = 1100")
    assert len(dispatch.publish_due(sql, "backfill", 100_000)) == 2
    assert dispatch.publish_due(sql, "backfill", 100_000) == []


def test_a_claim_finds_nothing_in_a_paused_lane(database, sql, dispatcher):
    fill(database, sql, "acme", 10)
    dispatcher.tick()
    pair = sql.execute("SELECT id, dispatch_id FROM chunks").fetchone()
    sql.execute("UPDATE lanes SET paused = true")
    assert chunks.claim(sql, [pair], "w") == []
    lanes.pause(sql, "backfill", paused=False)
    assert dispatcher.tick() == 1


def ask_for_rescan(sql, wanted):
    rescan_id = uuid7()
    rescans.create(
        sql, rescan_id=rescan_id, tenant_id=tenants.find(sql, "acme"), actor="ann", bundle="b", as_of="received",
        as_of_time=None, applies=False, wanted=wanted, preview={}, ceiling=uuid7(),
    )  # fmt: skip
    return rescan_id


def test_rescans_are_planned_to_their_end_unless_they_are_paused(database, sql):
    fill(database, sql, "acme", 5)
    sql.execute("UPDATE message_state SET state = 'scored'")
    made = [ask_for_rescan(sql, {}), ask_for_rescan(sql, {})]
    planner = Planner()
    assert jobs.pause(sql, made[1])
    planner.step(sql)
    planned = sql.execute("SELECT job_id, sum(messages) FROM chunks WHERE lane = 'rescan' GROUP BY 1").fetchall()
    assert planned == [(made[0], 5)]
    assert jobs.resume(sql, made[1])
    planner.step(sql)
    assert rescans.unplanned(sql) == []


@contextlib.contextmanager
def running(one):
    """A dispatcher in a thread of this process."""
    thread = threading.Thread(target=one.run)
    thread.start()
    try:
        yield one
    finally:
        one.stopping.set()
        thread.join()


def until(true, what):
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_a_rescan_that_cannot_be_planned_stops_neither_the_lanes_nor_another_rescan(database, sql):
    fill(database, sql, "acme", 5)
    broken = ask_for_rescan(sql, {"since": "no time at all"})
    with running(Dispatcher(database.worker_url, database.broker_url)):
        until(lambda: states(sql).get("published") == 1, "the lane is fed")
        sql.execute("UPDATE message_state SET state = 'scored'")
        sound = ask_for_rescan(sql, {})
        until(lambda: sound not in rescans.unplanned(sql), "the sound rescan is planned")
    assert rescans.unplanned(sql) == [broken]


@pytest.mark.parametrize(
    ("module", "step"), [(jobs, "settle"), (carriers, "plan"), (provisional, "plan"), (facts, "forget")]
)
def test_a_step_that_takes_its_time_keeps_neither_the_lanes_nor_another_step_waiting(
    database, sql, monkeypatch, module, step
):
    """Each of the four in turn hangs in the server; work that comes meanwhile is published, and a job settled."""
    entered = threading.Event()

    def slow(connection, *_: object, **__: object):
        entered.set()
        connection.execute("SELECT pg_sleep(60)")

    monkeypatch.setattr(module, step, slow)
    with running(Dispatcher(database.worker_url, database.broker_url)):
        assert entered.wait(20)
        fill(database, sql, "acme", 5)
        until(lambda: states(sql).get("published") == 1, "the lane is fed")
        (job_id,) = sql.execute("SELECT id FROM jobs").fetchone()
        assert jobs.cancel(sql, job_id)
        if module is not jobs:
            until(lambda: jobs.find(sql, job_id).finished_at, "the cancelled job is ended")
        sql.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")


def test_a_step_that_fails_is_told_and_done_again(database):
    """Of faults of the database as of bugs."""
    stopping, calls = threading.Event(), []

    def step(_connection):
        calls.append(1)
        if len(calls) == 1:
            raise errors.QueryCanceled("canceling statement due to statement timeout")
        if len(calls) == 2:
            raise ZeroDivisionError
        stopping.set()

    with capture_logs() as told:
        beside = Beside("test", step, database.worker_url, stopping, every_s=0.01, rest_s=0.01)
        beside.start()
        assert stopping.wait(20)
        beside.join()
    assert [line["event"] for line in told] == ["left_for_later", "step_failed"]


def test_what_only_the_leader_does_is_not_done_by_another(database, sql):
    assert dispatch.lead(sql, "somebody else", 60) is not None
    fill(database, sql, "acme", 5)
    (job_id,) = sql.execute("SELECT id FROM jobs").fetchone()
    assert jobs.cancel(sql, job_id)
    with running(Dispatcher(database.worker_url, database.broker_url)):
        time.sleep(1.5)
        assert jobs.find(sql, job_id).finished_at is None
        dispatch.resign(sql, "somebody else")
        until(lambda: jobs.find(sql, job_id).finished_at, "the job is ended by the leader")


def test_days_that_have_closed_are_rolled_up_beside_the_dispatcher(database, sql):
    fill(database, sql, "acme", 1)
    tenant = tenants.find(sql, "acme")
    sql.execute(
        "INSERT INTO sightings (message_id, kind, entity, tenant_id, mailbox_id, received_at) "
        "SELECT message_id, 1, '\\x00', tenant_id, mailbox_id, now() - interval '9 days' FROM message_state"
    )
    sightings.mark_stale(sql, tenant, [datetime.now(UTC) - timedelta(days=9)])
    with running(Dispatcher(database.worker_url, database.broker_url)):
        until(lambda: not sightings.tenants_to_roll(sql), "all days are rolled up")
    assert sql.execute("SELECT sum(messages) FROM sighting_days").fetchone() == (1,)
