"""What the parser cut or repaired: (signal, message, value, other message, its value)."""

from __future__ import annotations

HONEST = {}
TOP = b"From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\nDate: Mon, 05 Jan 2026 09:59:00 +0000\r\n"


def raw(rest):
    return {"raw": TOP + rest}


def body(encoding, content):
    return raw(b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + content)


ROWS = [
    ("cut_in_size", raw(b"\r\n" + b"word " * 20_000), 1, HONEST, 0),
    (
        "cut_in_structure",
        raw(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 300 + b"--b--"),
        1,
        HONEST,
        0,
    ),
    ("cut_in_header", raw(b"X-Long: " + b"x" * 20_000 + b"\r\n\r\nx"), 1, HONEST, 0),
    ("cut_in_html", {"html": "<div>" * 3_000 + "x"}, 1, {"html": "<div>x</div>"}, 0),
    ("cut_in_links", {"text": "http://a.test/ " * 600}, 1, {"text": "http://a.test/"}, 0),
    ("structure_repaired", raw(b"Content-Type: multipart/mixed; boundary=b\r\n\r\nno part\r\n"), 1, HONEST, 0),
    (
        "parts_malformed",
        raw(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\nhi there\r\n--b--"),
        1,
        raw(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b--"),
        0,
    ),
    ("base64_malformed", body(b"base64", b"SGVsbG8*gd29ybGQ="), 1, body(b"base64", b"SGVsbG8gd29ybGQ="), 0),
    ("charset_not_as_declared", raw(b"Content-Type: text/plain; charset=klingon\r\n\r\nx"), 1, HONEST, 0),
    ("encoding_unknown", body(b"rot13", b"uryyb"), 1, body(b"8bit", b"hello"), 0),
    ("header_malformed", raw(b"no colon here\r\n\r\nx"), 1, HONEST, 0),
    ("author_not_single", {"from_": "Ann <a@b.test>, Bob <b@c.test>"}, 1, HONEST, 0),
    ("packing_malformed", raw(b"\r\nbegin 644 a.txt\r\n%:&5L;&\\\r\n"), 1, HONEST, 0),
    ("nul_bytes", raw(b"\r\nhel\0lo"), 1, HONEST, 0),
]
