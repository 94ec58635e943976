"""The parser and Python's `email` read the same, or the message names why not."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from scorelane.mail import parse
from scorelane.sample import sample_mailbox

HERE = Path(__file__).parent
compare = runpy.run_path(str(HERE.parent.parent / "benchmarks" / "differential.py"))["compare"]
messages = runpy.run_path(str(HERE / "strategies.py"))["messages"]
PARTS = b"From: a@b.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"


def unnamed(raw):
    return [(found.kind, found.where) for found in compare(raw) if not found.named_by]


def test_the_two_agree_on_mail_as_people_send_it():
    assert [found for one in sample_mailbox(7, 300) for found in compare(one.raw)] == []


@pytest.mark.parametrize(
    ("raw", "kind", "named_by"),
    [
        (b"From: a@b.test\r\nno field\r\nTo: c@d.test\r\n\r\nx", "header names", "header_malformed"),
        (b"From: a@b.test\r\nX: " + b"x" * 20_000 + b"\r\n\r\nx", "header values", "header_truncated"),
        (
            b"From: a@b.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 300,
            "structure",
            "part_limit",
        ),
        (b"From: a@b.test\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsb", "content", "base64_malformed"),
        (PARTS + b"--b\r\n\r\npay\r\n--b--</html>\r\n", "content", "boundary_malformed"),
    ],
)
def test_a_difference_is_found_and_named(raw, kind, named_by):
    assert (kind, named_by) in [(found.kind, found.named_by) for found in compare(raw)]


def test_a_difference_that_nothing_names_is_told(monkeypatch):
    monkeypatch.setitem(compare.__globals__, "parse", lambda raw: parse(raw.replace(b"pay", b"day")))
    assert unnamed(b"From: a@b.test\r\n\r\npay\r\n") == [("content", "1 text/plain ")]


@pytest.mark.parametrize("inside", [b"--b\r\nContent-Type: text/plain\r\npay\r\n--b--\r\n", b"pay\r\n--b--\r\n"])
def test_parts_that_one_of_them_would_lose_are_read_alike(inside):
    assert compare(PARTS + inside) == []
