"""Rescans: predicting on stored vectors, computing everything again, logged vectors bit by bit, memory of a worker."""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

from mail import load
from rich.console import Console
from rich.table import Table

from db import dispatch, migrate, rescans, sightings, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.garbage import collect_seldom
from scorelane.rescans import Asked, plan_all, start, wanted_of
from tasks.parity import check
from tasks.score import score_chunks
from tasks.session import Session
from worker.stack import EmbeddedStack
from worker.up import ensure_bundle

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.synchronize import Semaphore

    from db.session import Connection

MESSAGES = 20_000
WORKERS = 2


def main() -> None:
    """One table, on a database of its own."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, EmbeddedStack(Path(folder) / "home") as stack:
        migrate.upgrade(stack.owner_url)
        ensure_bundle(stack.worker_url)
        with connect(stack.worker_url, application="bench") as sql:
            tenant, _ = tenants.ensure(sql, "acme")
            count = accept(stack, int(os.environ.get("MESSAGES", MESSAGES)))
            elapsed = run(stack.worker_url, sql, "backfill")
            rows.append(("first score, with history", count / elapsed, f"{WORKERS} processes"))
            while sightings.roll_up(sql, tenant):
                pass
            session = Session(stack.worker_url, group="bench")
            wanted = wanted_of(session.standing(tenant).live.bundle)
            for name, as_of in (("rescan, stored vectors", "received"), ("rescan, everything again", "now")):
                rescan_id, preview = start(sql, tenant, Asked(), wanted, as_of=as_of, actor="bench", yes=True)
                before = time.monotonic()
                plan_all(sql, rescan_id)
                planned = time.monotonic() - before
                elapsed = run(stack.worker_url, sql, "rescan")
                done = rescans.listing(sql, rescan_id=rescan_id)[0]
                assert done.done == count, done
                note = f"{preview.works}, {done.flips} flips; planning {count / planned:,.0f}/s"
                rows.append((name, count / elapsed, note))
            for chunk in (512, 1):
                before = time.monotonic()
                report = check(session, None, messages=5_000, chunk=chunk)
                elapsed = time.monotonic() - before
                note = f"{report.equal} equal, {report.differing} differing, {report.other_code + report.gone} not ours"
                rows.append((f"parity, chunks of {chunk}", report.looked_at / elapsed, note))
            session.forget_connection()
            session.attachments.close()
    table = Table("measure", "messages/s", "what", box=None)
    for name, rate, note in rows:
        table.add_row(name, f"{rate:,.0f}", note)
    Console(width=140).print(table)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest child process {peak:,.0f} MB")


def accept(stack: EmbeddedStack, most: int) -> int:
    """Put real mail, then copies of it with another first line, into the lane; how many are new."""
    raws = [one.raw for one in load().messages]
    count = 0
    with Enqueuer(stack.worker_url, stack.broker_url) as door:
        for at in range(0, most, 512):
            batch = [
                Incoming(b"X-Copy: %d\r\n" % (n // len(raws)) + raws[n % len(raws)])
                for n in range(at, min(at + 512, most))
            ]
            receipts = door.accept(batch, tenant="acme", mailbox="all@acme.test", lane="backfill")
            count += sum(receipt.status == "accepted" for receipt in receipts)
    return count


def run(url: str, sql: Connection, lane: str) -> float:
    """Seconds until a lane is empty, its chunks worked on by WORKERS processes that have loaded their bundle."""
    fork = multiprocessing.get_context("fork")
    due: SimpleQueue[tuple[int, int] | None] = fork.SimpleQueue()
    ready = fork.Semaphore(0)
    workers = [fork.Process(target=work, args=(url, due, ready)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for _ in workers:
        ready.acquire()
    before = time.monotonic()
    while chunks := dispatch.publish_due(sql, lane, 1_000_000):
        for chunk in chunks:
            due.put((chunk.chunk_id, chunk.dispatch_id))
    for _ in workers:
        due.put(None)
    for worker in workers:
        worker.join()
    return time.monotonic() - before


def work(url: str, due: SimpleQueue[tuple[int, int] | None], ready: Semaphore) -> None:
    """Score chunks until told to end."""
    session = Session(url, group="bench")
    session.warm()
    collect_seldom()
    ready.release()
    while (pair := due.get()) is not None:
        score_chunks(session, [pair])
    session.forget_connection()
    session.attachments.close()


if __name__ == "__main__":
    main()
