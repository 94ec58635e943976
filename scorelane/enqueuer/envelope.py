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


def encode(envelope: Envelope | None) -> bytes | None:
    """Bytes to store, or None."""
    return None if envelope is None else msgspec.msgpack.encode(envelope)
