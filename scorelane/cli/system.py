"""``scorelane up`` and ``scorelane demo``: the whole system on this machine."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorelane.cli import output
from scorelane.cli.enqueue import Tally, make_tenant, receipts, wait_until_scored
from scorelane.cli.sources import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scorelane.sample import SampleMessage
    from worker.up import System

DEMO_MESSAGES = 520
DEMO_TENANT = "harbourline"
DEMO_FLAGGED_ROWS, DEMO_CLEAN_ROWS = 40, 10
SUBJECT_CHARS, REASON_CHARS = 40, 72


def up() -> None:
    """Run everything in the foreground until interrupted."""
    from scorelane.enrichment import Catalogue
    from scorelane.settings import Settings
    from worker.processes import lane_groups
    from worker.up import SERVICES, run_until_stopped

    settings = Settings()
    Catalogue.of(settings.enrichment)  # says what is wrong with it before anything starts
    run_until_stopped(
        settings.home,
        _announce,
        starting=lambda: output.note(f"starting in {settings.home.absolute()}"),
        groups=lane_groups(settings.concurrency),
        services=SERVICES,
        ports={
            "flower": settings.flower_port,
            "console": settings.console_port if "console_port" in settings.model_fields_set else None,
            "api": settings.api_port,
            "metrics": settings.exporter_port,
        },
        stall_s=settings.stall_s,
        bundle=settings.bundle,
    )
    output.note("stopped")


def migrate() -> None:
    """Apply migrations as the owner role, then register the shipped bundle as the worker role."""
    from db import migrate as schema
    from scorelane.settings import Settings
    from worker.up import ensure_bundle

    settings = Settings()
    schema.upgrade(settings.owner_database_url)
    ensure_bundle(settings.database_url, settings.bundle)
    output.note("the database has this version's schema")


def _announce(system: System) -> None:
    lines = [
        f"database  {_without_password(system.stack.worker_url)}",
        f"broker    {_without_password(system.stack.broker_url)}",
    ]
    for name, address in system.addresses.items():
        login = f"  user {address.user}, password {address.password or 'as you set it'}" if address.user else ""
        lines.append(f"{name:<9} {address.url}{login}")
    lines += [
        "",
        "enqueue   scorelane enqueue PATH --tenant acme --mailbox all@acme.test --wait",
        "verdicts  scorelane messages list",
        "stop      Ctrl-C",
    ]
    sys.stdout.write("Scorelane is up\n\n" + "\n".join(lines) + "\n")
    sys.stdout.flush()


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    if not at:
        return url
    scheme, _, login = head.partition("://")
    return f"{scheme}://{login.partition(':')[0]}@{tail}"


def demo() -> None:
    """Score a generated mailbox through the lanes, print the verdicts, leave nothing running."""
    from scorelane.enqueuer import Enqueuer
    from scorelane.sample import sample_mailbox
    from scorelane.sample.mailbox import HOME
    from scorelane.settings import Settings
    from worker.processes import Group
    from worker.up import run_system

    started = time.monotonic()
    group = Group("demo", ("interactive", "realtime", "rescan", "backfill"), 2)
    samples = list(sample_mailbox(count=DEMO_MESSAGES))
    named = {f"sample:{number:03}": sample for number, sample in enumerate(samples)}
    found = iter([Source(name, sample.raw, sample.received_at) for name, sample in named.items()])
    tally = Tally()
    with _passing_home(Settings().home) as home:
        output.note("starting PostgreSQL, Valkey, dispatcher and workers")
        with run_system(home, groups=[group]) as system:
            url = system.stack.worker_url
            make_tenant(url, DEMO_TENANT)
            output.note(f"enqueuing {len(samples)} generated messages")
            with (
                Enqueuer(url, system.stack.broker_url, actor="demo") as enqueuer,
                output.progress("enqueuing", len(samples)) as done,
            ):
                accept = _accept(enqueuer, f"all@{HOME}")
                for _ in receipts(found, accept, tally, done):
                    pass
            output.note(tally.summary())
            wait_until_scored(url, tenant=DEMO_TENANT, key="demo", tally=tally, poll_s=0.05)
            _print_verdicts(url, named)
        output.note(f"stopped; the whole demo took {time.monotonic() - started:.1f} s")


@contextlib.contextmanager
def _passing_home(beside: Path) -> Iterator[Path]:
    """A home that is gone afterwards, so that a demo never meets the data of another run."""
    beside.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="demo-", dir=beside))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)
        with contextlib.suppress(OSError):
            beside.rmdir()


def _accept(enqueuer: Any, mailbox: str) -> Any:
    from scorelane.enqueuer import Incoming

    def accept(batch: Sequence[Source]) -> Any:
        incoming = [Incoming(one.raw, one.received_at, source=one.name) for one in batch]
        return enqueuer.accept(incoming, tenant=DEMO_TENANT, mailbox=mailbox, lane="realtime", idempotency_key="demo")

    return accept


def _print_verdicts(url: str, samples: Mapping[str, SampleMessage]) -> None:
    from db import messages as queries
    from db import tenants
    from db.session import connect, engine
    from scorelane.cli.messages import reasons

    with engine(url).connect() as sql, connect(url, application="scorelane-demo") as connection:
        rows = queries.listing(connection, {"tenant": tenants.find(connection, DEMO_TENANT)}, DEMO_MESSAGES)
        rows.sort(key=lambda row: -(row["log_odds"] if row["log_odds"] is not None else float("inf")))
        flagged = [row for row in rows if row["verdict"] != "clean"][:DEMO_FLAGGED_ROWS]
        clean = [row for row in rows if row["verdict"] == "clean"][-DEMO_CLEAN_ROWS:]
        cells = []
        for row in flagged + clean:
            revisions = queries.revisions(sql, row["id"])
            why = reasons(connection, row["id"], row["revision"]) if revisions else []
            cells.append(_cells(row, samples[row["source"]].kind, why))
    columns = ("verdict", "category", "log-odds", "generated as", "subject", "top reasons")
    title = f"The {len(flagged)} highest scores and the {len(clean)} lowest of {len(rows)}"
    output.table(title, columns, cells, numbers=("log-odds",))
    counts = Counter((samples[row["source"]].label, row["verdict"] or row["state"]) for row in rows)
    verdicts = [*output.STYLES, *sorted({verdict for _, verdict in counts} - set(output.STYLES))]
    summary = []
    for label in ("attack", "spam", "legitimate"):
        found = [counts[label, verdict] for verdict in verdicts]
        summary.append((label, *found, sum(found)))
    output.table("\nVerdicts", ("generated as", *verdicts, "messages"), summary, numbers=(*verdicts, "messages"))


def _cells(row: dict[str, Any], kind: str, why: list[str]) -> tuple[object, ...]:
    short = [line if len(line) <= REASON_CHARS else line[: REASON_CHARS - 1] + "…" for line in why[:2]]
    subject = (row["subject"] or "")[:SUBJECT_CHARS]
    return row["verdict"] or row["state"], row["category"], row["log_odds"], kind, subject, short
