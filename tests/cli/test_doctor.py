"""`scorelane doctor`: every check on real servers, sound and ailing."""

from __future__ import annotations

import json
import shutil

import pytest
import redis

from db import bundles, dispatch, tenants
from db.session import connect
from scorelane.cli import doctor as command
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.scoring import Bundle
from tests.bundles import shifted
from worker.up import ensure_bundle


@pytest.fixture
def sql(database, monkeypatch):
    monkeypatch.setenv("SCORELANE_DATABASE_URL", database.worker_url)
    monkeypatch.setenv("SCORELANE_BROKER_URL", database.broker_url)
    with connect(database.worker_url, application="test") as connection:
        yield connection


@pytest.fixture
def run(capsys):
    """Findings by check, and the exit code."""

    def call():
        code = command.doctor(as_json=True)
        return {row["check"]: (row["state"], row["said"]) for row in json.loads(capsys.readouterr().out)}, code

    return call


def test_a_sound_system_is_ok_in_every_check(database, sql, run):
    ensure_bundle(database.worker_url)
    dispatch.lead(sql, "host:1", 60)
    found, code = run()
    assert code == 0
    assert {state for state, _ in found.values()} == {"ok"}
    assert list(found) == [
        "database", "schema", "partitions", "dispatcher", "oldest waiting", "dead letters", "live bundle",
        "shadow bundle", "last score", "broker", "shipped bundle",
    ]  # fmt: skip
    assert found["dispatcher"] == ("ok", "host:1 leads")
    with redis.Redis.from_url(database.broker_url) as client:
        assert f"valkey {client.info()['valkey_version']}," in found["broker"][1]


def test_what_ails_is_named_with_what_to_do(database, sql, run, tmp_path):
    ensure_bundle(database.worker_url)
    folder = shifted(tmp_path / "lost", 1.0)
    lost = Bundle.load(folder)
    bundles.register(sql, digest=lost.digest, name="lost", path=str(folder), signal_set=lost.signal_set.hash)
    bundles.flip(sql, live=lost.digest, shadow=None, author="test")
    shutil.rmtree(folder)
    tenants.ensure(sql, "acme")
    with Enqueuer(database.worker_url, database.broker_url) as door:
        (receipt,) = door.accept([Incoming(b"Subject: x\n\nx")], tenant="acme", mailbox="a@acme.test", lane="realtime")
    sql.execute("UPDATE chunks SET created_at = now() - interval '5 minutes'")
    sql.execute(
        "INSERT INTO dead_letters (tenant_id, message_id, job_id, lane, attempts, error) "
        "SELECT tenant_id, id, job_id, 'realtime', 3, 'x' FROM messages WHERE id = %s",
        (receipt.message_id,),
    )
    found, code = run()
    assert code == 1
    assert found["live bundle"][0] == "bad"
    assert "its content is not stored" in found["live bundle"][1]
    assert found["dispatcher"] == ("bad", "nobody leads, so no lane is fed; start one: python -m worker.dispatcher")
    assert found["oldest waiting"][0] == "worry"
    assert found["dead letters"] == ("worry", "1 open; see: scorelane dead-letters list")


def test_servers_that_do_not_answer_and_a_schema_that_is_behind_are_each_one_line(database, sql, run, monkeypatch):
    with connect(database.owner_url, application="test") as owner:
        owner.execute("UPDATE alembic_version SET version_num = 'older'")
    found, code = run()
    assert (code, found["schema"][0]) == (1, "bad")
    assert "run: scorelane migrate" in found["schema"][1]
    assert "live bundle" not in found, "nothing is asked of tables that may not be there"
    monkeypatch.setenv("SCORELANE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("SCORELANE_BROKER_URL", "redis://127.0.0.1:1/0")
    found, code = run()
    assert code == 1
    for check in ("database", "broker"):
        state, said = found[check]
        assert (state, "does not answer" in said, "\n" in said) == ("bad", True, False)
    assert found["shipped bundle"][0] == "ok"
    assert sql.execute("SELECT 1").fetchone() == (1,)
