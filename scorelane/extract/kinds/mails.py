"""Messages attached as files: RFC 5322 and Outlook's .msg ([MS-OXMSG])."""

from __future__ import annotations

import email
import email.policy
import warnings
from typing import TYPE_CHECKING, Any

from scorelane.extract.kinds import ole
from scorelane.extract.kinds.reading import clean, decoded
from scorelane.mail.opened import Mail

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message

    from scorelane.extract.kinds.reading import Reading

_MAX_PARTS = 200
_SUBJECT, _SENDER_SMTP, _SENDER, _BODY, _HTML = "0037", "5D01", "0C1F", "1000", "1013"
_ATTACH_DATA, _ATTACH_LONG, _ATTACH_SHORT = "3701", "3707", "3704"


def read_eml(content: bytes, reading: Reading) -> dict[str, Any]:
    """Subject, sender, bodies and attachments of an attached message."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        message = email.message_from_bytes(content, policy=email.policy.compat32)
    names: list[str] = []
    for number, part in enumerate(message.walk()):
        if number >= _MAX_PARTS:
            reading.budget.refuse("members")
            break
        if not part.is_multipart():
            _part(part, reading, names)
    limit = reading.limits.item_chars
    kind = message.get_content_type()
    return {
        "mail": Mail(
            kind="eml",
            subject=clean(str(message.get("Subject") or ""), limit),
            sender=clean(str(message.get("From") or ""), limit),
            attachment_names=reading.items(names),
            encrypted=kind in {"multipart/encrypted", "application/pkcs7-mime"},
        )
    }


def _part(part: Message, reading: Reading, names: list[str]) -> None:
    body = part.get_payload(decode=True)
    if not isinstance(body, bytes):
        return
    kind = part.get_content_type()
    name = part.get_filename() or ""
    reading.budget.spend(len(body))
    if not name and kind in {"text/plain", "text/html"}:
        _body(kind, body, reading)
        return
    names.append(name)
    if reading.budget.take_member():
        reading.descend(name, body, kind)


def _body(kind: str, body: bytes, reading: Reading) -> None:
    if kind == "text/html":
        if reading.budget.take_member():
            reading.descend("", body, kind)
        return
    text = decoded(body)
    reading.text(text)
    reading.urls_in(text)


def read_msg(content: bytes, reading: Reading) -> dict[str, Any]:
    """The same of an Outlook message; a message inside it is told by its name."""
    compound = ole.Compound(content, reading)
    streams = {tuple(part.lower() for part in path): path for path in compound.paths}

    def text(prefix: tuple[str, ...], tag: str) -> str:
        for kind, charset in (("001f", "utf-16-le"), ("001e", "latin-1")):
            path = streams.get((*prefix, f"__substg1.0_{tag.lower()}{kind}"))
            if path is not None:
                return compound.read(path).decode(charset, "replace")
        return ""

    def data(prefix: tuple[str, ...], tag: str) -> bytes:
        path = streams.get((*prefix, f"__substg1.0_{tag.lower()}0102"))
        return compound.read(path) if path is not None else b""

    names = []
    for prefix in sorted({path[:1] for path in streams if path[0].startswith("__attach_version1.0")}):
        name = text(prefix, _ATTACH_LONG) or text(prefix, _ATTACH_SHORT)
        body = data(prefix, _ATTACH_DATA)
        names.append(name)
        if body and reading.budget.take_member():
            reading.descend(name, body)
    plain = text((), _BODY)
    reading.text(plain)
    reading.urls_in(plain)
    markup = data((), _HTML)
    if markup:
        _body("text/html", markup, reading)
    limit = reading.limits.item_chars
    return {
        "mail": Mail(
            kind="msg",
            subject=clean(text((), _SUBJECT), limit),
            sender=clean(text((), _SENDER_SMTP) or text((), _SENDER), limit),
            attachment_names=reading.items(names),
        )
    }


READERS: dict[str, Callable[[bytes, Reading], dict[str, Any]]] = {
    "message/rfc822": read_eml,
    "application/vnd.ms-outlook": read_msg,
}
