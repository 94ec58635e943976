"""A real server on real Postgres: uvicorn on a loopback port, the API under the role that row-level security holds."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass

import httpx
import pytest
import uvicorn

from db import dispatch, tenants
from db.session import connect
from scorelane import access
from scorelane.api import ApiConfig, create_app
from scorelane.enqueuer import Enqueuer, Incoming
from tasks.score import score_chunks
from tasks.session import Session
from worker.up import ensure_bundle

ROLES = ("ingest", "analyst", "ops", "admin")


def mail(number=0, *, subject="hello"):
    return (
        f"From: Ann <ann@b{number}.example>\r\nTo: all@acme.test\r\nSubject: {subject} {number}\r\n"
        f"Message-ID: <{number}@b.example>\r\n\r\nSee https://b{number}.example/page {number}\r\n"
    ).encode()


@contextlib.contextmanager
def _serving(app):
    """The address of an application that uvicorn serves from a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@dataclass
class House:
    """Two tenants with a key of each role, and the server that both call."""

    url: str
    database: object
    keys: dict[tuple[str, str], str]
    sql: object
    ids: dict[str, int]

    def client(self, role="admin", tenant="acme", **more: object):
        key = self.keys[tenant, role]
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=30, **more)

    def enqueue(self, count=3, *, tenant="acme", mailbox="all@acme.test", lane="backfill", first=0):
        batch = [Incoming(mail(number)) for number in range(first, first + count)]
        with Enqueuer(self.database.worker_url, self.database.broker_url) as door:
            return door.accept(batch, tenant=tenant, mailbox=mailbox, lane=lane)

    def score(self):
        """Run every chunk that waits, as workers would."""
        session = Session(self.database.worker_url, group="test")
        try:
            self.sql.execute("UPDATE chunks SET state = 'ready', dispatch_id = NULL WHERE state = 'published'")
            for lane in ("interactive", "realtime", "rescan", "backfill"):
                due = dispatch.publish_due(self.sql, lane, 100_000)
                score_chunks(session, [(one.chunk_id, one.dispatch_id) for one in due])
        finally:
            session.attachments.close()
            session.forget_connection()


def _config(database):
    return ApiConfig(
        database_url=database.api_url,
        intake_database_url=database.worker_url,
        broker_url=database.broker_url,
        connections=4,
        batch_bytes=4 * 1024 * 1024,
    )


@contextlib.contextmanager
def _house(database, config):
    ensure_bundle(database.worker_url)
    with connect(database.worker_url, application="test") as sql:
        ids, keys = {}, {}
        for tenant in ("acme", "rival"):
            ids[tenant], _ = tenants.ensure(sql, tenant)
            for role in ROLES:
                made = access.create(sql, ids[tenant], name=f"{role} of {tenant}", role=role, author="test")
                keys[tenant, role] = made.key
        with _serving(create_app(config)) as url:
            yield House(url, database, keys, sql, ids)


@pytest.fixture
def config(database):
    return _config(database)


@pytest.fixture
def house(database, config):
    with _house(database, config) as made:
        yield made


@pytest.fixture
def unserved():
    """The application's routes and schema; it is never served, so it needs no database."""
    return create_app(ApiConfig("postgresql://", "postgresql://", "redis://"))


@pytest.fixture(scope="session")
def quiet_house(shared_database):
    """One house for every test that only reads or is refused; at the end nothing may have been written."""
    with _house(shared_database, _config(shared_database)) as made:
        written = " + ".join(
            f"(SELECT count(*) FROM {table})"
            for table in ("messages", "jobs", "mailboxes", "labels", "api_keys", "destinations", "rescans")
        )
        before = made.sql.execute(f"SELECT {written}").fetchone()
        yield made
        assert made.sql.execute(f"SELECT {written}").fetchone() == before


@pytest.fixture
def admin(house):
    with house.client("admin") as client:
        yield client


@pytest.fixture
def rival(house):
    with house.client("admin", "rival") as client:
        yield client


@pytest.fixture
def serving():
    """A context that serves an application and gives its address."""
    return _serving
