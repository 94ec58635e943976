"""One HTTP exchange at a time: checked addresses, no cookies, no compression, bounded bytes."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

import can_ada
import httpcore

from scorelane.enrichment.errors import EnrichmentError, Rejected, TimedOut, Unavailable
from scorelane.enrichment.names import NoSuchName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scorelane.enrichment.guard import Guard
    from scorelane.enrichment.names import Names

AGENT = "scorelane"


class Reply(NamedTuple):
    """What came back; `body` is cut at the limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool


class _CheckedBackend(httpcore.AnyIOBackend):
    """Resolves, checks and connects to the checked address; TLS still names the host."""

    def __init__(self, guard: Guard, names: Names) -> None:
        self._guard = guard
        self._names = names

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = await self._guard.resolve(host, port, self._names)
        except NoSuchName as fault:
            raise Rejected("the host does not exist") from fault
        if not addresses:
            raise Rejected("the host has no address")
        return await super().connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise Rejected("refused: a unix socket")


class Http:
    """Exchanges of one provider; a connection serves one exchange."""

    def __init__(self, guard: Guard, names: Names, *, timeout_s: float, verify: bool = True) -> None:
        self._timeout_s = timeout_s
        self._backend = _CheckedBackend(guard, names)
        self._verify = verify

    async def fetch(self, method: str, url: str, *, most_bytes: int, headers: Mapping[str, str] | None = None) -> Reply:
        """The reply, redirects not followed.

        Raises Refused (forbidden address), Rejected (no such host, no URL), TimedOut or Unavailable.
        """
        sent = {"user-agent": AGENT, "accept-encoding": "identity", "connection": "close", **(headers or {})}
        limits = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)
        try:
            async with (
                httpcore.AsyncConnectionPool(
                    ssl_context=_tls(verify=self._verify), network_backend=self._backend, max_keepalive_connections=0
                ) as pool,
                pool.stream(method, url, headers=list(sent.items()), extensions={"timeout": limits}) as response,
            ):
                body = bytearray()
                async for part in response.aiter_stream():
                    body += part
                    if len(body) >= most_bytes:
                        break
                named = {
                    name.decode("latin-1").lower(): value.decode("utf-8", "replace") for name, value in response.headers
                }
                return Reply(response.status, named, bytes(body[:most_bytes]), len(body) >= most_bytes)
        except EnrichmentError:
            raise
        except httpcore.TimeoutException as fault:
            raise TimedOut(f"no reply within {self._timeout_s:g} s") from fault
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as fault:
            raise Unavailable(f"the connection failed: {type(fault).__name__}") from fault
        except (httpcore.UnsupportedProtocol, ValueError, TypeError, UnicodeError) as fault:
            raise Rejected(f"no URL that can be asked: {type(fault).__name__}") from fault


def normalised(url: str, base: str | None = None) -> str | None:
    """An absolute http(s) URL as a browser reads it (decimal and hex hosts become addresses), or None."""
    try:
        parsed = can_ada.parse(urljoin(base, url) if base else url)
    except ValueError:
        return None
    if parsed.protocol not in ("http:", "https:") or not parsed.hostname:
        return None
    return str(parsed.href.partition("#")[0])


def host_of(url: str) -> str:
    """The host of a normalised URL."""
    return str(can_ada.parse(url).hostname).strip("[]")


def retry_after_s(reply: Reply) -> float | None:
    """Seconds that a reply asks to wait (RFC 9110 section 10.2.3), or None."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


@cache
def _tls(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
