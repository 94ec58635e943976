"""How soon a running rescan is paused, resumed and cancelled, on the real dispatcher and workers."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

from rescans import WORKERS, accept
from rich.console import Console
from rich.table import Table

from db import jobs, tenants
from db.session import connect
from scorelane.rescans import Asked, start, wanted_by
from worker.processes import Group
from worker.up import run_system

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from db.session import Connection

MESSAGES, TURNS = 6_000, 5
STILL_S = 0.5
IN_HAND = "SELECT count(*) FROM chunks WHERE job_id = %s AND state IN ('published', 'claimed')"
RESULTS = "SELECT count(*) FROM rescan_results WHERE rescan_id = %s"
WAITING = "SELECT count(*) FROM message_state WHERE state = 'accepted'"
ACTS = {
    "pause": "no chunk is in hand, and no result is written after",
    "resume": "the first new result is written",
    "cancel": "no chunk is in hand, and no result is written after",
}


def main() -> None:
    """One table, on a system of its own: full recomputations, each stopped half way."""
    taken: dict[str, list[float]] = {name: [] for name in ACTS}
    group = Group("bulk", ("rescan", "backfill"), WORKERS)
    with (
        tempfile.TemporaryDirectory() as folder,
        run_system(Path(folder) / "home", groups=[group]) as system,
        connect(system.stack.worker_url, application="bench") as sql,
    ):
        tenants.ensure(sql, "acme")
        accept(system.stack, MESSAGES)
        wait_for(lambda: number(sql, WAITING) == 0, most_s=240)
        for _ in range(TURNS):
            for name, seconds in one_turn(sql).items():
                taken[name].append(seconds)
    table = Table("act", "median s", "longest s", "until", box=None)
    for name, until in ACTS.items():
        table.add_row(name, f"{median(taken[name]):.2f}", f"{max(taken[name]):.2f}", until)
    Console(width=140).print(table)


def one_turn(sql: Connection) -> dict[str, float]:
    """Seconds that each act takes on a rescan that is under way."""
    tenant = number(sql, "SELECT id FROM tenants")
    rescan_id, _ = start(sql, tenant, Asked(), wanted_by(sql, None), as_of="now", actor="bench", yes=True)
    wait_for(lambda: number(sql, RESULTS, rescan_id) > 0)
    pause = timed(lambda: jobs.pause(sql, rescan_id), lambda: not number(sql, IN_HAND, rescan_id))
    held = stands_still(sql, rescan_id)
    resume = timed(lambda: jobs.resume(sql, rescan_id), lambda: number(sql, RESULTS, rescan_id) > held)
    cancel = timed(lambda: jobs.cancel(sql, rescan_id), lambda: not number(sql, IN_HAND, rescan_id))
    assert stands_still(sql, rescan_id) < MESSAGES, "it ended before it was cancelled"
    return {"pause": pause, "resume": resume, "cancel": cancel}


def stands_still(sql: Connection, rescan_id: UUID) -> int:
    """How many results there are, and no more after a while."""
    held = number(sql, RESULTS, rescan_id)
    time.sleep(STILL_S)
    assert number(sql, RESULTS, rescan_id) == held, "it went on"
    return held


def timed(act: Callable[[], bool], done: Callable[[], object]) -> float:
    """Seconds from a call until its effect is seen."""
    before = time.monotonic()
    assert act()
    wait_for(done)
    return time.monotonic() - before


def wait_for(done: Callable[[], object], *, most_s: float = 30) -> None:
    """Poll until something is so."""
    until = time.monotonic() + most_s
    while not done():
        assert time.monotonic() < until
        time.sleep(0.01)


def number(sql: Connection, query: str, *values: object) -> int:
    """The number that a query gives."""
    row = sql.execute(query, values).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return int(row[0])


if __name__ == "__main__":
    main()
