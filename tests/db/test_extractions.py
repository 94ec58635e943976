"""Results of extraction: kept once, told apart by tenant and version, forgotten on demand."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

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


def test_results_are_erased_by_content_and_expire_by_age(worker):
    for tenant in (1, 2):
        extractions.store(worker, tenant, "v1", {PDF: Kept("ok", b"one"), ZIP: Kept("ok", b"two")})
    assert extractions.erase(worker, 1, [PDF[0]]) == 1
    assert extractions.load(worker, 1, "v1", [PDF, ZIP]) == {ZIP: b"two"}
    assert extractions.load(worker, 2, "v1", [PDF, ZIP]) == {PDF: b"one", ZIP: b"two"}
    worker.execute("UPDATE extractions SET made_at = now() - interval '9 days' WHERE sha256 = %s", (ZIP[0],))
    assert extractions.expire(worker, datetime.now(UTC) - timedelta(days=8), most=1) == 1
    assert extractions.expire(worker, datetime.now(UTC) - timedelta(days=8)) == 1
    assert extractions.load(worker, 2, "v1", [PDF, ZIP]) == {PDF: b"one"}


def test_the_api_role_reads_its_own_tenant_and_writes_nothing(worker, database):
    acme, _ = tenants.ensure(worker, "acme")
    extractions.store(worker, acme, "v1", {PDF: Kept("ok", b"one")})
    with psycopg.connect(database.api_url) as api:
        assert api.execute("SELECT body FROM extractions").fetchall() == []
        api.execute("SELECT set_config('app.tenant', %s, true)", (str(acme),))
        assert api.execute("SELECT body FROM extractions").fetchall() == [(b"one",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            api.execute("DELETE FROM extractions")
