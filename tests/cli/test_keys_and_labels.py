"""`scorelane keys` and `scorelane labels`, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from db import tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming


@pytest.fixture
def run(database, tmp_path):
    settings = {
        "SCORELANE_HOME": str(tmp_path),
        "SCORELANE_DATABASE_URL": database.worker_url,
        "SCORELANE_BROKER_URL": database.broker_url,
    }

    def call(*arguments: object):
        return subprocess.run(
            [sys.executable, "-m", "scorelane.cli", *map(str, arguments)],
            env={**os.environ, **settings}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return call


@pytest.fixture
def stored(database):
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
    with Enqueuer(database.worker_url, database.broker_url) as door:
        batch = [Incoming(b"Subject: %d\n\nhello" % number) for number in range(3)]
        return door.accept(batch, tenant="acme", mailbox="a@acme.test", lane="backfill")


def test_keys_are_made_listed_rotated_and_revoked(run, stored):  # noqa: ARG001 - the tenant exists
    made = run("keys", "create", "--tenant", "acme", "--role", "ingest", "--name", "gateway")
    assert made.stdout.startswith("slk_")
    assert made.stdout.count("\n") == 1
    (row,) = json.loads(run("keys", "list", "--json").stdout)
    assert (row["tenant"], row["role"], row["name"], row["revoked_at"]) == ("acme", "ingest", "gateway", None)
    (rotated,) = json.loads(run("keys", "rotate", row["id"], "--json").stdout)
    assert rotated["id"] == row["id"]
    assert rotated["key"] != made.stdout.strip()
    assert run("keys", "revoke", row["id"]).returncode == 0
    again = run("keys", "revoke", row["id"])
    assert (again.returncode, "no usable key" in again.stderr) == (1, True)
    wrong = run("keys", "create", "--tenant", "acme", "--role", "root")
    assert (wrong.returncode, "not one of ingest" in wrong.stderr, wrong.stdout) == (1, True, "")


def test_labels_are_added_imported_once_and_taken_back(run, stored, tmp_path):
    first, second, third = stored
    assert run("labels", "add", first.message_id, "attack", "--tenant", "acme", "--author", "ann").returncode == 0
    file = tmp_path / "labels.csv"
    file.write_text(f"message_id,label\n{second.message_id},spam\n{third.sha256},legitimate\n{'0' * 64},spam\n")
    told = run("labels", "import", file, "--tenant", "acme", "--author", "ann").stderr
    assert "2 labels added; 1 of 3 lines name no message" in told
    assert "0 labels added" in run("labels", "import", file, "--tenant", "acme", "--author", "ann").stderr
    rows = json.loads(run("labels", "list", "--json").stdout)
    assert {(row["message_id"], row["label"], row["origin"]) for row in rows} == {
        (str(first.message_id), "attack", "analyst"),
        (str(second.message_id), "spam", "import"),
        (str(third.message_id), "legitimate", "import"),
    }
    assert run("labels", "retract", rows[0]["id"]).returncode == 0
    assert run("labels", "retract", rows[0]["id"]).returncode == 1
    ledger = json.loads(run("labels", "list", "--json").stdout)
    assert len(ledger) == 4
    assert ledger[0]["retracts"] == rows[0]["id"]


def test_a_bad_line_of_an_import_names_itself_and_adds_nothing(run, stored, tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text(f"{stored[0].message_id},spam\n{stored[1].message_id},bad\n")
    answer = run("labels", "import", file, "--tenant", "acme")
    assert answer.returncode == 2
    (line,) = answer.stderr.splitlines()
    assert "line 2" in line
    assert "attack, spam, legitimate" in line
    assert json.loads(run("labels", "list", "--json").stdout) == []


def test_a_label_carries_its_weight_its_origin_and_its_author(run, stored, tmp_path):
    first, second, third = stored
    words = ("labels", "add", first.message_id, "spam", "--tenant", "acme", "--author", "eve")
    assert run(*words, "--origin", "user_report", "--weight", "0.25").returncode == 0
    file = tmp_path / "labels.csv"
    file.write_text(f"sha256,label,weight\n{second.sha256},spam,0.5\n{third.sha256},legitimate\n")
    assert run("labels", "import", file, "--tenant", "acme", "--author", "ann", "--weight", "0.75").returncode == 0
    rows = json.loads(run("labels", "list", "--json").stdout)
    assert {(row["message_id"], row["origin"], row["weight"], row["author"]) for row in rows} == {
        (str(first.message_id), "user_report", 0.25, "eve"),
        (str(second.message_id), "import", 0.5, "ann"),
        (str(third.message_id), "import", 0.75, "ann"),
    }
    assert len(json.loads(run("labels", "list", "--author", "eve", "--json").stdout)) == 1
    file.write_text(f"{second.sha256},spam,much\n")
    for wrong, says in (
        ((*words, "--weight", "0"), "--weight: a weight of 0 is not more than 0"),
        ((*words, "--origin", "import"), "'import' is not analyst or user_report"),
        (("labels", "import", file, "--tenant", "acme"), "line 1: 'much' is no weight"),
    ):
        answer = run(*wrong)
        (line,) = answer.stderr.splitlines()
        assert (answer.returncode, says in line) == (2, True), line
