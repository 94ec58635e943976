"""Retention and erasure: what goes, what stays, and the proof."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from db import dispatch, erasures, explanations, exports, forgetting, labels, outbox, retention, tenants
from db.session import connect
from db.tables import metadata
from scorelane import exporting
from scorelane.enqueuer import Enqueuer, Envelope, Incoming
from tasks.score import score_chunks
from tasks.session import Session
from worker import forgetting as keeping
from worker.up import ensure_bundle

OURS, OTHER = "ann@acme.test", "bob@acme.test"


@pytest.fixture
def sql(database):
    ensure_bundle(database.worker_url)
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        yield connection


@pytest.fixture
def acme(sql):
    return tenants.find(sql, "acme")


@pytest.fixture
def door(database, sql):  # noqa: ARG001 - the tenant is there before the door opens
    with Enqueuer(database.worker_url, database.broker_url) as enqueuer:
        yield enqueuer


def mail(number=0, to="all"):
    return (
        f"From: Eve <eve@b.example>\r\nTo: {to}\r\nSubject: hello {number}\r\n"
        f"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n"
        f"<a href='https://b{number}.example/'>see</a>\r\n--x\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n"
        f"%PDF {number} {to}\r\n--x--\r\n"
    ).encode()


def accept(door, numbers, mailbox=OURS, to="all", **more: str):
    batch = [Incoming(mail(number, to), envelope=Envelope(mail_from="eve@b.example")) for number in numbers]
    return [r.message_id for r in door.accept(batch, tenant="acme", mailbox=mailbox, lane="backfill", **more)]


def score(database, sql):
    session = Session(database.worker_url, group="test")
    due = dispatch.publish_due(sql, "backfill", 100_000)
    score_chunks(session, [(one.chunk_id, one.dispatch_id) for one in due])
    session.attachments.close()
    session.forget_connection()


def holding(sql, message_ids):
    """Tables that hold any of the messages."""
    found = set()
    for table in [*forgetting.OF_MESSAGES, "messages"]:
        column = "id" if table == "messages" else "message_id"
        (number,) = sql.execute(f"SELECT count(*) FROM {table} WHERE {column} = ANY (%s)", (message_ids,)).fetchone()
        if number:
            found.add(table)
    return found


def test_every_table_with_messages_is_forgotten_from():
    """A new table with a message_id, or a mailbox_id, must be forgotten from too."""
    of_messages = {name for name, table in metadata.tables.items() if "message_id" in table.columns}
    assert of_messages == set(forgetting.OF_MESSAGES)
    of_mailboxes = {name for name, table in metadata.tables.items() if "mailbox_id" in table.columns}
    assert of_mailboxes <= {*forgetting.OF_MESSAGES, "messages", "erasures"}


def filled(database, sql, acme, door):
    """(messages of ours, messages of another mailbox), scored, labelled, explained, told about."""
    mine = accept(door, range(6))
    shared = accept(door, range(2), mailbox=OTHER)
    score(database, sql)
    labels.add(sql, acme, message_ids=[*mine, *shared], labels=["spam"] * 8, origin="analyst", author="x")
    for message_id in (*mine, *shared):
        explanations.store(sql, acme, message_id, 1, b"why")
        sql.execute(
            "INSERT INTO outbox (tenant_id, message_id, kind, body) VALUES (%s, %s, 'verdict', '{}')",
            (acme, message_id),
        )
    sql.execute(
        """INSERT INTO rescan_results (rescan_id, message_id, tenant_id, mailbox_id, work, before_revision,
                                       before_verdict, before_log_odds, verdict, log_odds, vector)
           SELECT gen_random_uuid(), message_id, tenant_id, mailbox_id, 'full', 1, verdict, 0, 'attack', 1, ''
           FROM message_state"""
    )
    outbox.add_destination(sql, acme, name="x", kind="file", target="/x", secret=None, verdicts=None, author="t")
    outbox.route(sql)
    return mine, shared


def test_an_erased_mailbox_is_gone_from_every_table_and_its_neighbour_is_whole(database, sql, acme, door):
    mine, shared = filled(database, sql, acme, door)
    kept = {message_id: holding(sql, [message_id]) for message_id in shared}
    assert {"scores", "vectors", "sightings", "labels", "explanations", "deliveries", "rescan_results"} <= holding(
        sql, mine
    )
    erasure_id = erasures.request(sql, acme, OURS.upper(), author="test")
    assert erasures.request(sql, acme, OURS, author="test") == erasure_id
    keeping.erase_open(sql, threading.Event())
    assert holding(sql, mine) == set()
    assert {message_id: holding(sql, [message_id]) for message_id in shared} == kept
    assert sql.execute("SELECT address FROM mailboxes").fetchall() == [(OTHER,)]
    # Raw mail that the neighbour has a copy of stays; the rest is gone.
    assert sql.execute("SELECT count(*) FROM raw_mail").fetchone() == (2,)
    record = erasures.find(sql, erasure_id)
    assert record["finished_at"] is not None
    assert record["counts"]["messages"] == record["counts"]["scores"] == 6
    assert record["counts"]["raw_mail"] == 4
    assert bytes(record["address_sha256"]) == erasures.address_digest(OURS)
    everything = str(sql.execute("SELECT to_jsonb(e)::text FROM erasures e").fetchall())
    assert OURS not in everything + str(sql.execute("SELECT to_jsonb(a)::text FROM audit_log a").fetchall())


def test_records_are_chained_so_that_none_can_be_changed_or_left_out(sql, acme, door):
    for number in range(3):
        address = f"m{number}@acme.test"
        accept(door, [number], mailbox=address)
        erasures.request(sql, acme, address, author="test")
        keeping.erase_open(sql, threading.Event())
    records = erasures.listing(sql, acme)
    assert erasures.broken(records) == []
    assert erasures.broken([records[0], records[2]]) == [records[2]["id"]]
    records[1]["counts"]["messages"] = 0
    assert erasures.broken(records) == [records[1]["id"]]
    assert [r["id"] for r in erasures.listing(sql, acme, address="M1@acme.test")] == [records[1]["id"]]


def test_an_erasure_killed_half_way_ends_as_one_that_was_not(sql, acme, door, monkeypatch):
    monkeypatch.setattr(erasures, "BATCH", 2)
    accept(door, range(5))
    erasure_id = erasures.request(sql, acme, OURS, author="test")
    erasures.step(sql)
    with monkeypatch.context() as broken:
        broken.setattr(erasures, "_note", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            erasures.step(sql)
    assert sql.execute("SELECT count(*) FROM messages").fetchone() == (3,)
    keeping.erase_open(sql, threading.Event())
    record = erasures.find(sql, erasure_id)
    assert record["counts"]["messages"] == 5
    assert erasures.broken([record]) == []


def test_mail_that_comes_after_an_erasure_makes_a_new_mailbox_and_is_scored(database, sql, acme, door):
    accept(door, [1])
    erasures.request(sql, acme, OURS, author="test")
    keeping.erase_open(sql, threading.Event())
    (message_id,) = accept(door, [1])  # through a door that still remembers the old mailbox
    assert sql.execute(
        "SELECT b.address FROM messages m JOIN mailboxes b ON b.id = m.mailbox_id WHERE m.id = %s", (message_id,)
    ).fetchone() == (OURS,)
    score(database, sql)
    assert sql.execute("SELECT state FROM message_state").fetchall() == [("scored",)]


def test_messages_that_were_waiting_leave_their_job_and_their_chunk_is_done(database, sql, acme, door):
    accept(door, range(3))
    erasures.request(sql, acme, OURS, author="test")
    keeping.erase_open(sql, threading.Event())
    assert sql.execute("SELECT messages, state FROM jobs").fetchall() == [(0, "done")]
    score(database, sql)
    assert sql.execute("SELECT state FROM chunks").fetchall() == [("done",)]
    assert sql.execute("SELECT count(*) FROM scores").fetchone() == (0,)


def test_a_copy_that_arrives_while_its_raw_mail_is_being_deleted_keeps_its_own(database, sql, acme, door):
    """The erasure holds the raw mail's row when the neighbour's copy comes in: that waits, then stores it anew."""
    accept(door, [1])
    done = []
    with (
        connect(database.worker_url, application="eraser") as eraser,
        connect(database.worker_url, application="t") as t,
    ):
        with eraser.transaction():
            ids = [row[0] for row in eraser.execute("SELECT id FROM messages").fetchall()]
            forgetting.forget(eraser, acme, ids)
            coming = threading.Thread(target=lambda: done.append(accept(door, [1], mailbox=OTHER)))
            coming.start()
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            while t.execute(waiting).fetchone() == (0,):
                assert coming.is_alive()
        coming.join()
    assert len(done) == 1
    assert sql.execute(
        "SELECT count(*) FROM messages m JOIN raw_mail r ON r.sha256 = m.sha256 AND r.month = m.month"
    ).fetchone() == (1,)


def aged(sql, message_ids, days):
    """Move messages into the past, ids included, as if accepted `days` ago."""
    past = "uuid_floor(%s)::text"
    floor = f"overlay({past} PLACING substring({{0}}::text FROM 14) FROM 14)::uuid"
    at = datetime.now(UTC) - timedelta(days=days)
    for table in [*forgetting.OF_MESSAGES, "messages"]:
        column = "id" if table == "messages" else "message_id"
        sql.execute(
            f"UPDATE {table} SET {column} = {floor.format(column)} WHERE {column} = ANY (%s)", (at, message_ids)
        )


def test_raw_mail_vectors_and_scores_go_apart_each_at_its_time(database, sql, acme, door):
    mine, shared = filled(database, sql, acme, door)
    retention.set_periods(sql, acme, retention.Periods(raw_days=10, vector_days=20, score_days=30))
    stages = [
        (5, {"raw_mail": 6, "vectors": 8, "scores": 8}),
        (15, {"raw_mail": 2, "vectors": 8, "scores": 8}),
        (25, {"raw_mail": 2, "vectors": 2, "scores": 8}),
        (35, {"raw_mail": 2, "vectors": 2, "scores": 2}),
    ]
    for days, expected in stages:
        ids = [row[0] for row in sql.execute("SELECT id FROM messages WHERE id <> ALL (%s)", (shared,)).fetchall()]
        aged(sql, ids, days)
        sql.execute("DELETE FROM retained")
        while retention.retain(sql, acme):
            pass
        found = {table: sql.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in expected}
        assert found == expected, days
        again = sql.execute("SELECT count(vector), count(*) FROM rescan_results").fetchone()
        assert again == (expected["vectors"], expected["scores"]), days
    assert sql.execute("SELECT count(*) FROM messages").fetchone() == (2,)
    assert holding(sql, mine) == set()
    assert sql.execute("SELECT count(*) FROM sightings WHERE message_id <> ALL (%s)", (shared,)).fetchone() == (0,)
    actions = {row[0] for row in sql.execute("SELECT action FROM audit_log").fetchall()}
    assert {"retention.raw", "retention.vector", "retention.score"} <= actions


def test_retention_of_one_tenant_leaves_the_others_alone(sql, acme, door):
    rival, _ = tenants.ensure(sql, "rival")
    accept(door, [1])
    door.accept([Incoming(mail(1))], tenant="rival", mailbox=OURS, lane="backfill")
    ids = [row[0] for row in sql.execute("SELECT id FROM messages").fetchall()]
    aged(sql, ids, 100)
    retention.set_periods(sql, acme, retention.Periods(10, 10, 10))
    keeping.retain_all(sql, threading.Event())
    assert sql.execute("SELECT tenant_id, count(*) FROM messages GROUP BY 1").fetchall() == [(rival, 1)]


def test_an_export_holds_what_an_address_received_and_sent(database, sql, acme, door):
    filled(database, sql, acme, door)
    assert exports.mailbox(sql, acme, OURS.upper())["address"] == OURS
    records, after = exports.page(sql, acme, OURS, after=None, with_raw=True)
    assert after is None
    assert [record["held_as"] for record in records] == ["mailbox"] * 6
    first = exporting.line(records[0])
    assert b'"raw":"RnJvbTog' in first
    assert b'"mail_from":"eve@b.example"' in first
    assert records[0]["labels"][0]["label"] == "spam"
    assert records[0]["scores"][0]["revision"] == 1
    assert records[0]["sightings"]
    sent, _ = exports.page(sql, acme, "eve@b.example", after=None, with_raw=False)
    assert [record["held_as"] for record in sent] == ["sender"] * 8


def test_exports_page(sql, acme, door, monkeypatch):
    monkeypatch.setattr(exports, "PAGE", 2)
    accept(door, range(5))
    seen, after = [], None
    for _ in range(5):
        records, after = exports.page(sql, acme, OURS, after=after, with_raw=False)
        seen += [record["id"] for record in records]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 5


def test_the_apis_role_cannot_finish_or_forge_an_erasure(database, sql, acme, door):
    accept(door, [1])
    with psycopg.connect(database.api_url, autocommit=True) as api:
        api.execute("SELECT set_config('app.tenant', %s, false)", (str(acme),))
        erasures.request(api, acme, OURS, author="key")
        for statement in ("UPDATE erasures SET finished_at = now()", "DELETE FROM erasures", "DELETE FROM messages"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                api.execute(statement)
    assert datetime.now(UTC) - erasures.listing(sql, acme)[0]["requested_at"] < timedelta(minutes=5)
