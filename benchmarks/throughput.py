"""Accept, compute and end-to-end messages/s, beside bogofilter and rspamd on the same messages in the same call."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import peers
from mail import load
from rich.console import Console
from rich.table import Table

from db import tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming
from worker.processes import Group
from worker.up import run_system

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mail import Mail

    from db.session import Connection

BATCH = 512
SINGLES = 400
CHUNK = 64
LIMIT_S = 300.0
PLACE = {"tenant": "acme", "mailbox": "all@acme.test"}


def main() -> None:
    """Measure one after another, print one table."""
    if sys.argv[1:2] == ["--compute"]:
        _compute_alone()
        return
    mail = load()
    rows: list[tuple[str, float | None, str]] = []
    rows += accepting(mail)
    rows.append(("compute, one core", _compute(), f"parse, every signal, text model, trees; chunks of {CHUNK}"))
    rows.append(("end to end", end_to_end(mail), "accept to persisted verdict, 2 worker processes, PostgreSQL durable"))
    wanted, unwanted, judged = labelled(mail)
    rows.append(("bogofilter, one core", peers.bogofilter(wanted, unwanted, judged), "bulk mode, trained"))
    rows.append(("rspamd, one worker", peers.rspamd(wanted, unwanted, judged), "HTTP, no network, Bayes trained"))
    table = Table("what", "messages/s", "how", title=f"Throughput on {mail.title}", title_justify="left")
    for what, rate, how in rows:
        table.add_row(what, "not installed" if rate is None else f"{rate:,.0f}", how)
    Console(width=120).print(table)


def accepting(mail: Mail) -> Iterator[tuple[str, float, str]]:
    """Accepting new messages in batches, all of them again, and some one by one; no worker runs."""
    incoming = [Incoming(one.raw, one.received_at, source=one.name) for one in mail.messages]
    with tempfile.TemporaryDirectory() as home, run_system(Path(home), groups=()) as system:
        with connect(system.stack.worker_url, application="bench") as sql:
            tenants.ensure(sql, "acme")
        with Enqueuer(system.stack.worker_url, system.stack.broker_url) as door:
            how = f"library, batches of {BATCH}, one connection, commits durable"
            yield "accept, new", _rate(door, incoming, BATCH, PLACE["mailbox"]), how
            yield "accept, duplicates", _rate(door, incoming, BATCH, PLACE["mailbox"]), how
            yield (
                "accept, one by one",
                _rate(door, incoming[:SINGLES], 1, "one@acme.test"),
                "library, a commit a message",
            )


def _rate(door: Enqueuer, incoming: Sequence[Incoming], batch: int, mailbox: str) -> float:
    started = time.perf_counter()
    for at in range(0, len(incoming), batch):
        door.accept(incoming[at : at + batch], tenant="acme", mailbox=mailbox, lane="backfill")
    return len(incoming) / (time.perf_counter() - started)


def _compute() -> float:
    """In a process of its own, so that its memory is its own."""
    command = [sys.executable, __file__, "--compute", *sys.argv[1:]]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _compute_alone() -> None:
    sys.argv.pop(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    from scorelane.garbage import collect_seldom
    from scorelane.mail import parse
    from scorelane.scoring import Bundle, Policy, Scorer, default_bundle_path

    bundle = Bundle.load(default_bundle_path())
    scorer = Scorer(bundle, Policy.from_bundle(bundle))
    found = load().messages
    for repeat in range(2):  # the first round warms lists, plans and caches
        some = found[:BATCH] if repeat == 0 else found
        collect_seldom()  # as workers do
        started = time.process_time()
        for at in range(0, len(some), CHUNK):
            scorer.score([parse(one.raw, received_at=one.received_at) for one in some[at : at + CHUNK]])
        spent_s = time.process_time() - started
    sys.stdout.write(f"{len(found) / spent_s}\n")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    sys.stderr.write(f"peak memory of the computing process, the mail itself included: {peak_mb:.0f} MB\n")


def end_to_end(mail: Mail) -> float:
    """From the first accept to the last verdict in the database."""
    incoming = [Incoming(one.raw, one.received_at, source=one.name) for one in mail.messages]
    groups = (Group("bench", ("interactive", "realtime", "rescan", "backfill"), 2),)
    with (
        tempfile.TemporaryDirectory() as home,
        run_system(Path(home), groups=groups) as system,
    ):
        url = system.stack.worker_url
        with connect(url, application="bench") as sql, Enqueuer(url, system.stack.broker_url) as door:
            tenants.ensure(sql, "acme")
            _warm(door, sql)
            started = time.perf_counter()
            for at in range(0, len(incoming), BATCH):
                door.accept(incoming[at : at + BATCH], **PLACE, lane="backfill")
            _settled(sql)
            return len(incoming) / (time.perf_counter() - started)


def _warm(door: Enqueuer, sql: Connection) -> None:
    """Both children have started, loaded the bundle and scored something."""
    for number in range(8):
        raw = f"From: a@b.example\r\nSubject: warm {number}\r\n\r\nhello\r\n".encode()
        door.accept([Incoming(raw)], tenant="acme", mailbox="warm@acme.test", lane="realtime")
    _settled(sql)
    time.sleep(1)


def _settled(sql: Connection) -> None:
    deadline = time.monotonic() + LIMIT_S
    left = "SELECT EXISTS (SELECT FROM message_state WHERE state = 'accepted')"
    while sql.execute(left).fetchone() != (False,):
        if time.monotonic() > deadline:
            sys.exit(f"not scored within {LIMIT_S:.0f} s")
        time.sleep(0.02)


def labelled(mail: Mail) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Wanted and unwanted mail for a peer to learn from, and the rest for it to judge."""
    half = slice(None, None, 2)
    first = list(zip(mail.messages[half], mail.unwanted[half], strict=True))
    wanted = [one.raw for one, is_unwanted in first if is_unwanted is False]
    unwanted = [one.raw for one, is_unwanted in first if is_unwanted]
    return wanted, unwanted, [one.raw for one in mail.messages[1::2]]


if __name__ == "__main__":
    main()
