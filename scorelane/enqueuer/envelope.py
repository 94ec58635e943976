"""What the SMTP session said, as it travels to the worker (MessagePack)."""

from __future__ import annotations

import msgspec


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """Envelope of one message where the caller knows it (RFC 5321)."""

    mail_from: str | None = None
    """Empty text for the null reverse-path."""
    rcpt_to: tuple[str, ...] = ()
    client_ip: str | None = None
    helo: str | None = None


ADDRESS_CHARS = 320
"""Most of an address (RFC 3696)."""


def is_address(text: str) -> bool:
    """Whether a mailbox's address can be this: name@domain, without blanks or what cannot be seen."""
    name, at, domain = text.rpartition("@")
    readable = text.isprintable() and not any(mark.isspace() for mark in text)
    return bool(at and name and domain) and readable and len(text) <= ADDRESS_CHARS


def encode(envelope: Envelope | None) -> bytes | None:
    """Bytes to store, or None."""
    if envelope is None:
        return None
    try:
        return msgspec.msgpack.encode(envelope)
    except UnicodeEncodeError:
        clean = Envelope(
            mail_from=_clean(envelope.mail_from),
            rcpt_to=tuple(storable(address) for address in envelope.rcpt_to),
            client_ip=_clean(envelope.client_ip),
            helo=_clean(envelope.helo),
        )
        return msgspec.msgpack.encode(clean)


def storable(text: str) -> str:
    """The text without NUL, and with a question mark for each byte of a session or file name that was no text."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _clean(text: str | None) -> str | None:
    return None if text is None else storable(text)
