"""The exporter: what it shows equals what SQL counts, and it says when workers have gone silent."""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from db import chunks, dispatch, lanes, lookups, tenants
from db.lanes import Mark
from db.session import connect
from scorelane.enqueuer import Busy, Enqueuer, Incoming
from worker.exporter import Exporter
from worker.progress import Progress

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        yield connection


@pytest.fixture
def exporter(database):
    server = Exporter(("127.0.0.1", 0), database.worker_url, stall_s=0.5)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def samples(exporter):
    _, text = get(f"{exporter}/metrics")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def accept(database, count, lane, start=0):
    mail = [Incoming(b"From: a@b.example\r\nSubject: %d\r\n\r\nx" % n) for n in range(start, start + count)]
    with Enqueuer(database.worker_url, database.broker_url) as door:
        return door.accept([*mail, Incoming(b"")], tenant="acme", mailbox="a@acme.test", lane=lane)


def test_every_figure_equals_what_sql_counts(database, sql, exporter):
    accept(database, 1100, "backfill")
    accept(database, 70, "realtime", start=2000)
    dispatch.publish_due(sql, "backfill", 600)
    (first, *_) = sql.execute("SELECT id, dispatch_id FROM chunks WHERE state = 'published' AND lane = 'backfill'")
    chunks.claim(sql, [first], "w")
    sql.execute("UPDATE lanes SET backlog_limit = 1 WHERE name = 'rescan'")
    accept(database, 3, "rescan", start=3000)
    with pytest.raises(Busy):
        accept(database, 5, "rescan", start=4000)
    sql.execute(
        "INSERT INTO dead_letters (tenant_id, message_id, job_id, lane, attempts, error) "
        "SELECT tenant_id, id, job_id, 'backfill', 3, 'x' FROM messages LIMIT 2"
    )
    assert samples(exporter)["scorelane_bundle_refused_total", "bulk"] == 0
    lanes.count(sql, "bulk", {"bundle_refused": 2}, 1)
    shown = samples(exporter)
    assert shown["scorelane_bundle_refused_total", "bulk"] == 2
    for lane, state, messages in sql.execute(
        "SELECT lane, state, sum(messages) FROM chunks GROUP BY lane, state"
    ).fetchall():
        assert shown["scorelane_backlog_messages", *sorted((lane, state))] == messages
    for name, lane, value in sql.execute(
        "SELECT name, lane, sum(value) FROM counters WHERE name <> 'bundle_refused' GROUP BY name, lane"
    ).fetchall():
        assert shown["scorelane_events_total", *sorted((lane, name))] == value
    assert shown["scorelane_events_total", "accepted", "backfill"] == 1100
    assert shown["scorelane_events_total", "rescan", "shed"] == 5
    assert shown["scorelane_dead_letters_open",] == 2
    assert shown["scorelane_up",] == 1
    assert shown["scorelane_partition_months_ahead",] == 3
    assert shown["scorelane_oldest_seconds", "backfill"] > 0


def test_what_became_of_lookups_equals_what_sql_counts(database, sql, exporter):
    accept(database, 3, "realtime")
    asked = [("dns", f"d{n}.example") for n in range(5)]
    (first,) = sql.execute("SELECT id FROM messages ORDER BY id LIMIT 1").fetchone()
    lookups.want(sql, 1, [(first, asked, 0.0)])
    ((batch, _, _),) = lookups.publish_due(sql, {"dns": 4})
    lookups.claim(sql, batch, 60.0)
    answers = [lookups.Settled("dns", f"d{n}.example", said, None, 60.0, None, True) for n, said in
               enumerate(("ok", "ok", "not_found"))]  # fmt: skip
    lookups.settle(sql, batch, answers, [], shard=1)
    again = lookups.Settled("dns", "d3.example", "timeout", "timeout", 0.0, 60.0, True)
    lookups.settle(sql, batch, [again], [], shard=2)
    shown = samples(exporter)
    counted = sql.execute("SELECT provider, outcome, sum(value) FROM lookup_counters GROUP BY 1, 2").fetchall()
    assert sorted(value for _, _, value in counted) == [1, 1, 2]
    for provider, outcome, value in counted:
        assert shown["scorelane_lookups_total", *sorted((provider, outcome))] == value
    queued = sql.execute("SELECT provider, state, count(*) FROM lookups WHERE state <> 'resting' GROUP BY 1, 2")
    assert {shown["scorelane_lookups_queued", *sorted(row[:2])] == row[2] for row in queued} == {True}
    assert shown["scorelane_provisional_messages",] == 1
    assert shown["scorelane_provisional_overdue_seconds",] > 0


def test_a_row_without_a_partition_raises_the_figure(sql, exporter):
    sql.execute(
        "INSERT INTO message_state (message_id, tenant_id, mailbox_id) "
        "SELECT uuid_floor('2001-01-01'), id, 1 FROM tenants"
    )
    assert samples(exporter)["scorelane_partition_stray_rows", "message_state"] == 1


def test_health_is_ok_until_work_waits_and_nobody_takes_it(database, sql, exporter):
    wait(exporter, 200)
    accept(database, 5, "realtime")
    said = wait(exporter, 503)
    assert "group realtime" in said["problems"][0]
    assert samples(exporter)["scorelane_no_progress_seconds", "realtime"] >= 0.5
    (pair,) = sql.execute("SELECT id, dispatch_id FROM chunks").fetchall()
    chunks.claim(sql, [pair], "w")
    wait(exporter, 200)
    lanes.pause(sql, "realtime", paused=True)


def wait(exporter, status):
    for _ in range(100):
        answered, text = get(f"{exporter}/healthz")
        if answered == status:
            return json.loads(text)
        threading.Event().wait(0.1)
    return pytest.fail(f"never {status}: {text}")


def test_without_a_database_health_says_so_and_metrics_are_up_zero():
    server = Exporter(("127.0.0.1", 0), "postgresql://nobody@127.0.0.1:1/none", stall_s=5)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    assert "does not answer" in _until_looked(url)
    assert samples(url)["scorelane_up",] == 0
    server.shutdown()
    thread.join()
    server.server_close()


def test_progress_is_a_claim_in_any_lane_of_the_group():
    progress = Progress({"realtime": ("interactive", "realtime")})
    at = datetime(2026, 1, 1, tzinfo=UTC)
    busy = [Mark("interactive", False, None), Mark("realtime", True, at)]
    assert progress.observe(busy, 0.0) == {"realtime": 0.0}
    assert progress.observe(busy, 10.0) == {"realtime": 10.0}
    other = [Mark("interactive", False, at.replace(hour=1)), Mark("realtime", True, at)]
    assert progress.observe(other, 20.0) == {"realtime": 0.0}
    idle = [Mark("interactive", False, at.replace(hour=1)), Mark("realtime", False, at)]
    assert progress.observe(idle, 90.0) == {"realtime": 0.0}


def _until_looked(url):
    for _ in range(100):
        said = wait(url, 503)["problems"][0]
        if said != "not looked yet":
            return said
        threading.Event().wait(0.05)
    return said


def test_dashboard_and_alerts_name_only_metrics_that_are_exported(exporter):
    _, text = get(f"{exporter}/metrics")
    exported = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    exported |= {family.name for family in text_string_to_metric_families(text)} | {"scorelane_events_total"}
    board = json.loads((ROOT / "deploy" / "grafana" / "lanes.json").read_text())
    rules = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())["groups"][0]["rules"]
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    expressions += [rule["expr"] for rule in rules]
    named = {name for expression in expressions for name in re.findall(r"scorelane_\w+", expression)}
    assert len(named) >= 8
    assert named - exported == set()
