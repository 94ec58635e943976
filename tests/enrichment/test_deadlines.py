"""An answer that comes in the moment in which a message stops waiting for it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from uuid_utils.compat import uuid7

from db import lookups, provisional, tenants
from db.session import connect


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        yield connection


def until(true):
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_answer_and_a_deadline_in_one_moment_do_not_deadlock(database, sql):
    tenant, _ = tenants.ensure(sql, "acme")
    first, second = uuid7(), uuid7()
    lookups.want(sql, tenant, [(message, [("dns", "b.example")], 900.0) for message in (first, second)])

    def waits(name):
        return sql.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'", (name,)
        ).fetchone() == (1,)

    def tell():
        with connect(database.worker_url, application="answer") as connection:
            lookups.tell(connection, [("dns", "b.example")])

    def give_up():
        with connect(database.worker_url, application="deadline") as connection:
            return provisional.give_up(connection, {"dns": ("mx",)})

    with ThreadPoolExecutor(2) as pool, connect(database.worker_url, application="other") as other:
        with other.transaction():
            other.execute("SELECT 1 FROM awaiting WHERE message_id = %s FOR UPDATE", (first,))
            answer = pool.submit(tell)
            until(lambda: waits("answer"))
            sql.execute("UPDATE awaiting SET deadline = now() WHERE message_id = %s", (second,))
            late = pool.submit(give_up)
            until(lambda: late.done() or waits("deadline"))
        assert late.result(20) == 1
        answer.result(20)
    assert sql.execute("SELECT message_id FROM awaiting WHERE open = 0 ORDER BY 1").fetchall() == [(first,), (second,)]
    assert sql.execute("SELECT count(*) FROM wanted_facts").fetchone() == (0,)
