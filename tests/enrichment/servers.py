"""The outside world on loopback: a DNS server and a web server that can be slow, wrong, hostile or silent.

Each runs in a thread with an event loop of its own. A rule says what becomes of a question; counts are exact.
"""

# ruff: noqa: ANN002, ANN003, ANN204, ANN205 - as free as any fixture

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections import Counter

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

HANG = object()
"""No answer, ever."""
GARBAGE = object()
"""Bytes that are no answer."""
SERVFAIL = object()
NXDOMAIN = object()
CUT = object()
"""An empty answer with the TC bit over UDP; the whole over TCP."""


class Server:
    """A thread with a loop; subclasses listen in `_serve` and say where in `port`."""

    def __init__(self, host="127.0.0.1"):
        self.host = host
        self.asked = Counter()
        self.open = 0
        self.most_open = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _main(self):
        self._stop = asyncio.Event()
        async with contextlib.AsyncExitStack() as stack:
            await self._serve(stack)
            self._ready.set()
            await self._stop.wait()

    def entered(self):
        self.open += 1
        self.most_open = max(self.most_open, self.open)


class DnsServer(Server):
    """Answers by rules on (name, type) or on the name; what has none does not exist.

    A rule is a list of record texts, a dict of those by type, one of the marks above, or a function of (name, type).
    """

    def __init__(self, rules=None, *, delay_s=0.0, ttl_s=300, **more):
        super().__init__(**more)
        self.rules = {} if rules is None else rules
        self.delay_s = delay_s
        self.ttl_s = ttl_s

    async def _serve(self, stack):
        server = await asyncio.start_server(self._tcp, self.host, 0)
        stack.push_async_callback(self._close, server)
        self.port = server.sockets[0].getsockname()[1]
        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(self.host, self.port)
        )
        stack.callback(transport.close)

    @staticmethod
    async def _close(server):
        server.close()

    def answer(self, wire, *, tcp):
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        rule = self.rules.get((name, kind), self.rules.get(name, self.rules.get("*", NXDOMAIN)))
        if callable(rule):
            rule = rule(name, kind)
        if rule is HANG:
            return None
        if rule is GARBAGE:
            return b"\x00\x01garbage"
        reply = dns.message.make_response(query)
        if rule is SERVFAIL:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif rule is NXDOMAIN:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif rule is CUT:
            if not tcp:
                reply.flags |= dns.flags.TC
            else:
                reply.answer.append(dns.rrset.from_text(question.name, self.ttl_s, "IN", "A", "203.0.113.7"))
        elif isinstance(rule, dict):
            rule = rule.get(kind, [])
        if isinstance(rule, list) and rule:
            reply.answer.append(dns.rrset.from_text(question.name, self.ttl_s, "IN", kind, *rule))
        return reply.to_wire()

    async def _tcp(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            size = int.from_bytes(await reader.readexactly(2), "big")
            wire = self.answer(await reader.readexactly(size), tcp=True)
            if wire is not None:
                await asyncio.sleep(self.delay_s)
                writer.write(len(wire).to_bytes(2, "big") + wire)
                await writer.drain()
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server):
        self.server = server

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, wire, address):
        reply = self.server.answer(wire, tcp=False)
        if reply is not None:
            asyncio.get_running_loop().call_later(self.server.delay_s, self.transport.sendto, reply, address)


class WebServer(Server):
    """Answers by rules on the path, else on "*".

    A rule is (status, headers, body), HANG, GARBAGE, raw bytes, or a function of (method, path, headers).
    """

    def __init__(self, rules=None, *, tls=None, **more):
        super().__init__(**more)
        self.rules = {} if rules is None else rules
        self.seen = []
        self._tls = None
        if tls is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)

    @property
    def url(self):
        return f"{'https' if self._tls else 'http'}://{self.address}"

    async def _serve(self, stack):
        server = await asyncio.start_server(self._client, self.host, 0, ssl=self._tls)
        stack.callback(server.close)
        self.port = server.sockets[0].getsockname()[1]

    async def _client(self, reader, writer):
        self.entered()
        try:
            await self._exchange(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _exchange(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        self.asked[path] += 1
        self.seen.append((method, path, headers))
        rule = self.rules.get(path, self.rules.get("*", (404, {}, b"")))
        if callable(rule):
            rule = rule(method, path, headers)
        if rule is HANG:
            await asyncio.sleep(3600)
        if rule is GARBAGE:
            rule = b"\x16\x03\x01 this is no HTTP\r\n\r\n"
        if not isinstance(rule, bytes):
            status, extra, body = rule
            lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in extra.items())]
            if "content-length" not in {name.lower() for name in extra}:
                lines.append(f"Content-Length: {len(body)}")
            rule = "\r\n".join([*lines, "Connection: close", "", ""]).encode() + (b"" if method == "HEAD" else body)
        writer.write(rule)
        await writer.drain()
