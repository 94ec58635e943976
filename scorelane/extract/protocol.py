"""What crosses the pipe between a worker and its extraction server, and the form in which results are kept."""

from __future__ import annotations

import msgspec

from scorelane.extract.limits import Limits  # noqa: TC001 - msgspec reads annotations at run time
from scorelane.mail.opened import Extraction, Value


class Request(Value, frozen=True):
    """One job for the server."""

    content: bytes
    kind: str
    """True type by `sniff.true_type`: with the content, all that the result depends on."""
    limits: Limits
    fault: str = ""
    """A fault to inject, for tests of the jail: hang, crash, memory, spin, file, socket, flood."""


_extraction_encoder = msgspec.msgpack.Encoder()
_extraction_decoder = msgspec.msgpack.Decoder(Extraction)
_request_decoder = msgspec.msgpack.Decoder(Request)


def encode(extraction: Extraction) -> bytes:
    """The stored form: equal extractions give equal bytes."""
    return _extraction_encoder.encode(extraction)


def decode(stored: bytes) -> Extraction:
    """The extraction of a stored form; msgspec.MsgspecError when it is not one."""
    return _extraction_decoder.decode(stored)


def decode_request(frame: bytes) -> Request:
    """The request of a frame's body."""
    return _request_decoder.decode(frame)
