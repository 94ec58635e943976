"""Durable intake over HTTP on the loopback: batches of lines and of form files, and messages one by one.

The server is the one that `scorelane up` starts, with its own database; each figure counts receipts that came back,
each of which says that its message is on disk. Clients are processes of their own, as senders are.
"""

from __future__ import annotations

import base64
import json
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from mail import load
from rich.console import Console
from rich.table import Table

from db import tenants
from db.session import connect
from scorelane import access
from worker.up import run_system

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH = 500
CLIENTS = 2
SINGLES, SINGLE_CLIENTS = 2_000, 16


def main() -> None:
    """Measure one after another, print one table."""
    raws = [one.raw for one in load().messages]
    table = Table("what", "messages/s", "how", title="Intake over HTTP, receipts once durable", title_justify="left")
    with (
        tempfile.TemporaryDirectory() as home,
        run_system(Path(home), groups=(), services=("api",)) as system,
    ):
        with connect(system.stack.worker_url, application="bench") as sql:
            tenant_id, _ = tenants.ensure(sql, "acme")
            key = access.create(sql, tenant_id, name="bench", role="ingest", author="bench", rate_per_s=100_000).key
        url = system.addresses["api"].url
        wait_for(url)
        measure(url, key, "warm", raws[:1], 1, 1)  # the first message of a process loads Celery
        for kind in ("lines", "form"):
            # Another mailbox and other bytes a kind, so that every message is new and its raw mail is stored.
            own = [b"X-Benchmark: " + kind.encode() + b"\r\n" + raw for raw in raws]
            batches = [own[at : at + BATCH] for at in range(0, len(own), BATCH)]
            bodies = [lines(batch) for batch in batches] if kind == "lines" else batches
            rate = measure(url, key, kind, bodies, CLIENTS, len(raws))
            table.add_row(f"batches of {BATCH}, {kind}", f"{rate:,.0f}", f"{CLIENTS} clients")
        singles = [b"X-Benchmark: single\r\n" + raw for raw in raws[:SINGLES]]
        rate = measure(url, key, "single", singles, SINGLE_CLIENTS, len(singles))
        table.add_row("one by one", f"{rate:,.0f}", f"{SINGLE_CLIENTS} clients, keep-alive")
        rate = measure(url, key, "alone", raws[:500], 1, 500)
        table.add_row("one by one, alone", f"{rate:,.0f}", "1 client: the time of one call")
    Console(width=120).print(table)


def lines(batch: Sequence[bytes]) -> bytes:
    """A batch as NDJSON."""
    return b"".join(json.dumps({"raw": base64.b64encode(raw).decode()}).encode() + b"\n" for raw in batch)


def wait_for(url: str) -> None:
    """Return when the server is ready."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if httpx.get(f"{url}/readyz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    sys.exit("the API never became ready")


def measure(  # noqa: PLR0917 - a row of the table
    url: str, key: str, kind: str, bodies: Sequence[bytes | Sequence[bytes]], clients: int, total: int
) -> float:
    """Messages a second over all clients, from the first request to the last receipt."""
    context = multiprocessing.get_context("spawn")
    processes = min(clients, 4)
    each = max(1, clients // processes)
    gate = context.Barrier(processes + 1)
    counted = context.Value("i", 0)
    running = [
        context.Process(target=send, args=(url, key, kind, bodies[n::processes], each, gate, counted))
        for n in range(processes)
    ]
    for process in running:
        process.start()
    gate.wait()
    started = time.perf_counter()
    gate.wait()
    took = time.perf_counter() - started
    for process in running:
        process.join()
    assert counted.value == total, f"{counted.value} of {total} messages got a receipt"
    return total / took


def send(url, key, kind, bodies, threads, gate, counted) -> None:  # noqa: ANN001, PLR0917 - spawned
    """One client process."""
    from concurrent.futures import ThreadPoolExecutor

    headers = {"Authorization": f"Bearer {key}"}
    params = {"mailbox": f"{kind}@acme.test"}
    with (
        httpx.Client(base_url=url, headers=headers, params=params, timeout=120) as client,
        ThreadPoolExecutor(threads) as pool,
    ):

        def one(body) -> int:  # noqa: ANN001
            if kind == "lines":
                more = {"content": body, "headers": {"Content-Type": "application/x-ndjson"}}
            elif kind == "form":
                more = {"files": [("message", ("m.eml", raw, "message/rfc822")) for raw in body]}
            else:
                answer = client.post("/v1/messages", content=body, headers={"Content-Type": "message/rfc822"})
                return int(answer.json()["status"] in ("accepted", "duplicate"))
            answer = client.post("/v1/messages/batch", **more)
            return len(answer.json()["receipts"])

        client.get("/v1/whoami")
        gate.wait()
        done = sum(pool.map(one, bodies))
        with counted.get_lock():
            counted.value += done
        gate.wait()


if __name__ == "__main__":
    main()
