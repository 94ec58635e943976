"""Realtime beside a running bulk load, the broker's memory under a growing queue, and what dispatching costs."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import redis
from rich.console import Console
from rich.table import Table
from stored import multiply

from db import jobs, migrate, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming, Linger
from scorelane.rescans import Asked, start, wanted_by
from scorelane.sample import sample_mailbox
from worker.dispatcher import Dispatcher
from worker.processes import Group
from worker.stack import EmbeddedStack
from worker.up import run_system

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from db.session import Connection
    from scorelane.enqueuer import Receipt
    from worker.up import System

RATE = 100
TARGET_P50_MS, TARGET_P99_MS = 60, 250
QUEUES = (1_000, 10_000, 100_000, 1_000_000)


class Latency(NamedTuple):
    """Of one run, in milliseconds."""

    p50: float
    p99: float
    most: float
    bulk_rate: float
    spans: dict[str, list[float]]


def main() -> None:
    """Measure one after another, print three tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=30, help="of realtime mail, each way")
    options.add_argument("--queued", type=int, default=200_000, help="stored messages to rescan")
    options.add_argument("--only-latency", action="store_true", help="leave the broker's memory out")
    chosen = options.parse_args()
    console = Console(width=120)
    spans = Table("part of a message's way, p50 / p99 ms", title="Where the time goes", title_justify="left")
    rows: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as home:
        groups = (Group("realtime", ("interactive", "realtime"), 1), Group("bulk", ("rescan", "backfill"), 1, nice=10))
        with run_system(Path(home), groups=groups) as system:
            title = f"Realtime at {RATE} messages/s for {chosen.seconds} s, accept to saved verdict"
            table = Table("beside", "p50 ms", "p99 ms", "most ms", "bulk messages/s", title=title, title_justify="left")
            for name, latency in _beside(system, chosen.queued, chosen.seconds):
                table.add_row(name, *(f"{value:,.0f}" for value in latency[:4]))
                spans.add_column(name)
                for part, values in latency.spans.items():
                    rows.setdefault(part, []).append(f"{_at(values, 0.5):.1f} / {_at(values, 0.99):.1f}")
            table.add_row("target", str(TARGET_P50_MS), str(TARGET_P99_MS), "", "")
            console.print(table)
    for part, cells in rows.items():
        spans.add_row(part, *cells)
    console.print(spans)
    console.print(f"load average of this machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if chosen.only_latency:
        return
    table = Table("queued messages", "broker memory MB", "dispatch µs a message", "a tick ms",
                  title="Dispatch, no worker running", title_justify="left")  # fmt: skip
    with tempfile.TemporaryDirectory() as home, EmbeddedStack(Path(home)) as stack:
        migrate.upgrade(stack.owner_url)
        for queued, memory, cost, tick in _queues(stack):
            table.add_row(f"{queued:,}", f"{memory:.2f}", f"{cost:.2f}", f"{tick:.1f}")
    console.print(table)


def _beside(system: System, queued: int, seconds: int) -> Iterator[tuple[str, Latency]]:
    """Quiet, beside a rescan of everything from raw mail, and beside rescans of stored vectors, one after another."""
    url, broker = system.stack.worker_url, system.stack.broker_url
    bodies = [one.raw for one in sample_mailbox(count=500)]
    with connect(url, application="bench") as sql, Enqueuer(url, broker) as door:
        bulk, _ = tenants.ensure(sql, "bulk")
        tenants.ensure(sql, "acme")
        door.accept([_copy(bodies, n) for n in range(500)], tenant="bulk", mailbox="all@bulk.test", lane="backfill")
        door.accept([_copy(bodies, -n) for n in range(1, 33)], tenant="acme", mailbox="a@x.test", lane="realtime")
        _settle(sql)
        started = time.monotonic()
        stored = multiply(sql, bulk, queued)
        print(f"{stored:,} stored messages in {time.monotonic() - started:.0f} s")
        yield "nothing", _latency(sql, door, bodies, seconds, "quiet@acme.test")
        wanted = wanted_by(sql, None)
        for name, as_of, times in (("from raw mail", "now", 1), ("of stored vectors", "received", 4)):
            started_jobs = [
                start(sql, bulk, Asked(), wanted, as_of=as_of, actor="bench", yes=True)[0] for _ in range(times)
            ]
            time.sleep(3)
            yield f"rescan of {stored:,} {name}", _latency(sql, door, bodies, seconds, f"{as_of}@acme.test")
            for job in started_jobs:
                jobs.cancel(sql, job)
            _settle(sql)


def _copy(bodies: list[bytes], number: int) -> Incoming:
    return Incoming(b"X-Copy: %d\r\n" % number + bodies[number % len(bodies)])


def _settle(sql: Connection) -> None:
    """Wait until no chunk is under way."""
    deadline = time.monotonic() + 120
    busy = "SELECT EXISTS (SELECT FROM chunks WHERE state NOT IN ('done', 'cancelled'))"
    while sql.execute(busy).fetchone() != (False,):
        if time.monotonic() > deadline:
            raise TimeoutError("the workers did not settle")
        time.sleep(0.1)


def _latency(sql: Connection, door: Enqueuer, bodies: list[bytes], seconds: int, mailbox: str) -> Latency:
    """From handing a message to the front door until its verdict's row is written, on one machine's clock."""
    sent: list[tuple[float, Future[Receipt]]] = []
    bulk = _bulk(sql)
    started = time.monotonic()
    with Linger(door) as linger:
        for number in range(seconds * RATE):
            wait = started + number / RATE - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            message = _copy(bodies, number + 10_000_000)
            sent.append((time.time(), linger.submit(message, tenant="acme", mailbox=mailbox)))
        ids = {future.result(60).message_id: at for at, future in sent}
    bulk = (_bulk(sql) - bulk) / (time.monotonic() - started)
    deadline = time.monotonic() + 60
    query = """SELECT s.message_id, extract(epoch FROM c.created_at)::float8, extract(epoch FROM c.claimed_at)::float8,
                      extract(epoch FROM s.scored_at)::float8, extract(epoch FROM c.finished_at)::float8, c.messages
               FROM message_state s JOIN messages m ON m.id = s.message_id JOIN chunks c ON c.job_id = m.job_id
               WHERE s.message_id = ANY (%s) AND s.state = 'scored' AND c.state = 'done'"""
    while len(rows := sql.execute(query, (list(ids),)).fetchall()) < len(ids):
        if time.monotonic() > deadline:
            raise TimeoutError("realtime mail was not scored")
        time.sleep(0.5)
    whole, spans = [], {part: [] for part in PARTS}
    for message_id, created, claimed, scored, finished, messages in rows:
        at = ids[message_id]
        whole.append(1000 * (scored - at))
        steps = (created - at, claimed - created, scored - claimed, finished - scored)
        for part, span in zip(PARTS, (*(1000 * step for step in steps), messages), strict=True):
            spans[part].append(span)
    return Latency(_at(whole, 0.5), _at(whole, 0.99), max(whole), bulk, spans)


PARTS = (
    "linger, dedupe and store, until its chunk is written",
    "commit, publish, broker, worker, until claimed",
    "load, parse, history, score, save, until its state is written",
    "rest of the save, before its commit",
    "messages in its chunk",
)


def _at(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _bulk(sql: Connection) -> float:
    row = sql.execute("SELECT coalesce(sum(value), 0) FROM counters WHERE name = 'scored' AND lane = 'rescan'")
    return float(str(row.fetchone()[0]))  # type: ignore[index]


def _queues(stack: EmbeddedStack) -> Iterator[tuple[int, float, float, float]]:
    """The queue is chunk rows alone: what is dispatched is never claimed, but called done after each tick."""
    url, broker = stack.worker_url, stack.broker_url
    with connect(url, application="bench") as sql, redis.Redis.from_url(broker) as client:
        tenants.ensure(sql, "bulk")
        with Enqueuer(url, broker) as door:
            door.accept([Incoming(b"From: a@b.example\r\n\r\nx")], tenant="bulk", mailbox="a@b.test", lane="backfill")
        sql.execute("DELETE FROM chunk_bodies")
        sql.execute("UPDATE chunks SET state = 'done', finished_at = now() - interval '1 hour'")
        for queued in QUEUES:
            sql.execute("DELETE FROM chunks")
            sql.execute(
                """INSERT INTO chunks (tenant_id, job_id, lane, state, messages)
                   SELECT j.tenant_id, j.id, 'backfill', 'ready', 500 FROM jobs j, generate_series(1, %s)""",
                (queued // 500,),
            )
            sql.execute("ANALYZE chunks")
            client.flushall()
            one = Dispatcher(url, broker)
            before = time.perf_counter()
            published = 500.0 * one.tick()
            spent = time.perf_counter() - before
            ticks = 1
            memory = client.info("memory")["used_memory"] / 1e6
            while published < queued and ticks < 20:
                sql.execute(
                    "UPDATE chunks SET state = 'done', finished_at = clock_timestamp() WHERE state = 'published'"
                )
                client.delete("backfill")
                before = time.perf_counter()
                chunks = one.tick()
                spent += time.perf_counter() - before
                published += 500 * chunks
                ticks += 1
            one.close()
            yield queued, memory, 1e6 * spent / max(1.0, published), 1e3 * spent / ticks


if __name__ == "__main__":
    main()
