"""The whole way on the oldest servers that are supported: Debian's PostgreSQL 15 and Redis 7."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import psycopg
import pytest
import redis

import worker.postgres
import worker.valkey
from db import migrate, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.sample import sample_mailbox
from worker.processes import Group
from worker.up import run_system

POSTGRES = Path("/usr/lib/postgresql/15/bin")
REDIS = shutil.which("redis-server")
MESSAGES = 150

pytestmark = pytest.mark.skipif(
    not (POSTGRES / "postgres").exists() or REDIS is None,
    reason="LEFT OUT: needs Debian's postgresql-15 and redis-server (tests/db/install-debian-servers)",
)


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(worker.postgres, "binaries", lambda: POSTGRES)
        patched.setattr(worker.valkey, "binary", lambda: Path(REDIS))
        group = Group("all", ("interactive", "realtime", "rescan", "backfill"), 1)
        with run_system(tmp_path_factory.mktemp("debian") / "home", groups=[group]) as running:
            yield running


def test_the_servers_are_the_ones_meant(system):
    with psycopg.connect(system.stack.worker_url) as sql:
        assert sql.info.server_version // 10_000 == 15
    with redis.Redis.from_url(system.stack.broker_url) as client:
        assert client.info("server")["redis_version"].startswith("7.")
        assert "valkey_version" not in client.info("server")


def test_every_message_is_scored_once(system):
    mail = [Incoming(one.raw, one.received_at) for one in sample_mailbox(seed=3, count=MESSAGES)]
    with connect(system.stack.worker_url, application="test") as sql:
        tenants.ensure(sql, "acme")
        with Enqueuer(system.stack.worker_url, system.stack.broker_url) as door:
            for lane, part in (("realtime", mail[:50]), ("backfill", mail[50:])):
                receipts = door.accept(part, tenant="acme", mailbox="all@acme.test", lane=lane)
                assert {receipt.status for receipt in receipts} == {"accepted"}
            again = door.accept(mail, tenant="acme", mailbox="all@acme.test", lane="backfill")
            assert {receipt.status for receipt in again} == {"duplicate"}
        deadline = time.monotonic() + 60
        states = "SELECT state, count(*), count(DISTINCT message_id) FROM message_state GROUP BY state"
        while sql.execute(states).fetchall() != [("scored", MESSAGES, MESSAGES)]:
            assert time.monotonic() < deadline, sql.execute(states).fetchall()
            time.sleep(0.1)
        assert sql.execute("SELECT count(*) FROM scores").fetchone() == (MESSAGES,)


def test_migrations_go_down_and_up_again(system):
    with psycopg.connect(system.stack.admin_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE again OWNER scorelane_owner")
    url = system.stack.postgres.url("owner", "again")
    for step in (migrate.upgrade, migrate.downgrade, migrate.upgrade):
        step(url)
