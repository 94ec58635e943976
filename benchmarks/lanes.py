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

from db import lanes, migrate, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming, Linger
from scorelane.sample import sample_mailbox
from worker.dispatcher import Dispatcher
from worker.processes import Group
from worker.stack import EmbeddedStack
from worker.up import run_system

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from db.session import Connection
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


def main() -> None:
    """Measure one after another, print two tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=30, help="of realtime mail, each way")
    options.add_argument("--queued", type=int, default=200_000, help="bulk messages waiting at the start")
    chosen = options.parse_args()
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as home:
        groups = (Group("realtime", ("interactive", "realtime"), 1), Group("bulk", ("rescan", "backfill"), 1, nice=10))
        with run_system(Path(home), groups=groups) as system:
            title = f"Realtime at {RATE} messages/s for {chosen.seconds} s, accept to saved verdict"
            table = Table("beside", "p50 ms", "p99 ms", "most ms", "bulk messages/s", title=title, title_justify="left")
            for name, latency in _beside(system, chosen.queued, chosen.seconds):
                table.add_row(name, *(f"{value:,.0f}" for value in latency))
            table.add_row("target", str(TARGET_P50_MS), str(TARGET_P99_MS), "", "")
            console.print(table)
    console.print(f"load average of this machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    table = Table("queued messages", "broker memory MB", "dispatch µs a message", "a tick ms",
                  title="Dispatch, no worker running", title_justify="left")  # fmt: skip
    with tempfile.TemporaryDirectory() as home, EmbeddedStack(Path(home)) as stack:
        migrate.upgrade(stack.owner_url)
        for queued, memory, cost, tick in _queues(stack):
            table.add_row(f"{queued:,}", f"{memory:.2f}", f"{cost:.2f}", f"{tick:.1f}")
    console.print(table)


def _beside(system: System, queued: int, seconds: int) -> Iterator[tuple[str, Latency]]:
    url, broker = system.stack.worker_url, system.stack.broker_url
    bodies = [one.raw for one in sample_mailbox(count=500)]
    with connect(url, application="bench") as sql, Enqueuer(url, broker) as door:
        for tenant in ("bulk", "acme"):
            tenants.ensure(sql, tenant)
        for lane in ("realtime", "backfill"):
            door.accept([_copy(bodies, -n) for n in range(1, 33)], tenant="acme", mailbox=f"{lane}@x.test", lane=lane)
        _settle(sql)
        yield "nothing", _latency(sql, door, bodies, seconds, "quiet@acme.test")
        lanes.pause(sql, "backfill", paused=True)
        started = time.monotonic()
        for at in range(0, queued, 512):
            batch = [_copy(bodies, n) for n in range(at, min(at + 512, queued))]
            door.accept(batch, tenant="bulk", mailbox="all@bulk.test", lane="backfill")
        print(f"queued {queued:,} bulk messages at {queued / (time.monotonic() - started):,.0f}/s")
        sql.execute("ANALYZE")
        lanes.pause(sql, "backfill", paused=False)
        time.sleep(3)
        yield f"{queued:,} queued backfill messages", _latency(sql, door, bodies, seconds, "busy@acme.test")


def _copy(bodies: list[bytes], number: int) -> Incoming:
    return Incoming(b"X-Copy: %d\r\n" % number + bodies[number % len(bodies)])


def _settle(sql: Connection) -> None:
    deadline = time.monotonic() + 120
    while sql.execute("SELECT EXISTS (SELECT FROM message_state WHERE state = 'accepted')").fetchone() != (False,):
        if time.monotonic() > deadline:
            raise TimeoutError("the workers did not settle")
        time.sleep(0.1)


def _latency(sql: Connection, door: Enqueuer, bodies: list[bytes], seconds: int, mailbox: str) -> Latency:
    """From handing a message to the front door until its verdict's row is written, on one machine's clock."""
    sent: list[tuple[float, object]] = []
    bulk = _bulk(sql)
    started = time.monotonic()
    with Linger(door) as linger:
        for number in range(seconds * RATE):
            wait = started + number / RATE - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            message = _copy(bodies, number + 10_000_000)
            sent.append((time.time(), linger.submit(message, tenant="acme", mailbox=mailbox)))
        ids: dict[UUID, float] = {future.result(60).message_id: at for at, future in sent}  # type: ignore[attr-defined]
    bulk = (_bulk(sql) - bulk) / (time.monotonic() - started)
    deadline = time.monotonic() + 60
    query = """SELECT message_id, extract(epoch FROM scored_at)::float8 FROM message_state
               WHERE message_id = ANY (%s) AND state = 'scored'"""
    rows = sql.execute(query, (list(ids),)).fetchall()
    while len(rows) < len(ids):
        if time.monotonic() > deadline:
            raise TimeoutError("realtime mail was not scored")
        time.sleep(0.5)
        rows = sql.execute(query, (list(ids),)).fetchall()
    waits = sorted(1000 * (float(str(at)) - ids[message_id]) for message_id, at in rows)  # type: ignore[index]
    return Latency(waits[len(waits) // 2], waits[int(len(waits) * 0.99)], waits[-1], bulk)


def _bulk(sql: Connection) -> float:
    row = sql.execute("SELECT coalesce(sum(value), 0) FROM counters WHERE name = 'scored' AND lane = 'backfill'")
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
