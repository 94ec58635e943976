"""Workers read an operator's reference lists from the next chunk on, and say in each vector's context which."""

from __future__ import annotations

import numpy as np
import pytest

from db import bundles
from scorelane import rescans
from scorelane.enrichment import carried
from scorelane.mail import parse
from scorelane.scoring import Bundle, context
from scorelane.signals import signal_set
from scorelane.signals.reference import read_reference
from scorelane.signals.replacing import replace
from tasks.parity import check
from tasks.session import Session

RAW = b"From: Bob <bob@corp.example>\nTo: a@acme.test\nSubject: %d\nReply-To: bob@moonmail.example\n\nHello.\n"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "lists"


@pytest.fixture
def own_list(tmp_path):
    path = tmp_path / "free_mail.txt"
    path.write_text("moonmail.example\n")
    return path


@pytest.fixture
def session(database, sql, folder):  # noqa: ARG001 - a bundle is live
    one = Session(database.worker_url, group="test", lists=folder)
    yield one
    one.forget_connection()
    one.attachments.close()


def test_a_new_list_is_used_by_the_next_chunk_and_named_in_its_context(session, accept_mail, run_all, folder, own_list):
    accept_mail([RAW % 1])
    run_all()
    own = replace(own_list, folder)
    accept_mail([RAW % 2])
    run_all()
    rows = session.connection().execute("SELECT vector, context FROM vectors ORDER BY message_id").fetchall()
    column = signal_set().names.index("reply_to_free_mail_differs")
    assert [np.frombuffer(row[0], "<f4")[column] for row in rows] == [0, 1]
    assert [context.decode(row[1]).lists for row in rows] == [read_reference().digest, own.digest]
    report = check(session, None, messages=10, chunk=10)
    assert (report.equal, report.other_code, report.differing) == (1, 1, 0)


def test_a_rescan_after_new_lists_computes_again_what_reads_them(session, accept_mail, run_all, folder, own_list):
    sql = session.connection()
    accept_mail([RAW % 1, RAW % 2])
    run_all()
    own = replace(own_list, folder)
    bundle = Bundle.load(bundles.current(sql).live_path)
    for lists, work in ((read_reference().digest, "stored"), (own.digest, "full")):
        wanted = rescans.wanted_of(bundle, lists)
        assert rescans.preview(sql, 1, rescans.Asked(), wanted, "received").works == {work: 2}
    rescan_id, _ = rescans.start(sql, 1, rescans.Asked(), wanted, actor="ann", applies=True, live=bundle.digest)
    rescans.plan_all(sql, rescan_id)
    run_all()
    rows = sql.execute("SELECT vector, context FROM vectors WHERE revision = 2 ORDER BY message_id").fetchall()
    column = signal_set().names.index("reply_to_free_mail_differs")
    assert [np.frombuffer(row[0], "<f4")[column] for row in rows] == [1, 1]
    assert {context.decode(row[1]).lists for row in rows} == {own.digest}
    report = check(session, None, messages=10, chunk=10)
    assert (report.other_code, report.differing) == (2, 0), "the first vectors keep the lists of then"


def test_shorteners_of_the_operator_are_what_enrichment_follows(tmp_path, folder):
    path = tmp_path / "shorteners.txt"
    path.write_text("tiny.corp.example\n")
    lists = replace(path, folder).lists
    message = parse(b"From: a@b.example\n\nhttps://tiny.corp.example/x and https://bit.ly/y\n")
    assert carried(message, lists).short_urls == ("https://tiny.corp.example/x",)
    assert carried(message).short_urls == ("https://bit.ly/y",)
