"""Embedded servers that die under a running system."""

from __future__ import annotations

import os
import signal
import time

import psycopg
import pytest
import redis

from worker import servers
from worker.servers import ServerKeeper
from worker.stack import EmbeddedStack


@pytest.fixture
def stack(tmp_path):
    with EmbeddedStack(tmp_path / "s") as running:
        yield running


def until(true, what, patience_s=40):
    deadline = time.monotonic() + patience_s
    while True:
        try:
            if true():
                return
        except (psycopg.Error, redis.RedisError):
            pass
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)


def broker_answers(stack):
    with redis.Redis.from_url(stack.broker_url) as client:
        return client.ping()


def rows(stack):
    with psycopg.connect(stack.worker_url) as sql:
        return sql.execute("SELECT count(*) FROM kept").fetchone()[0]


def test_servers_that_die_come_back_at_the_same_address_with_what_was_committed(stack):
    with psycopg.connect(stack.owner_url) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 1")
        owner.execute("GRANT SELECT ON kept TO PUBLIC")
    with ServerKeeper(stack):
        for pid in (stack.postgres.pid, stack.valkey.pid):
            os.kill(pid, signal.SIGKILL)
        until(lambda: rows(stack) == 1, "PostgreSQL answers again")
        until(lambda: broker_answers(stack), "Valkey answers again")


def test_one_that_dies_again_and_again_is_given_up_with_a_line_that_says_so(stack, monkeypatch):
    monkeypatch.setattr(servers, "MOST_RESTARTS", 2)
    said = []
    with ServerKeeper(stack, said.append):
        for _ in range(2):
            pid = stack.valkey.pid
            os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid: stack.valkey.pid != pid and broker_answers(stack), "it was started again")
        os.kill(stack.valkey.pid, signal.SIGKILL)
        until(lambda: said, "it is given up")
    assert said[0].startswith("Valkey died 3 times within 10 minutes and is not started again; see ")


def test_one_that_is_stopped_stays_stopped(stack):
    with ServerKeeper(stack):
        stack.valkey.stop()
        time.sleep(3 * servers.EVERY_S)
        with pytest.raises(redis.RedisError):
            broker_answers(stack)
