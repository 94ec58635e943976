"""Partitions made ahead, dropped after the longest retention, and what their messages leave elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest
from structlog.testing import capture_logs

from db import partitions, tenants
from db.session import connect
from worker.keeper import Keeper


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        connection.execute("SELECT ensure_partitions('2020-01-01', 2)")
        yield connection


def children(sql, month):
    rows = sql.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE %s", (f"%_p{month}",))
    return {name for (name,) in rows.fetchall()}


def test_months_past_every_retention_go_and_newer_ones_stay(sql):
    this_month = f"{datetime.now(UTC):%Y%m}"
    assert len(children(sql, "202001")) >= 6
    Keeper().step(sql)
    assert children(sql, "202001") == children(sql, "202002") == set()
    assert len(children(sql, this_month)) >= 6


def test_the_longest_retention_of_any_tenant_keeps_a_month(sql):
    sql.execute("UPDATE tenants SET score_days = 36500, raw_days = 1")
    dropped = partitions.drop_expired(sql)
    assert "raw_mail_p202001" in dropped
    assert "messages_p202001" not in dropped
    assert "scores_p202001" in children(sql, "202001")


def test_receipts_of_dropped_messages_are_forgotten_so_that_the_mail_may_come_again(sql):
    sql.execute(
        "INSERT INTO receipts (tenant_id, mailbox_id, sha256, message_id) "
        "SELECT 1, 1, decode(md5(n::text), 'hex'), uuid_floor(at) FROM (VALUES (1, timestamptz '2020-01-15'), "
        "(2, now())) AS some_of (n, at)"
    )
    partitions.drop_expired(sql)
    assert partitions.forget_dropped(sql) == 1
    assert sql.execute("SELECT count(*) FROM receipts").fetchone() == (1,)


def test_ended_chunks_are_swept_after_their_days_and_open_ones_never(sql):
    sql.execute(
        "INSERT INTO jobs (id, tenant_id, kind, lane, actor, state, finished_at) "
        "SELECT gen_random_uuid(), id, 'intake', 'backfill', 'x', 'done', now() - interval '9 days' FROM tenants"
    )
    sql.execute(
        "INSERT INTO chunks (tenant_id, job_id, lane, state, messages, finished_at) "
        "SELECT tenant_id, id, 'backfill', its.state, 1, now() - interval '9 days' "
        "FROM jobs, unnest(ARRAY['done', 'cancelled', 'ready']) AS its (state)"
    )
    assert partitions.sweep_chunks(sql, keep_days=7) == 2
    assert sql.execute("SELECT state FROM chunks").fetchall() == [("ready",)]
    assert sql.execute("SELECT count(*) FROM jobs").fetchone() == (1,)


def test_what_is_wrong_with_keeping_is_told_and_stops_no_lane(database, monkeypatch):
    def forbidden(*_: object):
        raise psycopg.errors.InsufficientPrivilege("permission denied for table chunks")

    monkeypatch.setattr("worker.keeper.partitions.sweep_chunks", forbidden)
    with connect(database.worker_url, application="test") as sql, capture_logs() as told:
        Keeper().step(sql)
    assert [(line["event"], line["log_level"]) for line in told] == [("keeping_failed", "error")]
