"""`scorelane tenants retention|retain|erase|erasures|export` and `scorelane outbox`, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from psycopg.types.json import Jsonb

from db import outbox, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        yield connection


@pytest.fixture
def run(database, tmp_path):
    settings = {"SCORELANE_HOME": str(tmp_path), "SCORELANE_DATABASE_URL": database.worker_url}

    def call(*arguments: object, code=0):
        answer = subprocess.run(
            [sys.executable, "-m", "scorelane.cli", *map(str, arguments)],
            env={**os.environ, **settings}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert answer.returncode == code, answer.stderr
        return answer

    return call


@pytest.fixture
def stored(database, sql):  # noqa: ARG001 - the tenant is there
    with Enqueuer(database.worker_url, database.broker_url) as door:
        batch = [Incoming(b"Subject: %d\n\nhello" % number) for number in range(3)]
        return door.accept(batch, tenant="acme", mailbox="ann@acme.test", lane="backfill")


def test_a_mailbox_is_exported_then_erased_with_a_record(run, sql, stored):
    lines = [
        json.loads(line) for line in run("tenants", "export", "acme", "ann@acme.test", "--raw").stdout.splitlines()
    ]
    assert [line["record"] for line in lines] == ["mailbox", "message", "message", "message"]
    assert lines[1]["raw"]
    refused = run("tenants", "erase", "acme", "ann@acme.test", code=2)
    assert "--yes" in refused.stderr
    assert sql.execute("SELECT count(*) FROM messages").fetchone() == (len(stored),)
    (record,) = json.loads(run("tenants", "erase", "acme", "ann@acme.test", "--yes", "--json").stdout)
    assert (record["counts"]["messages"], bool(record["digest"])) == (3, True)
    (listed,) = json.loads(run("tenants", "erasures", "acme", "--address", "ann@acme.test", "--json").stdout)
    assert listed == record
    assert run("tenants", "export", "acme", "ann@acme.test").stdout == ""
    assert "has no mailbox" in run("tenants", "erase", "acme", "ann@acme.test", "--yes", code=1).stderr
    sql.execute("UPDATE erasures SET requested_by = 'nobody'")
    assert "is not what it was" in run("tenants", "erasures", "acme", code=1).stderr


def test_periods_are_set_and_what_is_past_them_goes(run, sql, stored):
    (before,) = json.loads(run("tenants", "retention", "acme", "--json").stdout)
    (after,) = json.loads(run("tenants", "retention", "acme", "--raw-days", 7, "--json").stdout)
    assert after == {**before, "raw_days": 7}
    assert "none, nothing is past" in run("tenants", "retain", "acme").stderr
    past = "uuid_floor('2020-01-01')::text"
    sql.execute(f"UPDATE messages SET id = overlay({past} PLACING substring(id::text FROM 14) FROM 14)::uuid")
    assert "of kind score" in run("tenants", "retain", "acme").stderr
    assert sql.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    assert "there is no tenant" in run("tenants", "retain", "nobody", code=1).stderr
    assert len(stored) == 3


def test_destinations_and_deliveries_are_listed_shown_and_replayed(run, sql, tmp_path):
    secret = run("outbox", "add", "--tenant", "acme", "--name", "siem", "--webhook", "https://siem.acme.test/").stdout
    assert secret.startswith("whsec_")
    run("outbox", "add", "--tenant", "acme", "--name", "file", "--file", tmp_path / "events.jsonl", "--verdict", "spam")
    (first, second) = json.loads(run("outbox", "destinations", "--json").stdout)
    assert (first["kind"], second["kind"], second["verdicts"]) == ("webhook", "file", ["spam"])
    assert secret.strip() not in run("outbox", "destinations", "--json").stdout
    tenant_id = tenants.find(sql, "acme")
    sql.execute(
        "INSERT INTO outbox (tenant_id, kind, body) VALUES (%s, 'verdict', %s)",
        (tenant_id, Jsonb({"verdict": "attack"})),
    )
    outbox.route(sql)
    sql.execute("UPDATE deliveries SET state = 'dead'")
    (row,) = json.loads(run("outbox", "list", "--state", "dead", "--json").stdout)
    (shown,) = json.loads(run("outbox", "show", row["id"], "--json").stdout)
    assert shown["body"] == {"verdict": "attack"}
    assert "waits for another try" in run("outbox", "replay", row["id"]).stderr
    sql.execute("UPDATE deliveries SET state = 'dead'")
    assert "1 deliveries wait" in run("outbox", "replay", "--dead-of", first["id"]).stderr
    run("outbox", "remove", first["id"])
    assert json.loads(run("outbox", "list", "--json").stdout)[0]["error"] == "the destination was removed"
    assert "not waiting, delivered or dead" in run("outbox", "list", "--state", "lost", code=2).stderr
    assert "an address like" in run("outbox", "add", "--tenant", "acme", "--name", "x", "--webhook", "x", code=1).stderr
