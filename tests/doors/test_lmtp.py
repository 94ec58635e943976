"""LMTP: a reply a recipient, 4xx where the message should come again, never a lost message."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time

import msgspec
import pytest
import zstandard

from scorelane.doors import LmtpDoor, LmtpLimits, Misplaced, Routes
from scorelane.enqueuer import Enqueuer, Linger

SWAKS = shutil.which("swaks")
MAIL = b"From: ann@b.example\r\nSubject: hello\r\n\r\nhello\r\n.dot\r\n"


class Running:
    """A door on a free port, served from a thread of its own."""

    def __init__(self, door) -> None:
        self.door = door
        self._loop = asyncio.new_event_loop()
        self._stop = threading.Event()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,))
        self._thread.start()
        assert started.wait(10)
        host, _, port = door.address.rpartition(":")
        self.place = (host, int(port))

    def _run(self, started):
        async def serve():
            server = await self.door.listen("127.0.0.1:0")
            started.set()
            await asyncio.to_thread(self._stop.wait)
            await self.door.stop(server)

        self._loop.run_until_complete(serve())
        self._loop.close()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def client(self):
        return smtplib.LMTP(*self.place, local_hostname="mx.acme.test", timeout=20)


@pytest.fixture
def open_door(enqueuer, tally):
    doors = []

    def start(limits=None, through=enqueuer):
        linger = Linger(through)
        routes = Routes({"acme.test": "acme", "rival.test": "rival"}, None)
        running = Running(LmtpDoor(linger, routes, tally, limits))
        doors.append((running, linger))
        return running

    yield start
    for running, linger in doors:
        running.stop()
        linger.close()


def replies(client, recipients, raw=MAIL):
    """The reply to each recipient of one message, as a mail server reads them."""
    client.ehlo_or_helo_if_needed()
    client.mail("ann@b.example")
    for recipient in recipients:
        assert client.rcpt(recipient)[0] == 250
    assert client.docmd("DATA")[0] == 354
    client.send(smtplib._quote_periods(raw) + b".\r\n")
    return [client.getreply() for _ in recipients]


def rows(sql, query):
    return sql.execute(query).fetchall()


def test_each_recipient_gets_a_reply_and_a_mailbox_of_its_tenant(open_door, sql):
    with open_door().client() as client:
        answers = replies(client, ["ann@acme.test", "Bob@acme.test", "eve@rival.test"])
    assert [code for code, _ in answers] == [250, 250, 250]
    assert len({said for _, said in answers}) == 3
    assert rows(
        sql, "SELECT t.name, b.address FROM messages m JOIN mailboxes b ON b.id = m.mailbox_id "
        "JOIN tenants t ON t.id = m.tenant_id ORDER BY 1, 2"
    ) == [("acme", "ann@acme.test"), ("acme", "bob@acme.test"), ("rival", "eve@rival.test")]  # fmt: skip
    assert rows(sql, "SELECT DISTINCT actor FROM jobs") == [("lmtp",)]


def test_the_message_is_stored_byte_for_byte_with_its_envelope(open_door, sql):
    with open_door().client() as client:
        client.ehlo_or_helo_if_needed()
        assert client.docmd("XFORWARD", "ADDR=192.0.2.7 HELO=out.b.example NAME=[UNAVAILABLE]")[0] == 250
        replies(client, ["ann@acme.test"])
    ((content, envelope),) = rows(sql, "SELECT r.content, m.envelope FROM messages m JOIN raw_mail r USING (sha256)")
    assert zstandard.decompress(content) == MAIL
    assert msgspec.msgpack.decode(envelope) == {
        "mail_from": "ann@b.example",
        "rcpt_to": ["ann@acme.test"],
        "client_ip": "192.0.2.7",
        "helo": "out.b.example",
    }


def test_a_stranger_is_refused_at_rcpt_and_what_is_no_mail_after_data(open_door):
    with open_door().client() as client:
        client.ehlo_or_helo_if_needed()
        client.mail("ann@b.example")
        assert client.rcpt("x@elsewhere.test")[0] == 550
        client.rset()
        answers = replies(client, ["a@acme.test", "b@acme.test"], raw=b"\x01\x02 not mail\r\n")
    assert [code for code, _ in answers] == [554, 554]
    assert b"not mail" in answers[0][1]


def test_a_message_sent_again_is_a_duplicate_and_not_a_second_message(open_door, sql):
    with open_door().client() as client:
        replies(client, ["a@acme.test"])
        ((code, said),) = replies(client, ["a@acme.test"])
    assert (code, b"duplicate" in said) == (250, True)
    assert rows(sql, "SELECT count(*) FROM messages") == [(1,)]


def test_shedding_answers_4xx_and_the_message_comes_in_later(open_door, sql):
    sql.execute("UPDATE lanes SET backlog_limit = 1")
    with open_door().client() as client:
        replies(client, ["a@acme.test"])
        answers = replies(client, ["b@acme.test", "c@acme.test"])
        assert [code for code, _ in answers] == [452, 452]
        sql.execute("UPDATE lanes SET backlog_limit = 1000")
        time.sleep(1.1)  # the front door looks at a lane's limits once a second
        assert [code for code, _ in replies(client, ["b@acme.test", "c@acme.test"])] == [250, 250]


def test_a_database_that_is_away_answers_4xx(open_door, database):
    with Enqueuer("postgresql://nobody@127.0.0.1:1/none", database.broker_url) as lost:
        running = open_door(through=lost)
        with running.client() as client:
            ((code, _),) = replies(client, ["a@acme.test"])
        assert code == 451


def test_a_message_over_the_limit_gets_a_reply_a_recipient(open_door):
    with open_door(LmtpLimits(message_bytes=10_000)).client() as client:
        answers = replies(client, ["a@acme.test", "b@acme.test"], raw=MAIL + b"x" * 200 + b"\r\n" + b"y\r\n" * 9000)
        assert [code for code, _ in answers] == [552, 552]
        assert [code for code, _ in replies(client, ["a@acme.test"])] == [250]


def test_long_lines_are_mail_too(open_door):
    with open_door().client() as client:
        ((code, _),) = replies(client, ["a@acme.test"], raw=b"Subject: x\r\n\r\n" + b"x" * 300_000 + b"\r\n")
    assert code == 250


def test_a_connection_too_many_is_asked_to_come_again(open_door):
    running = open_door(LmtpLimits(connections=1))
    with running.client(), socket.create_connection(running.place, timeout=10) as second:
        assert second.recv(100).startswith(b"421 ")


def test_an_address_that_cannot_be_listened_at_says_so(enqueuer, tally):
    door = LmtpDoor(Linger(enqueuer), Routes({}, "acme"), tally)
    for listen, words in (("nowhere", "not host:port"), ("127.0.0.1:1x", "not host:port"), ("192.0.2.1:25", "cannot")):
        with pytest.raises(Misplaced, match=words):
            asyncio.run(door.listen(listen))
    door._linger.close()


def program(settings, *arguments: str):
    return subprocess.Popen(
        [sys.executable, "-m", "scorelane.cli", "lmtp", "--listen", "127.0.0.1:0", *arguments],
        env={**os.environ, **settings}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def listening(running):
    for line in running.stderr:
        if found := re.search(r"LMTP listens at (\S+):(\d+)", line):
            return found[1], int(found[2])
    pytest.fail("it never listened")


def test_the_program_serves_stops_in_order_and_counts(settings, sql):
    with program(settings, "--route", "acme.test=acme") as running:
        place = listening(running)
        with smtplib.LMTP(*place, timeout=20) as client:
            client.sendmail("ann@b.example", ["a@acme.test"], MAIL)
        running.send_signal(signal.SIGTERM)
        words = running.stderr.read()
        assert running.wait(30) == 0, words
    assert "stopped" in words
    assert ("lmtp_accepted", 1) in rows(sql, "SELECT name, value FROM counters")


@pytest.mark.skipif(SWAKS is None, reason="LEFT OUT: needs Debian's swaks")
def test_swaks_delivers(settings, sql):
    """The Swiss Army Knife for SMTP speaks LMTP as a mail server does."""
    with program(settings, "--tenant", "acme") as running:
        host, port = listening(running)
        answer = subprocess.run(
            [SWAKS, "--protocol", "LMTP", "--server", host, "--port", str(port), "--from", "ann@b.example",
             "--to", "a@acme.test,b@acme.test", "--header", "Subject: from swaks", "--body", "hello"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count("250 2.0.0 accepted") == 2
    assert rows(sql, "SELECT count(*) FROM messages") == [(2,)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say whose mail it is"),
        (("--route", "acme.test"), "not DOMAIN=TENANT"),
        (("--tenant", "nobody"), "there is no tenant 'nobody'"),
        (("--tenant", "acme", "--lane", "fast"), "not one of interactive"),
    ],
)
def test_a_door_that_cannot_open_says_why_in_one_line(settings, sql, arguments, words):  # noqa: ARG001
    with program(settings, *arguments) as running:
        said = running.stderr.read()
    assert running.returncode in (1, 2)
    assert said.count("\n") == 1
    assert words in said
