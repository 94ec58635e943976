"""`scorelane model compare` over rows whose figures are worked out by hand."""

from __future__ import annotations

import json
import math
import signal
import sys

import pytest
from uuid_utils.compat import uuid7

from db import bundles, labels, tenants
from db.session import connect
from scorelane.cli.__main__ import main

# (verdict and log-odds of the live bundle, of the shadow), a message each; the live scores are 1 to 10.
ROWS = [
    *(("clean", float(n), "clean", float(n)) for n in range(1, 7)),
    ("clean", 7.0, "attack", 11.0),
    ("suspicious", 8.0, "spam", 9.0),
    ("attack", 9.0, "attack", 9.0),
    ("attack", 10.0, "clean", 0.0),
]


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        tenants.ensure(connection, "globex")
        for digest, name in (("a" * 64, "old"), ("b" * 64, "new"), ("c" * 64, "third")):
            bundles.register(connection, digest=digest, name=name, path="/nowhere", signal_set="s")
        yield connection


@pytest.fixture
def scored(sql):
    """Ids of ROWS, of tenant acme."""
    bundles.flip(sql, live="a" * 64, shadow="b" * 64, author="test")
    return [add(sql, 1, row) for row in ROWS]


def add(sql, tenant, row, digest="b" * 64):
    live, live_log_odds, shadow, shadow_log_odds = row
    message_id = uuid7()
    sql.execute(
        """INSERT INTO messages (id, tenant_id, mailbox_id, job_id, sha256, month, size_bytes, received_at, direction)
           VALUES (%(id)s, %(tenant)s, 1, %(id)s, '', now()::date, 1, now(), 'inbound')""",
        {"id": message_id, "tenant": tenant},
    )
    sql.execute(
        """INSERT INTO message_state (message_id, tenant_id, mailbox_id, subject, sender)
           VALUES (%s, %s, 1, 'Hello', 'a@b.example')""",
        (message_id, tenant),
    )
    sql.execute(
        """INSERT INTO scores (message_id, revision, tenant_id, job_id, cause, log_odds, score, verdict, bundle,
                               signal_set, basis_pointer, basis_time)
           VALUES (%s, 1, %s, %s, 'intake', %s, 0.5, %s, repeat('a', 64), 's', 1, now())""",
        (message_id, tenant, message_id, live_log_odds, live),
    )
    sql.execute(
        """INSERT INTO shadow_scores (message_id, revision, tenant_id, bundle, log_odds, verdict)
           VALUES (%s, 1, %s, %s, %s, %s)""",
        (message_id, tenant, digest, shadow_log_odds, shadow),
    )
    return message_id


@pytest.fixture
def run(database, monkeypatch, capsys):
    """The command in this process: what it prints, or with --json the one object of its array."""
    monkeypatch.setenv("SCORELANE_DATABASE_URL", database.worker_url)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def call(*words: object, code=0):
        monkeypatch.setattr(sys, "argv", ["scorelane", "model", "compare", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        assert left.value.code == code, printed.err
        return json.loads(printed.out)[0] if "--json" in words else printed.out + printed.err

    return call


def test_agreement_flips_and_stability_are_those_worked_out_by_hand(sql, scored, run):
    for at, label in ((6, "attack"), (7, "legitimate"), (9, "spam")):
        labels.add(sql, 1, message_ids=[scored[at]], labels=[label], origin="analyst", author="ann")
    labels.retract(sql, labels.listing(sql, label="spam")[0]["id"], "ann")
    found = run("--json", "--differing", 5)
    assert (found["live"], found["shadow"], found["messages"]) == ("old", "new", 10)
    assert (found["agreed"], found["agreement"]) == (7, 0.7)
    assert found["only_shadow"] == {"messages": 2, "unwanted": 1, "legitimate": 1}
    assert found["only_live"] == {"messages": 1, "unwanted": 0, "legitimate": 0}, "a label taken back counts no more"
    assert found["mean_shift"] == pytest.approx((4 + 1 + 0 - 10) / 10)
    # Tenths of 1 to 10 start at 1, 2 … 9: live has none below 1, one in each but the last, two from 9 on. The shadow
    # has one below 1, one from each of 1 to 6, none from 7 and 8, three from 9 on.
    assert [(one["live"], one["shadow"]) for one in found["bins"]] == [
        (0, 1), *[(1, 1)] * 6, (1, 0), (1, 0), (2, 3)
    ]  # fmt: skip
    by_hand = 0.05 * math.log(2) + 2 * -0.05 * math.log(0.5) + 0.1 * math.log(1.5)
    assert found["psi"] == pytest.approx(by_hand, abs=1e-12)
    assert [row["message_id"] for row in found["differing"]] == [str(scored[at]) for at in (9, 7, 6)]
    assert found["differing"][2]["subject"] == "Hello"


@pytest.mark.usefixtures("scored")
def test_a_tenant_or_a_time_bounds_what_is_compared(sql, run):
    other = tenants.find(sql, "globex")
    add(sql, other, ("clean", 1.0, "attack", 9.0))
    assert run("--json")["messages"] == 11
    assert run("--json", "--tenant", "acme")["messages"] == 10
    assert run("--json", "--tenant", "globex")["only_shadow"]["messages"] == 1
    assert run("--json", "--since", "2100-01-01")["messages"] == 0
    assert "no message was scored by both yet" in run("--since", "2100-01-01")


@pytest.mark.usefixtures("scored")
def test_a_person_reads_a_table_with_the_same_figures(run):
    said = run("--differing", 2)
    assert "live old (aaaaaaaaaaaa), shadow new (bbbbbbbbbbbb)" in said
    assert "70.00 % of 10 messages" in said
    assert "-0.500 log-odds" in said
    assert "scores moved somewhat" in said
    assert "a@b.example" in said


@pytest.mark.usefixtures("scored")
def test_another_pair_is_compared_when_named(sql, run):
    add(sql, 1, ("clean", 1.0, "clean", 2.0), digest="c" * 64)
    found = run("--json", "--shadow", "third")
    assert (found["shadow_digest"], found["messages"]) == ("c" * 64, 1)


def test_what_cannot_be_compared_gets_one_line(sql, run):
    assert "no bundle is live; name one with --live, or first: scorelane model promote" in run(code=1)
    bundles.flip(sql, live="a" * 64, shadow=None, author="test")
    assert "no bundle is in shadow; name one with --shadow" in run(code=1)
    assert "compared with itself" in run("--shadow", "old", code=1)
    assert "neither the folder of a bundle" in run("--shadow", "nobody", code=1)
    assert "there is no tenant" in run("--shadow", "new", "--tenant", "nobody", code=1)
