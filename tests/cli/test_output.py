"""What strangers wrote cannot command the terminal or the spreadsheet that shows it."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from scorelane import rescans
from scorelane.cli import output

HOSTILE = "\x1b]0;owned\x07\x9b2J\x7fpay"


def test_a_note_commands_no_terminal(capsys):
    output.note(f"{HOSTILE}\tnow\nor never")
    assert capsys.readouterr().err == "\ufffd]0;owned\ufffd\ufffd2J\ufffdpay\tnow\nor never\n"


def test_json_commands_no_terminal_and_says_the_same():
    written = output.to_json({"subject": HOSTILE})
    assert not any(ord(mark) < 0x20 or 0x7F <= ord(mark) <= 0x9F for mark in written)
    assert json.loads(written) == {"subject": HOSTILE}


def test_an_id_is_never_broken_in_two(capsys):
    row = (str(UUID(int=1)), "a long subject " * 20, "b@acme.test " * 20, b"\x01\xff")
    output.table("", ("id", "subject", "sender", "sha256"), [row])
    printed = capsys.readouterr().out
    assert str(UUID(int=1)) in printed
    assert "01ff" in printed


@pytest.mark.parametrize(
    ("width", "shown"), [(80, "id verdict sender subject"), (100, "id verdict log_odds sender subject")]
)
def test_a_narrow_terminal_gets_fewer_columns_and_a_line_a_row(capsys, monkeypatch, width, shown):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: True, raising=False)
    columns = ("id", "received_at", "verdict", "log_odds", "sender", "subject")
    rows = [
        (UUID(int=n), datetime(2026, 1, n, tzinfo=UTC), "attack", 4.0, "a@b.example" * 9, "x" * 200) for n in (1, 2)
    ]
    output.table("", columns, rows, numbers=("log_odds",), spare=("received_at", "log_odds"))
    head, *lines = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).splitlines()
    assert head.split() == shown.split()
    assert [line.split()[0] for line in lines] == [str(UUID(int=1)), str(UUID(int=2))]
    assert all(len(line) <= width and line.rstrip().endswith("…") for line in lines)


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\t=1+1", "'\t=1+1"),
        (HOSTILE, "\ufffd]0;owned\ufffd\ufffd2J\ufffdpay"),
        ('Invoice, "May"', 'Invoice, "May"'),
    ],
)
def test_a_sheet_holds_no_formula_and_no_control(subject, shown):
    flip = dict.fromkeys(("mailbox", "sender", "before_verdict", "verdict", "before_category", "category", "work"), "x")
    flip |= {"message_id": UUID(int=1), "received_at": datetime(2026, 1, 1, tzinfo=UTC), "subject": subject}
    flip |= {"before_log_odds": -1.5, "log_odds": 2.0, "reasons": []}
    (row,) = csv.DictReader(io.StringIO("".join(rescans.sheet([[flip]], rescans.CSV)), newline=""))
    assert row["subject"] == shown
    assert row["before_log_odds"] == "-1.5"
