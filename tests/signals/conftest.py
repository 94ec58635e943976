"""Messages built from a few words, and the value of one signal on them.

`examples/*.py` hold, for every signal, a message on which it speaks and one on which it rests.
"""

from __future__ import annotations

import runpy
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scorelane.mail import parse
from scorelane.signals import compute, signal_set
from scorelane.signals.context import Directory

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
TEXT = "Shall we meet for lunch on Friday? The usual place is fine with me and with Carol."


def build(
    *,
    from_="Ann Lee <ann.lee@example.com>",
    to="Bob Roe <bob@example.org>",
    subject="Lunch",
    text=TEXT,
    html=None,
    files=(),
    h=(),
    drop=(),
):
    """Raw bytes of a small honest message, changed where asked."""
    headers = [
        ("Return-Path", "<ann.lee@example.com>"),
        ("From", from_),
        ("To", to),
        ("Subject", subject),
        ("Date", "Mon, 05 Jan 2026 09:59:00 +0000"),
        ("Message-ID", "<1@example.com>"),
        ("MIME-Version", "1.0"),
    ]
    own = {name.lower() for name, _ in h} | {name.lower() for name in drop}
    headers = [(name, value) for name, value in headers if name.lower() not in own and value is not None]
    parts = []
    if text is not None:
        parts.append(("Content-Type: text/plain; charset=utf-8", text.encode()))
    if html is not None:
        parts.append(("Content-Type: text/html; charset=utf-8", html.encode()))
    for name, kind, content in files:
        top = f'Content-Type: {kind}; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"'
        if kind == "message/rfc822":
            parts.append((f"Content-Type: {kind}", content))
        else:
            parts.append((f"{top}\r\nContent-Transfer-Encoding: base64", b64encode(content)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in [*headers, *h]).encode()
    if len(parts) == 1 and not files:
        return lines + parts[0][0].encode() + b"\r\n\r\n" + parts[0][1] + b"\r\n"
    kind = "mixed" if files else "alternative"
    body = b"".join(b"--b\r\n" + top.encode() + b"\r\n\r\n" + content + b"\r\n" for top, content in parts)
    return lines + f"Content-Type: multipart/{kind}; boundary=b\r\n\r\n".encode() + body + b"--b--\r\n"


def value_of(name, *, hist=None, facts=None, directory=None, at=NOW, edit=None, **spec):  # noqa: ANN003 - the words of `build`
    """Value of one signal on a built message; None where it is missing."""
    raw = spec["raw"] if "raw" in spec else build(**spec)
    message = parse(raw, received_at=at)
    failures = []
    vector = compute(
        edit(message) if edit else message,
        history=hist,
        facts=facts,
        directory=directory or Directory(),
        set_=signal_set([name]),
        on_failure=lambda *failure: failures.append(failure),
    )
    assert not failures
    return None if vector.statuses[0] else float(vector.values[0])


def examples():
    """Every row of `examples/*.py`: (signal, message, value, other message, its value)."""
    folder = Path(__file__).with_name("examples")
    return [row for path in sorted(folder.glob("*.py")) for row in runpy.run_path(str(path))["ROWS"]]


def pytest_generate_tests(metafunc):
    if "example" in metafunc.fixturenames:
        metafunc.parametrize("example", examples(), ids=lambda row: row[0])


@pytest.fixture
def value():
    return value_of


@pytest.fixture
def letter():
    return lambda **spec: parse(build(**spec), received_at=NOW)


@pytest.fixture(scope="session")
def all_examples():
    return examples()


CONTEXT = {"hist", "facts", "directory", "at", "edit"}


@pytest.fixture(scope="session")
def example_mail():
    """Raw bytes of every example's message."""
    specs = [spec for row in examples() for spec in (row[1], row[3])]
    words = [{word: given for word, given in spec.items() if word not in CONTEXT} for spec in specs]
    return sorted({spec["raw"] if "raw" in spec else build(**spec) for spec in words})


@pytest.fixture(scope="session")
def build_mail():
    return build
