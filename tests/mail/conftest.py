"""Messages built from what a test is about, and the parsed message of one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scorelane.mail import parse

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
TOP = b"From: Ann <ann@a.test>\r\nTo: bob@b.test\r\nSubject: Hello\r\nDate: Mon, 05 Jan 2026 09:59:00 +0000\r\n"


def mail(body=b"Hello\r\n", kind="text/plain; charset=utf-8", encoding=None, *, head=(), top=TOP):
    """Raw bytes of a message with one body; `head` are more header lines."""
    if isinstance(body, str):
        body = body.encode()
    lines = [*head, f"Content-Type: {kind}"] + ([f"Content-Transfer-Encoding: {encoding}"] if encoding else [])
    return top + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def multipart(*parts: tuple[list[str], bytes], kind="mixed", boundary="cut"):
    """Raw bytes of a multipart message; each part is (header lines, content)."""
    mark = f"--{boundary}".encode()
    body = b"".join(
        mark + b"\r\n" + "\r\n".join(head).encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts
    )
    return mail(body + mark + b"--\r\n", f"multipart/{kind}; boundary={boundary}")


@pytest.fixture
def build():
    return mail


@pytest.fixture
def build_parts():
    return multipart


@pytest.fixture
def read():
    """A parsed message with one body."""
    return lambda *args, **words: parse(mail(*args, **words), received_at=NOW)


@pytest.fixture
def read_html():
    """A parsed message with one HTML body."""
    return lambda source: parse(mail(source, "text/html; charset=utf-8"), received_at=NOW)


@pytest.fixture
def read_header():
    """A parsed message with these header lines alone."""
    return lambda *lines: parse("".join(f"{line}\r\n" for line in lines).encode() + b"\r\nHello", received_at=NOW)


@pytest.fixture
def kinds():
    """Kinds of a message's defects."""
    return lambda message: {defect.kind for defect in message.defects}


@pytest.fixture
def link():
    """The one URL of a text."""

    def of(text):
        found = parse(mail(text), received_at=NOW).links
        assert len(found) == 1, [link.url.href for link in found]
        return found[0].url

    return of
