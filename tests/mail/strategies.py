"""Hostile mail from a generator: what the tests of properties, the differential test and the fuzzer share."""

from __future__ import annotations

import random
from base64 import b64encode

from hypothesis import strategies as st

TOKENS = tuple(
    token.encode("utf-8", "surrogatepass")
    for token in (
        "\r\n", "\n", "\r", " ", "\t", "\r\n ", "\r\n\r\n", "--b\r\n", "--b--\r\n", "--c\r\n", "From: ", "To: ",
        "Reply-To: ", "Subject: ", "Date: ", "Received: ", "Message-ID: ", "References: ", "Authentication-Results: ",
        "List-Unsubscribe: ", "DKIM-Signature: v=1; d=", "Content-Type: ",
        "Content-Disposition: attachment; filename=", "Content-Transfer-Encoding: ", "base64", "quoted-printable",
        "x-uuencode", "8bit", "text/plain", "text/html", "text/calendar", "multipart/mixed; boundary=b",
        "multipart/alternative; boundary=c", "message/rfc822", "message/delivery-status", "application/ms-tnef",
        "application/pdf", "; charset=", "utf-8", "utf-7", "utf-16", "iso-2022-jp", "klingon", "; name*0*=utf-8''",
        "; name=", '"', "\\", "(", ")", "<", ">", ",", ";", ":", "@", ".", "=", "=?utf-8?q?", "=?utf-8?b?", "?=",
        "=C3=A9", "=\r\n", "+AGE-", "\x1b$B", "\0", "\x01", "\u200b", "\u202e", "\u00e9", "\ufeff", "\ud800", "from ",
        "by ", "with ", "id ", "for ", "[203.0.113.9]", "(helo=", "spf=pass ", "smtp.mailfrom=", "dmarc=fail (p=",
        "Mon, 5 Jan 2026 10:00:00 +0000", "http://", "hxxp://", "www.", "[.]", "(dot)", "a.test", "evil.test/",
        "0x7f.1", "%2e", "\\\\", "//", "?url=", "&", "urldefense.com/v3/__", "__;", "!", "*",
        "safelinks.protection.outlook.com/", "<a href=", "<base href=", "<p style='", "font-size:0", "display:none",
        "color:#fff", ";", "'>", "<style>", ".x{", "}", "/*", "*/", "@media{", "<script>", "</script>", "<!--", "-->",
        "<form action=", "<input type=password>", "<img src=", "<div>", "</div>", "<table><tr><td>", "<b id=1>",
        "</x>", "<meta http-equiv=refresh content='0;url=", "data:text/html,", "&nbsp;", "&#0;", "> ",
        "On Mon, Ann wrote:\n", "-----Original Message-----\n", "-- \n", "begin 644 a.exe\n", "#86)C\n", "end\n",
        "BEGIN:VCALENDAR\r\n", "verify your account ", "bitcoin ", "$1,000 ", "1-888-555-0142 ", "PayPal", "xn--",
    )
)  # fmt: skip
"""Pieces that the parser and the signals treat in a way of their own."""

_NAMES = ("From", "To", "Cc", "Reply-To", "Subject", "Date", "Received", "Message-ID", "X-Any", "List-Unsubscribe")
_TYPES = ("text/plain", "text/html", "application/pdf", "text/calendar", "message/rfc822", "application/ms-tnef")
_CHARSETS = ("", "; charset=utf-8", "; charset=us-ascii", "; charset=utf-7", "; charset=klingon", "; charset=big5")
_ENCODINGS = ("", "7bit", "base64", "quoted-printable", "x-uuencode", "BASE64 ", "odd")

soups = st.lists(st.sampled_from(TOKENS), max_size=60).map(b"".join)
"""Tokens in any order."""

lines = st.text(max_size=60).map(lambda text: "".join(text.splitlines()).encode("utf-8", "surrogatepass"))
words = st.lists(st.sampled_from(TOKENS), max_size=8).map(lambda tokens: b"".join(tokens).replace(b"\r\n\r\n", b""))
values = st.one_of(lines, words)


@st.composite
def headers(draw):
    """A header block without its last blank line."""
    rows = draw(st.lists(st.tuples(st.sampled_from(_NAMES), values), max_size=6))
    return b"".join(name.encode() + b": " + value + b"\r\n" for name, value in rows)


@st.composite
def parts(draw, depth=0):
    """One MIME part with its own header; nests."""
    if depth < 3 and draw(st.integers(0, 3)) == 0:
        mark = draw(st.sampled_from((b"b", b"c", b"b c", b"")))
        inner = draw(st.lists(parts(depth=depth + 1), max_size=3))
        end = b"--" + mark + b"--\r\n" if draw(st.booleans()) else b""
        head = b'Content-Type: multipart/mixed; boundary="' + mark + b'"\r\n\r\n'
        return head + b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in inner) + end
    kind, charset, encoding = (draw(st.sampled_from(choices)) for choices in (_TYPES, _CHARSETS, _ENCODINGS))
    content = draw(soups)
    if encoding == "base64" and draw(st.booleans()):
        content = b64encode(content)
    head = f"Content-Type: {kind}{charset}\r\n" + (f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else "")
    return head.encode() + b"\r\n" + content


@st.composite
def messages(draw):
    """Raw bytes: a built message, tokens, or anything; sometimes cut or with a byte changed."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=400))
    raw = draw(soups) if kind < 3 else draw(headers()) + draw(parts())
    if raw and draw(st.integers(0, 4)) == 0:
        raw = raw[: draw(st.integers(0, len(raw)))]
    if raw and draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(raw) - 1))
        raw = raw[:at] + bytes([draw(st.integers(0, 255))]) + raw[at + 1 :]
    return raw


_STARTS = (
    b"",
    b"From: a@b.test\r\n",
    b"From: a@b.test\r\nSubject: x\r\n\r\n",
    b"From: a@b.test\r\nContent-Type: text/html\r\n\r\n",
    b"From: a@b.test\r\nContent-Type: text/html\r\n\r\n<style>",
    b"From: a@b.test\r\nContent-Type: text/html\r\n\r\n<p style='",
    b"From: a@b.test\r\nContent-Type: text/html\r\n\r\n<table>",
    b"From: a@b.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
    b"From: a@b.test\r\nContent-Transfer-Encoding: base64\r\n\r\n",
    b"From: a@b.test\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
    b"From: a@b.test\r\nContent-Type: application/ms-tnef\r\n\r\n\x78\x9f\x3e\x22\x01\x00",
    b"From: a@b.test\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n",
    b"Received: from ",
    b"To: ",
    b"Authentication-Results: mx.b.test; ",
    b"Content-Type: text/plain; ",
)


def stretched(seed: int, size: int) -> bytes:
    """A message of `size` bytes that repeats a few tokens: what makes a quadratic loop show itself."""
    chance = random.Random(seed)
    start = chance.choice(_STARTS)
    units = [b"".join(chance.choices(TOKENS, k=chance.randint(1, 4))) for _ in range(chance.choice((1, 1, 2, 3)))]
    share = size // len(units)
    return (start + b"".join(unit * (share // len(unit) + 1) for unit in units))[:size]
