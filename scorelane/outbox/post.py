"""One POST within a time that no receiver can stretch: answers that come a byte at a time end with it."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import httpcore
import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping

FAULTS = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
    ValueError,
)
"""What `post` raises where no answer came."""


DELIVERED = range(200, 300)


class Answer(NamedTuple):
    """What a receiver said."""

    status: int
    retry_after: str | None
    said: bytes
    """The first bytes of the body of a refusal."""


def post(url: str, body: bytes, headers: Mapping[str, str], *, host: str, timeout_s: float, most_bytes: int) -> Answer:
    """The answer, redirects not followed; `host` is the name that the certificate must have. Raises one of FAULTS."""
    sent = [*headers.items(), ("Content-Length", str(len(body))), ("Connection", "close")]
    until = time.monotonic() + timeout_s
    waits = dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)
    with (
        httpcore.ConnectionPool(
            ssl_context=_tls(), network_backend=_Backend(until), max_keepalive_connections=0
        ) as pool,
        pool.stream(
            "POST", url, headers=sent, content=body, extensions={"timeout": waits, "sni_hostname": host}
        ) as answer,
    ):
        said = bytearray()
        for piece in () if answer.status in DELIVERED else answer.iter_stream():
            said += piece
            if len(said) >= most_bytes:
                break
        named = {name.lower(): value.decode("latin-1") for name, value in answer.headers}
        return Answer(answer.status, named.get(b"retry-after"), bytes(said[:most_bytes]))


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class _Backend(httpcore.SyncBackend):
    """Connections whose every wait ends at one moment."""

    def __init__(self, until: float) -> None:
        self._until = until

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options), self._until)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - httpcore's signature
        return self._stream.read(max_bytes, self._left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._left(httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        left = self._left(httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, late: type[httpcore.TimeoutException]) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise late("no whole answer in time")
        return left
