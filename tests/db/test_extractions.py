"""Results of extraction: kept once, told apart by tenant and version, forgotten on demand."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from db import extractions, tenants
from db.extractions import Kept
from db.session import connect

PDF, ZIP = (b"p" * 32, "application/pdf"), (b"z" * 32, "application/zip")


@pytest.fixture
def worker(database):
    with connect(database.worker_url, application="test") as connection:
        yield connection


def test_what_is_kept_comes_back_for_its_tenant_and_version_alone(worker):
    assert extractions.store(worker, 1, "v1", {PDF: Kept("ok", b"one"), ZIP: Kept("limit", b"two")}) == {}
    assert extractions.load(worker, 1, "v1", [PDF, ZIP, (b"x" * 32, "text/html")]) == {PDF: b"one", ZIP: b"two"}
    assert extractions.load(worker, 2, "v1", [PDF]) == {}
    assert extractions.load(worker, 1, "v2", [PDF]) == {}
    assert extractions.load(worker, 1, "v1", [(PDF[0], "text/html")]) == {}


def test_the_result_that_was_kept_first_is_the_truth(worker):
    extractions.store(worker, 1, "v1", {PDF: Kept("ok", b"first")})
    assert extractions.store(worker, 1, "v1", {PDF: Kept("timeout", b"late"), ZIP: Kept("ok", b"two")}) == {
        PDF: b"first"
    }
    assert extractions.load(worker, 1, "v1", [PDF, ZIP]) == {PDF: b"first", ZIP: b"two"}


def test_two_workers_with_the_same_attachments_do_not_lock_each_other_out(database):
    rounds = [{(bytes([number]) * 32, "text/html"): Kept("ok", b"x") for number in range(200)} for _ in range(2)]
    rounds[1] = dict(reversed(rounds[1].items()))
    failures = []

    def work(results):
        try:
            with connect(database.worker_url, application="test") as connection:
                for version in range(20):
                    extractions.store(connection, 1, str(version), results)
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(results,)) for results in rounds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_results_expire_by_age_unless_a_message_that_is_kept_carries_the_attachment(worker):
    for tenant in (1, 2):
        extractions.store(worker, tenant, "v1", {PDF: Kept("ok", b"one"), ZIP: Kept("ok", b"two")})
    made_before, kept_from = datetime.now(UTC) - timedelta(days=8), UUID(int=100)
    assert extractions.expire(worker, 1, made_before, kept_from) == 0
    worker.execute("UPDATE extractions SET made_at = now() - interval '9 days'")
    worker.execute(
        "INSERT INTO sightings (message_id, kind, entity, tenant_id, mailbox_id, received_at) VALUES "
        "(%s, 5, %s, 1, 1, now()), (%s, 5, %s, 1, 1, now())",
        (UUID(int=100), PDF[0][:16], UUID(int=99), ZIP[0][:16]),
    )
    assert extractions.expire(worker, 1, made_before, kept_from, most=5) == 1
    assert extractions.load(worker, 1, "v1", [PDF, ZIP]) == {PDF: b"one"}
    assert extractions.load(worker, 2, "v1", [PDF, ZIP]) == {PDF: b"one", ZIP: b"two"}
    assert extractions.expire(worker, 2, made_before, kept_from, most=1) == 1


def test_the_api_role_reads_its_own_tenant_and_writes_nothing(worker, database):
    acme, _ = tenants.ensure(worker, "acme")
    extractions.store(worker, acme, "v1", {PDF: Kept("ok", b"one")})
    with psycopg.connect(database.api_url) as api:
        assert api.execute("SELECT body FROM extractions").fetchall() == []
        api.execute("SELECT set_config('app.tenant', %s, true)", (str(acme),))
        assert api.execute("SELECT body FROM extractions").fetchall() == [(b"one",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            api.execute("DELETE FROM extractions")
