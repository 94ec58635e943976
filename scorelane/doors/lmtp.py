"""LMTP (RFC 2033): a mail server delivers here, and each recipient gets a reply of its own once it is durable.

Where the system sheds load or the database is away, a recipient is answered 4xx: the mail server keeps the message and
comes again. 5xx is for what can never be accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from aiosmtpd.lmtp import LMTP

from scorelane.doors.errors import Misplaced
from scorelane.enqueuer import Busy, Envelope, Incoming, Linger, Receipt, Rejected, Unavailable
from scorelane.enqueuer.lanes import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiosmtpd.smtp import SMTP, Session
    from aiosmtpd.smtp import Envelope as Smtp

    from scorelane.doors.tally import Tally

log = structlog.get_logger()

LINE_BYTES = 1024 * 1024
"""Longest line of a message; RFC 5321 says 998 characters, and hostile mail does not care."""
XFORWARD = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE")
UNKNOWN = ("[UNAVAILABLE]", "[TEMPUNAVAIL]")


class Routes(NamedTuple):
    """Which tenant an address belongs to: by its domain, else the one that takes all."""

    domains: Mapping[str, str]
    otherwise: str | None

    def tenant(self, address: str) -> str | None:
        """The tenant's name, or None: no mailbox of ours."""
        name, at, domain = address.rpartition("@")
        if not at or not name or not address.isprintable() or any(mark.isspace() for mark in address):
            return None
        return self.domains.get(domain.lower(), self.otherwise)


@dataclass(frozen=True)
class LmtpLimits:
    """What one listener takes at once."""

    connections: int = 100
    message_bytes: int = MESSAGE_BYTES
    idle_s: float = 300.0
    grace_s: float = 30.0
    """How long deliveries in hand may take once it is told to stop."""


class LmtpDoor:
    """One listener. Its linger groups what comes on all connections into few transactions."""

    def __init__(self, linger: Linger, routes: Routes, tally: Tally, limits: LmtpLimits | None = None) -> None:
        self._linger = linger
        self._routes = routes
        self._tally = tally
        self._limits = limits or LmtpLimits()
        self._sessions: set[_Protocol] = set()
        self.address = ""

    def serve(self, listen: str, *, ready: Any = None) -> None:
        """Listen at ``host:port`` or ``unix:/path`` until SIGTERM or SIGINT. Raises Misplaced where that fails."""
        asyncio.run(self._serve(listen, ready))

    async def _serve(self, listen: str, ready: Any) -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(ValueError, RuntimeError):  # not the main thread: whoever runs it stops it
                loop.add_signal_handler(number, stopping.set)
        server = await self.listen(listen)
        log.info("lmtp_listens", address=self.address)
        if ready is not None:
            ready(self.address)
        await stopping.wait()
        await self.stop(server)

    async def listen(self, listen: str) -> asyncio.Server:
        """An open server; `address` says where. Raises Misplaced."""
        loop = asyncio.get_running_loop()
        try:
            if listen.startswith("unix:"):
                self.address = listen
                return await loop.create_unix_server(self._protocol, listen.removeprefix("unix:"))
            host, colon, port = listen.rpartition(":")
            if not colon or not port.isdigit():
                raise Misplaced(f"{listen!r} is not host:port or unix:/path")
            server = await loop.create_server(self._protocol, host.strip("[]"), int(port))
        except OSError as fault:
            raise Misplaced(f"cannot listen at {listen}: {fault.strerror or fault}") from fault
        bound = server.sockets[0].getsockname()
        self.address = f"{bound[0]}:{bound[1]}"
        return server

    async def stop(self, server: asyncio.Server) -> None:
        """Take no new connection, finish what is being delivered, close the rest."""
        server.close()
        until = asyncio.get_running_loop().time() + self._limits.grace_s
        for session in list(self._sessions):
            if not session.delivering:
                session.close()
        while any(one.delivering for one in self._sessions) and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # a few sessions, once in a process's life
        for session in list(self._sessions):
            session.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 5)

    def _protocol(self) -> _Protocol:
        return _Protocol(_Handler(self), self._limits, self._sessions)

    def route(self, address: str) -> str | None:
        """The tenant of a recipient, or None."""
        return self._routes.tenant(address)

    async def deliver(self, raw: bytes, recipients: list[str], said: Envelope) -> list[str]:
        """A reply a recipient, in their order, once each is durable or refused."""
        waiting = []
        for recipient in recipients:
            tenant = self.route(recipient)
            assert tenant is not None
            envelope = Envelope(said.mail_from, (recipient,), said.client_ip, said.helo)
            incoming = Incoming(raw, envelope=envelope, source="lmtp")
            future = self._linger.submit(incoming, tenant=tenant, mailbox=recipient, actor="lmtp")
            waiting.append(asyncio.wrap_future(future))
        results = await asyncio.gather(*waiting, return_exceptions=True)
        return [self._reply(result) for result in results]

    def _reply(self, result: Receipt | BaseException) -> str:
        if isinstance(result, Receipt):
            if result.status == "rejected":
                self._tally.count("refused")
                return f"554 5.6.0 {result.reason}"
            self._tally.count(result.status)
            return f"250 2.0.0 {result.status} {result.message_id}"
        if isinstance(result, Rejected):
            self._tally.count("refused")
            return f"550 5.1.1 {result}"
        self._tally.count("deferred")
        if isinstance(result, Busy):
            return f"452 4.3.1 {result}"
        if isinstance(result, Unavailable):
            return "451 4.3.0 the database is away; come again"
        log.error("delivery_failed", error=type(result).__name__, exc_info=result)
        return "451 4.3.0 a fault of ours; it is logged, come again"

    def refused(self) -> None:
        """Count a recipient of nobody's."""
        self._tally.count("refused")


@dataclass
class _Handler:
    """What aiosmtpd asks at each command."""

    door: LmtpDoor
    forwarded: dict[str, str] = field(default_factory=dict)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, _envelope: Smtp, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        mine = [f"250-XFORWARD {' '.join(XFORWARD)}", "250-PIPELINING", "250-ENHANCEDSTATUSCODES"]
        return [*responses[:-1], *mine, responses[-1]]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Smtp, address: str, _options: list[str]
    ) -> str:
        if self.door.route(address) is None:
            self.door.refused()
            return "550 5.1.1 no mailbox of a tenant that is served here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Smtp) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        client_ip = self.forwarded.get("ADDR")
        said = Envelope(
            envelope.mail_from or "",
            (),
            client_ip.removeprefix("IPV6:") if client_ip else None,
            self.forwarded.get("HELO") or (None if client_ip else session.host_name),
        )
        return "\r\n".join(await self.door.deliver(content, envelope.rcpt_tos, said))

    async def handle_exception(self, error: Exception) -> str:
        log.error("lmtp_command_failed", error=type(error).__name__, exc_info=error)
        return "451 4.3.0 a fault of ours; it is logged, come again"


class _Protocol(LMTP):
    """LMTP with a reply a recipient also where DATA itself fails, XFORWARD, and a bound on connections."""

    line_length_limit = LINE_BYTES

    def __init__(self, handler: _Handler, limits: LmtpLimits, sessions: set[_Protocol]) -> None:
        super().__init__(
            handler,
            data_size_limit=limits.message_bytes,
            enable_SMTPUTF8=True,
            timeout=limits.idle_s,
            ident="Scorelane LMTP",
        )
        self._handler = handler
        self._limits = limits
        self._open = sessions
        self._replies = 0
        self.delivering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuse for now what is over the limit."""
        if len(self._open) >= self._limits.connections and isinstance(transport, asyncio.WriteTransport):
            transport.write(b"421 4.7.0 too many connections; come again\r\n")
            transport.close()
        self._open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The session is over."""
        self._open.discard(self)
        super().connection_lost(error)

    def close(self) -> None:
        """Say good-bye and close."""
        if self.transport is not None and isinstance(self.transport, asyncio.WriteTransport):
            self.transport.write(b"421 4.3.2 shutting down; come again\r\n")
            self.transport.close()

    async def smtp_XFORWARD(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd finds commands by name
        """What the mail server knows of the client that it had the message from (Postfix's extension)."""
        for pair in (arg or "").split():
            name, equals, value = pair.partition("=")
            if not equals or name.upper() not in XFORWARD:
                await self.push("501 5.5.4 syntax: XFORWARD name=value …")
                return
            if value.upper() in UNKNOWN:
                self._handler.forwarded.pop(name.upper(), None)
            else:
                self._handler.forwarded[name.upper()] = _xtext(value)[:255]
        await self.push("250 2.0.0 OK")

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Take a message; one reply a recipient, whatever happens (RFC 2033 section 4.2)."""
        self.delivering = True
        self._replies = len(self.envelope.rcpt_tos) if self.envelope is not None else 0
        try:
            await super().smtp_DATA(arg)
        finally:
            self.delivering = False
            self._replies = 0
            self._handler.forwarded.clear()

    async def push(self, status: str | bytes) -> None:
        """Send a reply; in DATA, one that is for the whole message goes once a recipient."""
        text = status.decode("utf-8", "replace") if isinstance(status, bytes) else status
        if self._replies > 1 and text.startswith(("4", "5")) and "\r\n" not in text:
            text = "\r\n".join([text] * self._replies)
        await super().push(text)


def _xtext(value: str) -> str:
    """RFC 3461 section 4: ``+3D`` stands for ``=``."""
    head, *rest = value.split("+")
    decoded = head
    for piece in rest:
        try:
            decoded += chr(int(piece[:2], 16)) + piece[2:]
        except ValueError:
            decoded += f"+{piece}"
    return "".join(mark for mark in decoded if mark.isprintable())
