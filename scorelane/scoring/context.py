"""What a vector was computed from beside its raw mail: stored with it, so that the same bits come out again."""

from __future__ import annotations

import msgspec

from scorelane.signals.context import History  # noqa: TC001 - msgspec reads annotations at run time


class Context(msgspec.Struct, frozen=True, omit_defaults=True):
    """The context that one vector consumed. Names and meanings are permanent: stored rows hold them."""

    directory: int = 0
    """Version of the tenant's directory; 0 is the empty one."""
    lists: str = ""
    """Digest of the reference lists."""
    history: History | None = None
    """The value itself, since sightings go on growing; None where history was not known."""
    facts: tuple[str, ...] | None = None
    """Ids of the facts; None where enrichment had not been asked."""
    extractor: str = ""
    """Version of the attachment extractor whose stored results were read; empty where none were."""
    unopened: tuple[bytes, ...] = ()
    """SHA-256 of the attachments for which the chunk's time was not enough: their status was timeout."""
    parser: str = ""
    """Digest of the parser's versions."""
    reconstructed: bool = False
    """Whether the context was put together later for an earlier time, not logged at that time."""


_DECODER = msgspec.msgpack.Decoder(Context)
_ENCODER = msgspec.msgpack.Encoder()


def encode(context: Context) -> bytes:
    """MessagePack of a context."""
    return _ENCODER.encode(context)


def decode(stored: bytes) -> Context:
    """A stored context; fields that it lacks have their defaults."""
    return _DECODER.decode(stored)
