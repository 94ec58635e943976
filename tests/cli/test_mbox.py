import io
import tracemalloc
from datetime import UTC, datetime

import pytest

from scorelane.cli.mbox import from_line_time, split

STAMP = b"From ann@example.com Sat Jan  3 01:05:34 2026\n"


class Endless:
    """A stream of one repeated block."""

    def __init__(self, block, times) -> None:
        self.block, self.times = block, times

    def read(self, _size):
        self.times -= 1
        return self.block if self.times >= 0 else b""


def messages(content, limit_bytes=1 << 20):
    return [entry.raw for entry in split(io.BytesIO(content), limit_bytes=limit_bytes)]


def test_messages_are_split_at_from_lines_after_a_blank_line():
    content = STAMP + b"Subject: a\n\none\n\n" + STAMP + b"Subject: b\n\ntwo\n\n"
    assert messages(content) == [b"Subject: a\n\none\n", b"Subject: b\n\ntwo\n"]


def test_prose_that_begins_with_from_does_not_split():
    content = STAMP + b"Subject: a\n\nHello.\n\nFrom here on it rains.\nYours\n"
    assert messages(content) == [b"Subject: a\n\nHello.\n\nFrom here on it rains.\nYours\n"]


def test_a_from_line_without_a_blank_line_before_it_does_not_split():
    content = STAMP + b"Subject: a\n\nquoted:\n" + STAMP + b"rest\n"
    assert len(messages(content)) == 1


def test_quoted_from_lines_lose_one_quote():
    content = STAMP + b"Subject: a\n\n>From one\n>>From two\n> From three\n"
    assert messages(content) == [b"Subject: a\n\nFrom one\n>From two\n> From three\n"]


def test_carriage_returns_are_kept():
    content = (STAMP + b"Subject: a\n\none\n\n" + STAMP + b"Subject: b\n\ntwo\n").replace(b"\n", b"\r\n")
    assert messages(content) == [b"Subject: a\r\n\r\none\r\n", b"Subject: b\r\n\r\ntwo\r\n"]


def test_a_lone_sender_splits_only_before_a_header():
    content = STAMP + b"A: b\n\n1\n\nFrom MAILER-DAEMON\nSubject: c\n\n2\n\nFrom Ann\nwith love\n"
    assert messages(content) == [b"A: b\n\n1\n", b"Subject: c\n\n2\n\nFrom Ann\nwith love\n"]


@pytest.mark.parametrize("limit_bytes", [10, 3 << 20])
def test_a_message_over_the_limit_is_dropped_and_the_next_one_is_found(limit_bytes):
    large = b"Subject: large\n\n" + b"x" * (4 << 20) + b"\n\n"
    content = STAMP + large + STAMP + b"A: b\n\n2"
    assert messages(content, limit_bytes) == [None, b"A: b\n\n2"]


@pytest.mark.parametrize("padding", range((1 << 20) - 60, (1 << 20) + 4, 3))
def test_a_separator_across_two_blocks_is_found(padding):
    content = STAMP + b"A: b\n\n" + b"x" * padding + b"\n\n" + STAMP + b"A: c\n\n2"
    assert len(messages(content, 4 << 20)) == 2


def test_memory_does_not_grow_with_the_stream():
    block = (STAMP + b"Subject: a\n\n" + b"x" * 1000 + b"\n\n") * 1000
    stream = Endless(block, 100)
    tracemalloc.start()
    try:
        count = sum(1 for _ in split(stream, limit_bytes=1 << 20))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 100_000
    assert peak_bytes < 10 << 20


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (STAMP, datetime(2026, 1, 3, 1, 5, 34, tzinfo=UTC)),
        (b"From a Thu, Nov 20 10:00 2025 +0200", datetime(2025, 11, 20, 8, tzinfo=UTC)),
        (b"From a Mon Nov 17 23:59:59 CET 2025", datetime(2025, 11, 17, 23, 59, 59, tzinfo=UTC)),
        (b"From a Mon Foo 17 23:59:59 2025", None),
        (b"From a Mon Feb 31 23:59:59 2025", None),
        (b"From MAILER-DAEMON", None),
    ],
)
def test_the_time_of_a_from_line(line, expected):
    assert from_line_time(line) == expected
