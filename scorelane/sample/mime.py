"""Writes MIME bodies (RFC 2045 to 2049) with every byte decided by the seed."""

from __future__ import annotations

import base64
import quopri
from email.header import Header
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_BOUNDARIES = (
    "----=_Part_{0}_{1}.{2}",
    "00000000000{3}",
    "_000_{3}{4}_",
    "Apple-Mail=_{3}-{4}",
    "------------{3}",
    "=_{3}{4}",
    "b1_{3}{4}",
)


class Part(NamedTuple):
    """Content headers and encoded content of one MIME part."""

    headers: tuple[tuple[str, str], ...]
    content: bytes


def text(rng: Random, content: str, subtype: str = "plain", charset: str = "utf-8") -> Part:
    """A text part in an encoding that suits it."""
    encoded = content.encode(charset, "replace")
    ascii_only = encoded.isascii() and max(map(len, encoded.split(b"\n")), default=0) < 900
    encoding = rng.choice(("7bit", "quoted-printable") if ascii_only else ("quoted-printable", "base64"))
    if ascii_only and charset == "utf-8" and rng.random() < 0.5:
        charset = "us-ascii"
    mark = rng.choice(("{}", '"{}"', "{}")).format(rng.choice((charset, charset.upper())))
    return Part(
        (("Content-Type", f"text/{subtype}; charset={mark}"), ("Content-Transfer-Encoding", encoding)),
        _encode(encoded, encoding),
    )


def file(content: bytes, name: str, mime_type: str, *, inline_id: str | None = None) -> Part:
    """An attachment, or with `inline_id` a part that HTML refers to."""
    shown = name if name.isascii() else Header(name, "utf-8").encode()
    kind = "inline" if inline_id else "attachment"
    headers = [
        ("Content-Type", f'{mime_type}; name="{shown}"'),
        ("Content-Disposition", f'{kind}; filename="{shown}"'),
        ("Content-Transfer-Encoding", "base64"),
    ]
    if inline_id:
        headers.append(("Content-ID", f"<{inline_id}>"))
    return Part(tuple(headers), _encode(content, "base64"))


def calendar(content: str, method: str = "REQUEST") -> Part:
    """A calendar part (RFC 6047)."""
    return Part(
        (
            ("Content-Type", f'text/calendar; charset="utf-8"; method={method}'),
            ("Content-Transfer-Encoding", "base64"),
        ),
        _encode(content.encode(), "base64"),
    )


def nested(raw: bytes, subtype: str = "rfc822") -> Part:
    """A whole message inside a message."""
    return Part((("Content-Type", f"message/{subtype}"),), raw)


def multipart(rng: Random, subtype: str, parts: Sequence[Part], parameters: str = "") -> Part:
    """Parts between boundaries; a single part stays as it is."""
    if len(parts) == 1:
        return parts[0]
    boundary = rng.choice(_BOUNDARIES).format(
        rng.randint(10000, 99999),
        rng.randint(100000, 999999),
        rng.randint(10**12, 10**13),
        f"{rng.getrandbits(64):016x}",
        f"{rng.getrandbits(48):012X}",
    )
    lines = [b"This is a multi-part message in MIME format.\n"] if rng.random() < 0.3 else []
    for part in parts:
        lines.append(f"\n--{boundary}\n".encode() if lines else f"--{boundary}\n".encode())
        lines.append(rendered(part))
    lines.append(f"\n--{boundary}--\n".encode())
    return Part((("Content-Type", f'multipart/{subtype}; boundary="{boundary}"{parameters}'),), b"".join(lines))


def rendered(part: Part) -> bytes:
    """Headers, a blank line and the content."""
    head = "".join(f"{name}: {value}\n" for name, value in part.headers)
    return head.encode() + b"\n" + part.content


def word(value: str) -> str:
    """A header text, as encoded words where it is not ASCII (RFC 2047)."""
    if value.isascii():
        return value
    return Header(value, "utf-8", maxlinelen=74).encode().replace("\n ", "\n\t")


def mailbox(name: str, address: str) -> str:
    """``Name <address>``, quoted or encoded as the name needs."""
    if not name:
        return address
    if not name.isascii():
        return f"{word(name)} <{address}>"
    special = any(mark in name for mark in '.,:;<>@()[]"\\&')
    shown = '"' + name.replace('"', "'") + '"' if special else name
    return f"{shown} <{address}>"


def _encode(content: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(content)
    if encoding == "quoted-printable":
        return quopri.encodestring(content)
    return content
