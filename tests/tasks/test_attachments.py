"""Attachments on the lanes: opened once, kept, reused by every later score, and never a reason to fail."""

from __future__ import annotations

import sys
from email.message import EmailMessage

import numpy as np
import pytest

from db import extractions, tenants
from scorelane.extract import Extractor, Limits, decode, encode, extractor_version, keys, wanted
from scorelane.mail import Extraction, parse
from scorelane.scoring import Context, context
from scorelane.signals import compute_chunk
from tasks.attachments import PAUSE_S, Attachments, replay
from tasks.session import Session

PAGE = b"<html><form action='https://harvest.example/post'><input type=password></form>"
LINK = b"[InternetShortcut]\r\nURL=https://shortcut.example/a\r\n"


def mail(number, *files):  # noqa: ANN002 - files are given freely
    """Raw mail with (name, content) attached."""
    message = EmailMessage()
    message["From"] = f"Ann <ann@b{number}.example>"
    message["To"] = "all@acme.test"
    message["Subject"] = f"File {number}"
    message.set_content("See the file.")
    for name, content in files:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


@pytest.fixture
def session(database):
    one = Session(database.worker_url, group="test")
    yield one
    one.attachments.close()
    one.forget_connection()


@pytest.fixture
def tenant(sql):
    return tenants.find(sql, "acme")


@pytest.fixture
def attachments():
    one = Attachments()
    yield one
    one.close()


class Stubborn(Extractor):
    """Hangs on files that say so."""

    def open(self, content, kind, *, fault=""):
        return super().open(content, kind, fault="hang" if b"hang" in content else fault)


def contexts(sql):
    return [context.decode(row[0]) for row in sql.execute("SELECT context FROM vectors ORDER BY message_id")]


@pytest.mark.usefixtures("session")
def test_a_scored_message_keeps_its_extraction_and_names_its_version(sql, tenant, accept_mail, run_all):
    accept_mail([mail(1), mail(2, ("login.html", PAGE))])
    run_all()
    version = extractor_version()
    assert [(one.extractor, one.unopened) for one in contexts(sql)] == [(version, ())] * 2
    kept = extractions.load(sql, tenant, version, keys([wanted(parse(mail(2, ("login.html", PAGE))))]))
    (found,) = map(decode, kept.values())
    assert found.markup.password_inputs == 1
    assert found.urls == ("https://harvest.example/post",)


def test_what_is_kept_is_not_opened_again(sql, tenant, attachments, monkeypatch):
    messages = [parse(mail(1, ("login.html", PAGE)))]
    first = attachments.open(sql, tenant, messages)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    later = Attachments()
    assert later.open(sql, tenant, messages) == first
    assert first[0].message.links[-1].url.host == "harvest.example"


def test_a_replayed_vector_is_bit_equal_alone_and_in_a_chunk(sql, tenant, attachments):
    messages = [parse(mail(n, ("login.html", PAGE + b"%d" % (n % 3)), ("a.url", LINK))) for n in range(6)]
    known = attachments.open(sql, tenant, messages)
    logged = [Context(extractor=one.extractor, unopened=one.unopened) for one in known]
    wanted_bits = compute_chunk([one.message for one in known])
    together = compute_chunk([one.message for one in replay(sql, tenant, messages, logged)])
    assert together[0].tobytes() == wanted_bits[0].tobytes()
    assert together[1] == wanted_bits[1]
    for at, message in enumerate(messages):
        (alone,) = replay(sql, tenant, [message], [logged[at]])
        assert alone == known[at]
        assert compute_chunk([alone.message])[0].tobytes() == np.ascontiguousarray(wanted_bits[0][at]).tobytes()


def test_a_replay_of_a_vector_without_extraction_knows_nothing_of_attachments(sql, tenant):
    message = parse(mail(1, ("login.html", PAGE)))
    for said in (Context(), None):
        assert replay(sql, tenant, [message], [said])[0].message.opened is None


def test_the_result_of_the_worker_that_was_first_is_the_truth(sql, tenant, attachments, monkeypatch):
    message = parse(mail(1, ("login.html", PAGE)))
    store = extractions.store
    hers = Extraction("timeout", "text/html", detail="cpu_s")

    def late(connection, tenant_id, version, results):
        """Another worker keeps her result just before."""
        store(connection, tenant_id, version, {key: extractions.Kept("timeout", encode(hers)) for key in results})
        return store(connection, tenant_id, version, results)

    monkeypatch.setattr(extractions, "store", late)
    (known,) = attachments.open(sql, tenant, [message])
    assert known.message.opened[0].found == hers
    assert known.message.links == ()
    (again,) = replay(sql, tenant, [message], [Context(extractor=known.extractor)])
    assert again == known


def test_a_hanging_attachment_is_a_status_and_its_chunk_mates_are_opened(sql, tenant):
    messages = [parse(mail(1, ("a.html", PAGE + b"hang"))), parse(mail(2, ("b.html", PAGE)))]
    one = Attachments(Stubborn(Limits(wall_s=0.5)))
    try:
        known = one.open(sql, tenant, messages)
    finally:
        one.close()
    assert [found.message.opened[0].found.status for found in known] == ["timeout", "ok"]
    assert sql.execute("SELECT status FROM extractions ORDER BY status").fetchall() == [("ok",), ("timeout",)]


class Slow(Extractor):
    """Takes eight seconds a file, on a clock of its own."""

    now = 0.0

    def open(self, content, kind, *, fault=""):
        self.now += 8
        return super().open(content, kind, fault=fault)


def test_the_budget_of_time_is_a_tasks_however_many_chunks_or_calls_it_takes(sql, tenant):
    extractor = Slow()
    one = Attachments(extractor, clock=lambda: extractor.now)
    messages = [parse(mail(n, ("login.html", PAGE + b"%d" % n))) for n in range(5)]
    try:
        known = [one.open(sql, tenant, [message])[0] for message in messages[:4]]
        one.begin()
        (again,) = one.open(sql, tenant, messages[4:])
    finally:
        one.close()
    assert [len(found.unopened) for found in known] == [0, 0, 0, 1], "24 s of 20 are spent after the third"
    assert again.unopened == ()


@pytest.mark.usefixtures("tenant")
def test_mail_is_scored_where_no_server_can_be_started(sql, session, accept_mail, run_all, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    accept_mail([mail(1, ("login.html", PAGE))])
    run_all()
    assert sql.execute("SELECT count(*) FROM scores").fetchone() == (1,)
    assert [one.extractor for one in contexts(sql)] == [""]
    assert session.attachments is not None


def test_a_server_that_cannot_be_started_is_left_alone_for_a_while(sql, tenant, monkeypatch):
    now = [0.0]
    one = Attachments(clock=lambda: now[0])
    messages = [parse(mail(1, ("login.html", PAGE)))]
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/bin/false")
        assert one.open(sql, tenant, messages)[0].message.opened is None
    try:
        assert one.open(sql, tenant, messages)[0].message.opened is None
        now[0] = PAUSE_S
        assert one.open(sql, tenant, messages)[0].message.opened is not None
    finally:
        one.close()
