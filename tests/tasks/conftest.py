"""A tenant with a live bundle, mail in the backfill lane, and a session that scores it."""

from __future__ import annotations

import pytest

from db import dispatch, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming
from tasks.score import score_chunks
from tasks.session import Session
from worker.up import ensure_bundle


@pytest.fixture
def sql(database):
    ensure_bundle(database.worker_url)
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        yield connection


@pytest.fixture
def session(database):
    one = Session(database.worker_url, group="test")
    yield one
    one.forget_connection()
    one.attachments.close()


@pytest.fixture
def accept_mail(database):
    """Accepts raw mails, or (raw, received_at) pairs; gives their receipts."""

    def accept(mails, *, mailbox="all@acme.test", lane="backfill", direction="inbound"):
        pairs = [mail if isinstance(mail, tuple) else (mail, None) for mail in mails]
        incoming = [Incoming(raw, at, direction=direction) for raw, at in pairs]
        with Enqueuer(database.worker_url, database.broker_url) as door:
            return door.accept(incoming, tenant="acme", mailbox=mailbox, lane=lane)

    return accept


@pytest.fixture
def run_all(sql, session):
    """Publishes and scores until nothing waits in any lane."""

    def run(most=50):
        for _ in range(most):
            sql.execute("UPDATE chunks SET next_attempt_at = now() WHERE state = 'ready'")
            pairs = [
                (d.chunk_id, d.dispatch_id)
                for lane in ("interactive", "realtime", "rescan", "backfill", "enrich")
                for d in dispatch.publish_due(sql, lane, 100_000)
            ]
            if not pairs:
                return
            for pair in pairs:
                score_chunks(session, [pair])
        pytest.fail("work is never done")

    return run
