"""A tenant's policy in the lanes: verdicts change and say by which rule, scores do not."""

from __future__ import annotations

import getpass
import json
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from db import bundles, directories, policies
from scorelane import directory
from scorelane.cli.__main__ import app
from scorelane.sample import attacks
from scorelane.scoring import Bundle, Policy, TenantPolicy, context, default_bundle_path
from scorelane.scoring.policy import override
from scorelane.signals.context import Directory

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MAIL = [
    f"From: {name} <{name}@{host}>\r\nTo: all@acme.test\r\nSubject: hello\r\n\r\nhow are you, {name}?\r\n".encode()
    for name, host in (("ann", "evil.test"), ("bob", "sub.evil.test"), ("eve", "evil.test"), ("joe", "good.test"))
]


def entry(action, value, **more):  # noqa: ANN003 - passed on
    return override(action, value, author=getpass.getuser(), at=NOW, **more)


@pytest.fixture
def show(database, monkeypatch, capsys):
    """What `scorelane messages show` prints."""

    def call(*words: object):
        monkeypatch.setenv("SCORELANE_DATABASE_URL", database.worker_url)
        capsys.readouterr()
        app(["messages", "show", *map(str, words)], standalone_mode=False)
        return capsys.readouterr().out

    return call


def test_overrides_change_verdicts_and_name_their_rule(sql, accept_mail, run_all):
    accept_mail(MAIL)
    run_all()
    plain = sql.execute("SELECT sender, log_odds, verdict, rule FROM message_state ORDER BY sender").fetchall()
    assert {row[3] for row in plain} == {"threshold"}
    body = TenantPolicy(overrides=(entry("block", "evil.test"), entry("allow", "eve@evil.test")))
    assert policies.add(sql, 1, author="ann", body=msgspec.to_builtins(body), after=0) == 1
    accept_mail(MAIL, mailbox="other@acme.test")
    run_all()
    found = sql.execute(
        "SELECT c.verdict, c.rule, c.policy_version FROM message_state s JOIN scores c ON c.message_id = s.message_id "
        "JOIN mailboxes b ON b.id = s.mailbox_id WHERE b.address = 'other@acme.test' ORDER BY s.sender"
    ).fetchall()
    assert found == [
        ("spam", "block domain evil.test", 1),
        ("spam", "block domain evil.test", 1),
        ("clean", "allow sender eve@evil.test", 1),
        (plain[-1][2], "threshold", 1),
    ]
    assert policies.add(sql, 1, author="bob", body={}, after=0) is None


@pytest.mark.parametrize(
    ("sender", "at", "verdict", "rule"),
    [
        ("ann@evil.test", NOW, "spam", "block domain evil.test"),
        ("ann@sub.evil.test", NOW, "clean", "allow domain sub.evil.test"),
        ("ann@notevil.test", NOW, "clean", "threshold"),
        ("joe@good.test", NOW, "spam", "block sender joe@good.test"),
        ("joe@good.test", NOW + timedelta(days=2), "clean", "threshold"),
        ("", NOW, "clean", "threshold"),
    ],
)
def test_the_closest_entry_that_has_not_ended_decides(sender, at, verdict, rule):
    entries = (
        entry("block", "evil.test"),
        entry("allow", "sub.evil.test"),
        entry("allow", "good.test", expires_at=NOW + timedelta(days=1)),
        entry("block", "joe@good.test", expires_at=NOW + timedelta(days=1)),
    )
    policy = Policy(flag=5, suspect=3, overrides=entries, version=1)
    assert policy.decide(0.0, None, sender, at) == (verdict, rule)


def test_a_directory_reaches_the_next_chunk_and_its_version_is_stored(sql, accept_mail, run_all):
    accept_mail(MAIL)
    run_all()
    mine = Directory(domains=frozenset({"acme.test"}))
    assert directories.add(sql, 1, author="ann", body=directory.encode(mine)) == 1
    accept_mail(MAIL, mailbox="other@acme.test")
    run_all()
    stored = sql.execute("SELECT context FROM vectors ORDER BY message_id").fetchall()
    assert [context.decode(row[0]).directory for row in stored] == [0] * 4 + [1] * 4


def test_a_verdict_is_traced_to_score_policy_rule_and_the_evidence_of_its_category(sql, accept_mail, run_all, show):
    body = TenantPolicy(overrides=(entry("block", "evil.test"),))
    policies.add(sql, 1, author="ann", body=msgspec.to_builtins(body), after=0)
    fraud = next(one for one in attacks(7, 40) if one.category == "extortion")
    receipts = accept_mail([MAIL[0], fraud.raw])
    run_all()
    live = bundles.current(sql).live
    blocked, extorted = (json.loads(show(one.message_id, "--json"))[0]["revisions"][0] for one in receipts)
    for revision in (blocked, extorted):
        assert (revision["bundle"], revision["policy_version"]) == (live, 1)
    assert blocked["rule"] == "block domain evil.test"
    assert blocked["verdict"] in ("spam", "attack")
    assert blocked["log_odds"] < Bundle.load(default_bundle_path()).thresholds["flag"], "the score is what it was"
    assert (extorted["category"], extorted["rule"]) == ("extortion", "threshold")
    assert extorted["evidence"]
    assert all(re.match(r"\w+ = \S+ in ", sentence) for sentence in extorted["evidence"])
    assert f"by block domain evil.test, policy 1, bundle {live[:12]}" in show(receipts[0].message_id)
