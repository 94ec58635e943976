"""What enrichment costs: lookups a second through the lane's task, and a message's price when facts are in hand.

A real DNS server on loopback answers at once; the rate is set far above what it serves, so the figure is ours.
"""

from __future__ import annotations

import itertools
import os
import runpy
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import redis

from db import dispatch, lookups, migrate, provisional, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.enrichment import Catalogue
from scorelane.enrichment.feeds import read_entries
from tasks.enrich import enrich
from tasks.facts import Enrichment
from tasks.score import score_chunks
from tasks.session import Session
from worker.stack import EmbeddedStack
from worker.up import ensure_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.session import Connection

SERVERS = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "enrichment" / "servers.py"))
GOOD = {"MX": ["10 mx.x.test."], "A": ["203.0.113.1"], "TXT": ['"v=spf1 -all"']}
MESSAGES = 4_096
LOOKUPS = 2_048
_numbers = itertools.count()


def accept(stack: EmbeddedStack, count: int, domain: Callable[[int], str]) -> None:
    body = "Dear Ann,\r\n" + "the figures that you asked for are with this message. " * 20
    mail = [
        Incoming(f"From: a@{domain(n)}\r\nSubject: {next(_numbers)}\r\n\r\n{body} https://{domain(n)}/x".encode())
        for n in range(count)
    ]
    with Enqueuer(stack.worker_url, stack.broker_url) as door:
        for start in range(0, count, 512):
            door.accept(mail[start : start + 512], tenant="acme", mailbox="a@acme.test", lane="backfill")


def score(session: Session, sql: Connection, lane: str = "backfill") -> tuple[int, float]:
    """(messages, seconds)."""
    due = dispatch.publish_due(sql, lane, 1_000_000)
    started = time.perf_counter()
    total = sum(score_chunks(session, [(d.chunk_id, d.dispatch_id)]) for d in due)
    return total, time.perf_counter() - started


def row(what: str, number: int, seconds: float, unit: str) -> None:
    print(f"  {what:58} {number:>8,} {seconds:8.2f} s {number / seconds:>10,.0f} {unit}/s", flush=True)


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="sl") as folder,
        EmbeddedStack(Path(folder) / "s") as stack,
        SERVERS["DnsServer"]({"*": GOOD}) as world,
        redis.Redis.from_url(stack.broker_url) as broker,
    ):
        migrate.upgrade(stack.owner_url)
        ensure_bundle(stack.worker_url)
        catalogue = Catalogue.of({"dns": {"servers": [world.address], "rate_per_s": 1e5, "burst": 10**6}})
        off = Session(stack.worker_url, group="bench")
        on = Session(stack.worker_url, group="bench", enrichment=Enrichment(catalogue, stack.broker_url))
        with connect(stack.worker_url, application="bench") as sql:
            tenants.ensure(sql, "acme")
            broker.set("scorelane:enrich:bucket:dns", 0)
            print(f"  {'enrichment':58} {'number':>8} {'time':>10} {'rate':>12}")
            accept(stack, 512, lambda n: f"w{n % 7}.example")
            score(off, sql)
            accept(stack, MESSAGES, lambda n: f"d{n % 64}.example")
            number, base = score(off, sql)
            row("scored with every provider off", number, base, "messages")
            accept(stack, MESSAGES, lambda n: f"d{n % 64}.example")
            number, spent = score(on, sql)
            row("scored provisionally, 64 domains wanted", number, spent, "messages")
            batches = lookups.publish_due(sql, {"dns": LOOKUPS})
            sum(enrich(on, batch) for batch, _, _ in batches)
            accept(stack, MESSAGES, lambda n: f"d{n % 64}.example")
            number, cached = score(on, sql)
            row("scored with every fact in hand", number, cached, "messages")
            print(f"  a cached fact's message costs {1e6 * (cached - base) / number:,.0f} µs more than one without")
            while provisional.plan(sql, "enrich"):
                pass
            number, spent = score(on, sql, "enrich")
            row("scored again when their facts came", number, spent, "messages")
            accept(stack, LOOKUPS, lambda n: f"n{n}.example")
            number, spent = score(on, sql)
            row("scored provisionally, a domain of its own each", number, spent, "messages")
            started = time.perf_counter()
            asked = sum(enrich(on, batch) for batch, _, _ in lookups.publish_due(sql, {"dns": LOOKUPS}))
            row("lookups of 7 questions each, one process", asked, time.perf_counter() - started, "lookups")
            lines = [f"bad{n}.example" for n in range(100_000)]
            started = time.perf_counter()
            number = sum(1 for _ in read_entries(lines, "domain"))
            row("lines of a feed read", number, time.perf_counter() - started, "lines")
        for session in (off, on):
            session.forget_connection()


if __name__ == "__main__":
    main()
