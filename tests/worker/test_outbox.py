"""The process that delivers and forgets: no bug of one step stops another unseen."""

from __future__ import annotations

import threading

import psycopg
import pytest

from db import erasures, retention, tenants
from db.session import connect
from scorelane.outbox import Limits
from worker import forgetting, outbox


@pytest.mark.parametrize("broken", ["run", "forgetting"])
def test_where_one_half_ends_by_a_bug_the_process_ends(monkeypatch, broken):
    stopping = threading.Event()

    def works(*_: object):
        assert stopping.wait(10), "nobody told the other half"

    def fails(*_: object):
        raise ZeroDivisionError

    threads = []
    monkeypatch.setattr(threading, "excepthook", threads.append)
    monkeypatch.setattr(outbox, "run", fails if broken == "run" else works)
    monkeypatch.setattr(forgetting, "run", fails if broken == "forgetting" else works)
    if broken == "run":
        with pytest.raises(ZeroDivisionError):
            outbox.serve("", Limits(), stopping)
    else:
        outbox.serve("", Limits(), stopping)
        assert [fault.exc_type for fault in threads] == [ZeroDivisionError]
    assert "forgetting" not in {thread.name for thread in threading.enumerate()}


def test_an_erasure_that_fails_does_not_keep_retention_from_going_on(database, monkeypatch):
    with connect(database.worker_url, application="test") as sql:
        tenants.ensure(sql, "acme")
    stopping = threading.Event()

    def fails(*_: object):
        raise psycopg.DataError("out of range")

    def retains(*_: object):
        stopping.set()
        return {}

    monkeypatch.setattr(forgetting, "AWAY_S", 0.01)
    monkeypatch.setattr(erasures, "step", fails)
    monkeypatch.setattr(retention, "retain", retains)
    forgetting.run(database.worker_url, stopping)
    assert stopping.is_set()
