"""Workers read an operator's reference lists from the next chunk on, and say in each vector's context which."""

from __future__ import annotations

import numpy as np
import pytest

from scorelane.scoring import context
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
