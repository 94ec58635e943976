"""A tenant, and the counters that a door writes."""

from __future__ import annotations

import pytest

from db import tenants
from db.session import connect
from scorelane.doors.tally import Tally
from scorelane.enqueuer import Enqueuer


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        tenants.ensure(connection, "rival")
        yield connection


@pytest.fixture
def enqueuer(database, sql):  # noqa: ARG001 - the tenants are there before the door opens
    with Enqueuer(database.worker_url, database.broker_url) as one:
        yield one


@pytest.fixture
def tally(database):
    one = Tally(database.worker_url, "realtime", door="test")
    yield one
    one.close()


@pytest.fixture
def settings(database, tmp_path):
    return {
        "SCORELANE_HOME": str(tmp_path / "home"),
        "SCORELANE_DATABASE_URL": database.worker_url,
        "SCORELANE_BROKER_URL": database.broker_url,
    }
