"""What enrichment costs: lookups a second through the lane's task, and a message's price when facts are in hand.

A real DNS server on loopback answers at once; the rate is set far above what it serves, so the figure is ours. Then one
that never answers: what the whole system's realtime mail and the enrich worker's memory see of it.
"""

from __future__ import annotations

import itertools
import json
import os
import runpy
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import psutil
import redis
from psycopg.sql import SQL

from db import dispatch, lookups, migrate, provisional, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.enrichment import Catalogue
from scorelane.enrichment.feeds import read_entries
from tasks.enrich import enrich
from tasks.facts import Enrichment
from tasks.score import score_chunks
from tasks.session import Session
from worker.processes import lane_groups
from worker.stack import EmbeddedStack
from worker.up import ensure_bundle, run_system

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.session import Connection
    from worker.up import System

SERVERS = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "enrichment" / "servers.py"))
GOOD = {"MX": ["10 mx.x.test."], "A": ["203.0.113.1"], "TXT": ['"v=spf1 -all"']}
MESSAGES = 4_096
LOOKUPS = 2_048
HANGING = 10_000
"""Messages with a domain of their own each, against the provider that hangs."""
DEADLINE_S = 30
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
    in_one_process()
    beside_a_provider_that_hangs()


def in_one_process() -> None:
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


class Quiet(NamedTuple):
    """One stretch of realtime mail and what the enrich worker held at its end."""

    p50_ms: float
    p99_ms: float
    memory_bytes: int


def beside_a_provider_that_hangs() -> None:
    with tempfile.TemporaryDirectory(prefix="sl") as folder, SERVERS["DnsServer"]({"*": SERVERS["HANG"]}) as world:
        options = {"servers": [world.address], "rate_per_s": 500, "burst": 500, "timeout_s": 1}
        os.environ["SCORELANE_ENRICHMENT"] = json.dumps({"dns": options})
        os.environ["SCORELANE_ENRICHMENT_DEADLINE_S"] = str(DEADLINE_S)
        with (
            run_system(Path(folder) / "s", groups=lane_groups()) as system,
            connect(system.stack.worker_url, application="bench") as sql,
        ):
            for name in ("acme", "urgent"):
                tenants.ensure(sql, name)
            stretch(system, sql, lambda: count(sql, "scores") >= 40)
            ends = time.monotonic() + 15
            before = stretch(system, sql, lambda: time.monotonic() > ends)
            accept(system.stack, HANGING, lambda n: f"h{n}.example")
            meanwhile = stretch(system, sql, lambda: count(sql, "scores WHERE cause = 'facts'") >= HANGING)
            asked = count(sql, "lookups")
    print(f"\n  {f'{asked:,} lookups against a provider that hangs':58} {'before':>12} {'meanwhile':>12}")
    for what, values in (
        ("realtime mail at 20 messages/s, accept to verdict, p50 ms", [one.p50_ms for one in (before, meanwhile)]),
        ("the same, p99 ms", [one.p99_ms for one in (before, meanwhile)]),
        ("memory of the enrich worker, MB", [one.memory_bytes / 1e6 for one in (before, meanwhile)]),
    ):
        print(f"  {what:58} {values[0]:>12,.0f} {values[1]:>12,.0f}", flush=True)


def stretch(system: System, sql: Connection, over: Callable[[], bool]) -> Quiet:
    """Realtime mail at a steady rate until it is over."""
    row = sql.execute("SELECT clock_timestamp()").fetchone()
    with Enqueuer(system.stack.worker_url, system.stack.broker_url) as door:
        while not over():
            raw = f"From: a@urgent.example\r\nSubject: {next(_numbers)}\r\n\r\nhello".encode()
            door.accept([Incoming(raw)], tenant="urgent", mailbox="a@urgent.test", lane="realtime")
            time.sleep(0.05)
    while count(sql, "chunks WHERE lane = 'realtime' AND state <> 'done'"):
        time.sleep(0.1)
    p50, p99 = sql.execute(
        "SELECT unnest(percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY 1000 * extract(epoch FROM "
        "finished_at - created_at)::float8)) FROM chunks WHERE lane = 'realtime' AND state = 'done' "
        "AND created_at > %s",
        row,
    ).fetchall()
    worker = psutil.Process(system.processes.pid("worker-enrich"))
    memory = sum(one.memory_info().rss for one in (worker, *worker.children(recursive=True)))
    return Quiet(float(str(p50[0])), float(str(p99[0])), memory)


def count(sql: Connection, rows: LiteralString) -> int:
    row = sql.execute(SQL("SELECT count(*) FROM ") + SQL(rows)).fetchone()
    assert row is not None
    return int(str(row[0]))


if __name__ == "__main__":
    main()
