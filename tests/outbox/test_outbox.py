"""Webhooks and files: signed, at least once, in order a message, whatever the receiver does."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from db import outbox, tenants
from db.session import connect
from scorelane import outbox as rules
from scorelane.outbox import Deliverer, Limits, signature

QUICK = Limits(timeout_s=5, first_retry_s=0.01, attempts=4, allow_private=True)


class Receiver(ThreadingHTTPServer):
    """A real receiver. `answers` are the next statuses; after them it takes everything."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"

    @property
    def events(self):
        return [json.loads(body) for _, body in self.got]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.answers.pop(0) if self.server.answers else 204
        if status < 300:
            self.server.got.append((dict(self.headers), body))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.server.url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object):
        pass


@pytest.fixture
def receiver():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        yield connection


@pytest.fixture
def acme(sql):
    return tenants.ensure(sql, "acme")[0]


@pytest.fixture
def deliverer():
    one = Deliverer(QUICK)
    yield one
    one.close()


def happened(sql, tenant_id, message_id, revision, *, verdict="attack", before=None):
    body = {"message_id": str(message_id), "revision": revision, "verdict": verdict, "before": before}
    sql.execute(
        "INSERT INTO outbox (tenant_id, message_id, kind, body) VALUES (%s, %s, 'verdict', %s)",
        (tenant_id, message_id, Jsonb(body)),
    )


def destination(sql, tenant_id, target, *, kind="webhook", name="siem", verdicts=None):
    return rules.add(sql, tenant_id, name=name, kind=kind, target=str(target), verdicts=verdicts, author="test")


def until_idle(sql, deliverer, most=200):
    """Step until nothing waits; retries are made due at once."""
    for _ in range(most):
        sql.execute("UPDATE deliveries SET next_attempt_at = now() WHERE state = 'waiting'")
        sql.execute("UPDATE destinations SET rests_until = NULL")
        if not deliverer.step(sql):
            return
    pytest.fail("the outbox never comes to rest")


def states(sql):
    return dict(sql.execute("SELECT state, count(*) FROM deliveries GROUP BY 1").fetchall())


def test_a_webhook_is_signed_over_timestamp_and_body(sql, acme, receiver, deliverer):
    made = destination(sql, acme, receiver.url)
    happened(sql, acme, uuid7(), 1)
    deliverer.step(sql)
    ((headers, body),) = receiver.got
    stamp = headers["Scorelane-Timestamp"]
    expected = hmac.new(made.secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["Scorelane-Signature"] == f"v1={expected}" == signature(made.secret, int(stamp), body)
    assert abs(int(stamp) - time.time()) < 60
    assert headers["Host"] == receiver.url.split("/")[2]
    event = json.loads(body)
    assert (event["tenant"], event["kind"], event["verdict"]) == ("acme", "verdict", "attack")
    assert states(sql) == {"delivered": 1}


def test_a_receiver_that_flaps_gets_everything_in_order_a_message(sql, acme, receiver, deliverer):
    destination(sql, acme, receiver.url)
    receiver.answers = [500, 204, 503, 429, 204, 500] * 3
    ids = [uuid7() for _ in range(6)]
    for revision in range(1, 4):
        for message_id in ids:
            happened(sql, acme, message_id, revision)
    until_idle(sql, deliverer)
    assert states(sql) == {"delivered": 18}
    for message_id in ids:
        seen = [event["revision"] for event in receiver.events if event["message_id"] == str(message_id)]
        assert seen == [1, 2, 3]


def test_what_nobody_takes_is_dead_until_it_is_replayed(sql, acme, receiver, deliverer):
    destination(sql, acme, receiver.url)
    receiver.answers = [500] * QUICK.attempts
    message_id = uuid7()
    happened(sql, acme, message_id, 1)
    until_idle(sql, deliverer)
    (row,) = outbox.listing(sql, state="dead")
    assert (row["attempts"], row["status"]) == (QUICK.attempts, 500)
    assert "answered 500" in row["error"]
    # A dead event does not hold up the later ones of its message.
    happened(sql, acme, message_id, 2)
    until_idle(sql, deliverer)
    assert [event["revision"] for event in receiver.events] == [2]
    assert outbox.replay(sql, row["id"]) == acme
    until_idle(sql, deliverer)
    assert [event["revision"] for event in receiver.events] == [2, 1]
    assert outbox.listing(sql, state="dead") == []


def test_retries_back_off_heed_retry_after_and_let_a_dead_receiver_rest(sql, acme, receiver):
    destination(sql, acme, receiver.url)
    slow = Deliverer(Limits(first_retry_s=100, allow_private=True))
    receiver.answers = [500] * 3
    for _ in range(3):
        happened(sql, acme, uuid7(), 1)
        slow.step(sql)
        sql.execute("UPDATE destinations SET rests_until = NULL WHERE failures < 3")
    waits = [
        wait
        for (wait,) in sql.execute(
            "SELECT extract(epoch FROM next_attempt_at - now())::float8 FROM deliveries"
        ).fetchall()
    ]
    assert all(70 < wait < 125 for wait in waits)
    assert sql.execute("SELECT failures, rests_until > now() FROM destinations").fetchone() == (3, True)
    happened(sql, acme, uuid7(), 1)
    assert slow.step(sql) == 0
    slow.close()


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 500 No\r\nContent-Length: 60\r\n\r\n"])
def test_an_answer_a_byte_at_a_time_ends_with_the_attempts_time(sql, acme, start):
    def drip(listener):
        call, _ = listener.accept()
        with call, contextlib.suppress(OSError):
            call.sendall(start)
            for _ in range(60):
                call.sendall(b"a")
                time.sleep(0.1)
            call.sendall(b"\r\n\r\n")

    one = Deliverer(Limits(timeout_s=0.5, first_retry_s=100, allow_private=True))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        destination(sql, acme, f"http://127.0.0.1:{listener.getsockname()[1]}/")
        happened(sql, acme, uuid7(), 1)
        one.step(sql)
        one.close()
        thread.join()
    ((state, error),) = sql.execute("SELECT state, error FROM deliveries").fetchall()
    assert (state, error.partition(":")[0]) == ("waiting", "ReadTimeout")


def test_a_crash_between_sending_and_noting_sends_again(sql, acme, receiver, tmp_path, monkeypatch):
    deliverer = Deliverer(QUICK)
    destination(sql, acme, receiver.url)
    destination(sql, acme, tmp_path / "events.jsonl", kind="file", name="file")
    happened(sql, acme, uuid7(), 1)
    with monkeypatch.context() as broken:
        broken.setattr(outbox, "settle", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            deliverer.step(sql)
    assert states(sql) == {"waiting": 2}
    until_idle(sql, deliverer)
    assert states(sql) == {"delivered": 2}
    assert len(receiver.got) == 2
    assert len({event["id"] for event in receiver.events}) == 1
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == receiver.events
    deliverer.close()


def test_a_file_that_cannot_be_written_waits(sql, acme, deliverer, tmp_path):
    folder = tmp_path / "sink"
    folder.mkdir()
    destination(sql, acme, folder / "events.jsonl", kind="file")
    folder.rmdir()
    happened(sql, acme, uuid7(), 1)
    deliverer.step(sql)
    assert states(sql) == {"waiting": 1}
    folder.mkdir()
    until_idle(sql, deliverer)
    assert len((folder / "events.jsonl").read_text().splitlines()) == 1


def test_a_file_is_rotated_and_removed_under_the_sink_and_no_line_is_lost(sql, acme, deliverer, tmp_path):
    """As logrotate does: renamed, and somebody else's file of that name gone; what follows goes to a new one."""
    sink = tmp_path / "events.jsonl"
    destination(sql, acme, sink, kind="file")
    kept = []
    for number in range(1, 7):
        happened(sql, acme, uuid7(), number)
        until_idle(sql, deliverer)
        if number in (2, 3):
            sink.rename(tmp_path / f"events.jsonl.{number}")
        if number == 5:
            kept += sink.read_text().splitlines()
            sink.unlink()
    for file in sorted(tmp_path.glob("events.jsonl*")):
        kept += file.read_text().splitlines()
    sent = {row[0] for row in sql.execute("SELECT id FROM outbox").fetchall()}
    assert len(sent) == 6
    assert sorted(json.loads(line)["id"] for line in kept) == sorted(sent)
    assert {file.name for file in tmp_path.iterdir()} == {"events.jsonl", "events.jsonl.2", "events.jsonl.3"}


def test_a_file_is_rotated_all_the_time_while_lines_are_written(sql, acme, deliverer, tmp_path):
    sink = tmp_path / "events.jsonl"
    destination(sql, acme, sink, kind="file")
    ended = threading.Event()

    def rotate():
        turn = 0
        while not ended.wait(0.002):
            with contextlib.suppress(FileNotFoundError):
                sink.rename(tmp_path / f"events.jsonl.{turn}")
                turn += 1

    rotating = threading.Thread(target=rotate)
    rotating.start()
    for number in range(1, 41):
        happened(sql, acme, uuid7(), number)
        deliverer.step(sql)
    until_idle(sql, deliverer)
    ended.set()
    rotating.join()
    lines = [line for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == 40


def test_a_line_that_was_cut_off_spoils_none_after_it(sql, acme, deliverer, tmp_path):
    sink = tmp_path / "events.jsonl"
    sink.write_text('{"id": 1, "ki')
    destination(sql, acme, sink, kind="file")
    happened(sql, acme, uuid7(), 1)
    until_idle(sql, deliverer)
    cut, whole = sink.read_text().splitlines()
    assert cut == '{"id": 1, "ki'
    assert json.loads(whole)["tenant"] == "acme"


def test_a_pipe_in_the_place_of_the_file_holds_nothing_up(sql, acme, deliverer, tmp_path):
    destination(sql, acme, tmp_path / "events.jsonl", kind="file")
    os.mkfifo(tmp_path / "events.jsonl")
    happened(sql, acme, uuid7(), 1)
    deliverer.step(sql)
    assert "not a regular file" in outbox.listing(sql, state="waiting")[0]["error"]


def test_destinations_get_the_verdicts_and_the_tenant_that_they_asked_for(sql, acme, receiver, deliverer):
    rival, _ = tenants.ensure(sql, "rival")
    destination(sql, acme, receiver.url, verdicts=["attack"])
    happened(sql, rival, uuid7(), 1)
    happened(sql, acme, uuid7(), 1, verdict="spam")
    happened(sql, acme, uuid7(), 1, verdict="attack")
    happened(sql, acme, uuid7(), 2, verdict="clean", before="attack")
    until_idle(sql, deliverer)
    got = sorted((event["tenant"], event["verdict"]) for event in receiver.events)  # of two messages, in any order
    assert got == [("acme", "attack"), ("acme", "clean")]


def test_a_webhook_to_the_inside_is_refused_for_good_and_redirects_are_not_followed(sql, acme, receiver):
    destination(sql, acme, receiver.url.replace("127.0.0.1", "localhost"))
    happened(sql, acme, uuid7(), 1)
    guarded = Deliverer(Limits())
    guarded.step(sql)
    guarded.close()
    (row,) = outbox.listing(sql, state="dead")
    assert "not an address of the outside world" in row["error"]
    assert receiver.got == []
    outbox.replay(sql, row["id"])
    receiver.answers = [302]
    open_ = Deliverer(QUICK)
    open_.step(sql)
    open_.close()
    assert receiver.got == []
    assert outbox.listing(sql, state="waiting")[0]["status"] == 302


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"target": "ftp://siem.acme.test/"}, "an address like https://"),
        ({"target": "https://user:pw@siem.acme.test/"}, "without a login"),
        ({"target": "https://siem.acme.test:99999/"}, "an address like https://"),
        ({"kind": "file", "target": "events.jsonl"}, "not an absolute path"),
        ({"kind": "pigeon"}, "not one of webhook, file"),
        ({"verdicts": ["bad"]}, "not one of attack"),
        ({"name": ""}, "1 to 80"),
    ],
)
def test_a_destination_that_cannot_be_says_what_would_be_right(more, words):
    asked = {"name": "x", "kind": "webhook", "target": "https://a.test/", "verdicts": None, "author": "t", **more}
    with pytest.raises(rules.Rejected, match=words):
        rules.add(None, 1, **asked)


def test_the_program_delivers_until_it_is_told_to_stop(database, sql, acme, receiver, tmp_path):
    destination(sql, acme, receiver.url)
    settings = {"SCORELANE_DATABASE_URL": database.worker_url, "SCORELANE_OUTBOX_ALLOW_PRIVATE": "true"}
    with (tmp_path / "log").open("w") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "worker.outbox"], env={**os.environ, **settings}, stderr=log, stdout=log
        )
        try:
            for revision in range(1, 4):
                happened(sql, acme, uuid7(), revision)
            until = time.monotonic() + 40
            while len(receiver.got) < 3 and time.monotonic() < until:
                time.sleep(0.05)
        finally:
            program.send_signal(signal.SIGTERM)
            code = program.wait(20)
    assert code == 0, (tmp_path / "log").read_text()
    assert len(receiver.got) == 3


def test_old_events_are_swept_once_nothing_waits_for_them(sql, acme, receiver, deliverer):
    destination(sql, acme, receiver.url)
    for _ in range(3):
        happened(sql, acme, uuid7(), 1)
    until_idle(sql, deliverer)
    happened(sql, acme, uuid7(), 1)
    outbox.route(sql)
    sql.execute("UPDATE outbox SET created_at = now() - interval '40 days'")
    assert outbox.sweep(sql, 30) == 3
    assert states(sql) == {"waiting": 1}
