"""Metrics and health for operators: ``python -m worker.exporter``, every figure read from Postgres when asked.

`/metrics` is Prometheus text; `/healthz` answers 503 and says why when the database is away, a lane makes no
progress though it has work, or partitions run out.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from db import dead_letters, lanes, lookups, partitions, provisional
from db.session import connect
from scorelane.logs import configure_logs
from scorelane.settings import Settings
from worker.processes import lane_groups
from worker.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from db.session import Connection

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
PREFIX = "scorelane"
PORT = 9808


class Health(threading.Thread):
    """Looks at the lanes every second, so that the answer to a question is ready and stalls are measured."""

    def __init__(self, database_url: str, stall_s: float) -> None:
        super().__init__(name="health", daemon=True)
        self._url = database_url
        self._stall_s = stall_s
        self._progress = Progress({group.name: group.lanes for group in lane_groups()})
        self._stalled: dict[str, float] = {}
        self._said: set[str] = set()
        self._fault: str | None = "not looked yet"
        self.stopping = threading.Event()

    def run(self) -> None:
        """Look until stopped."""
        connection: Connection | None = None
        while True:
            try:
                connection = connection or connect(self._url, application="scorelane-health")
                self.look(connection)
            except psycopg.Error as fault:
                self._progress.forget()
                self._fault = f"the database does not answer: {str(fault).strip().splitlines()[0]}"
                connection = None
            if self.stopping.wait(LOOK_EVERY_S):
                break
        if connection is not None:
            connection.close()

    def look(self, connection: Connection) -> None:
        """One look."""
        self._stalled = self._progress.observe(lanes.marks(connection), time.monotonic())
        ahead = partitions.months_ahead(connection)
        self._fault = None if ahead else "there is no partition for next month"
        for group in self.stalled():
            if group not in self._said:
                log.error("worker_stalled", group=group, no_progress_s=round(self._stalled[group]))
        self._said = set(self.stalled())

    def stalled(self) -> list[str]:
        """Groups of workers that have work and take none."""
        return [group for group, seconds in self._stalled.items() if seconds >= self._stall_s]

    def without_progress_s(self) -> dict[str, float]:
        """Seconds by group of workers."""
        return dict(self._stalled)

    def answer(self) -> dict[str, Any]:
        """What `/healthz` says."""
        problems = [] if self._fault is None else [self._fault]
        problems += [
            f"workers of group {group} have taken nothing for {self._stalled[group]:.0f} s though there is work"
            for group in self.stalled()
        ]
        return {"status": "unhealthy" if problems else "ok", "problems": problems}


class LaneCollector:
    """Reads everything at each scrape, so that what is shown equals what SQL counts."""

    def __init__(self, database_url: str, health: Health) -> None:
        self._url = database_url
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """Families of metrics; only `scorelane_up 0` when the database is away."""
        up = GaugeMetricFamily(f"{PREFIX}_up", "Whether the database answered this scrape")
        try:
            with connect(self._url, application="scorelane-exporter") as connection:
                families = [*_lanes(connection), *_counters(connection), *_lookups(connection), *_storage(connection)]
        except psycopg.Error as fault:
            log.warning("scrape_without_database", error=str(fault).strip().splitlines()[:1])
            families = []
        up.add_metric([], float(bool(families)))
        yield up
        yield from families
        stalled = GaugeMetricFamily(
            f"{PREFIX}_no_progress_seconds", "Time that workers had work and took none", labels=["group"]
        )
        for group, seconds in self._health.without_progress_s().items():
            stalled.add_metric([group], seconds)
        yield stalled


def _lanes(connection: Connection) -> Iterator[Metric]:
    backlog = GaugeMetricFamily(f"{PREFIX}_backlog_messages", "Messages by chunk state", labels=["lane", "state"])
    named = {
        "oldest_s": ("oldest_seconds", "Age of the oldest message that may run"),
        "wait_s": ("wait_seconds", "Mean wait from acceptance to claim, last minute"),
        "run_s": ("run_seconds", "Mean time from claim to result, last minute"),
        "finished_1m": ("finished_last_minute", "Messages finished in the last minute"),
        "paused": ("paused", "1 while the lane is paused"),
        "draining": ("draining", "1 while the lane takes nothing new"),
        "backlog_limit": ("backlog_limit_messages", "Backlog at which accepting answers Busy"),
    }
    gauges = {
        field: GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=["lane"]) for field, (name, text) in named.items()
    }
    for state in lanes.states(connection):
        for kind in ("ready", "published", "claimed", "held"):
            backlog.add_metric([state.name, kind], getattr(state, kind))
        for field, gauge in gauges.items():
            gauge.add_metric([state.name], float(getattr(state, field) or 0))
    yield backlog
    yield from gauges.values()


def _counters(connection: Connection) -> Iterator[Metric]:
    events = CounterMetricFamily(
        f"{PREFIX}_events",
        "accepted, rejected, shed, scored, dead: messages; retried, expired, republished: chunks; discarded: tasks",
        labels=["event", "lane"],
    )
    refused = CounterMetricFamily(
        f"{PREFIX}_bundle_refused",
        "How often workers were to load a bundle that is gone, damaged or does not fit their code",
        labels=["group"],
    )
    times = {group.name: 0 for group in lane_groups()}  # from 0 on, or the first refusal would be no increase
    for name, lane, value in lanes.counters(connection):
        if name == "bundle_refused":
            times[lane] = value
        else:
            events.add_metric([name, lane], value)
    for group, value in times.items():
        refused.add_metric([group], value)
    yield events
    yield refused


def _lookups(connection: Connection) -> Iterator[Metric]:
    outcomes = CounterMetricFamily(
        f"{PREFIX}_lookups", "What became of lookups, by provider", labels=["provider", "outcome"]
    )
    for (provider, outcome), value in sorted(lookups.outcomes(connection).items()):
        outcomes.add_metric([provider, outcome], value)
    yield outcomes
    queued = GaugeMetricFamily(
        f"{PREFIX}_lookups_queued", "Lookups that are due or under way", labels=["provider", "state"]
    )
    oldest = GaugeMetricFamily(
        f"{PREFIX}_lookups_overdue_seconds", "How long the oldest due lookup has been due", labels=["provider"]
    )
    for provider, state, number, overdue_s in lookups.states(connection):
        queued.add_metric([provider, state], number)
        if overdue_s is not None:
            oldest.add_metric([provider], overdue_s)
    yield queued
    yield oldest
    messages, deadline_s = provisional.waiting(connection)
    yield GaugeMetricFamily(f"{PREFIX}_provisional_messages", "Messages whose score waits for facts", value=messages)
    yield GaugeMetricFamily(
        f"{PREFIX}_provisional_overdue_seconds",
        "How long the first of them is past its deadline",
        value=max(0.0, -(deadline_s or 0.0)),
    )


def _storage(connection: Connection) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        f"{PREFIX}_dead_letters_open",
        "Dead letters that nobody has resolved",
        value=dead_letters.open_count(connection),
    )
    yield GaugeMetricFamily(
        f"{PREFIX}_partition_months_ahead",
        "Months after this one with a partition",
        value=partitions.months_ahead(connection),
    )
    stray = GaugeMetricFamily(
        f"{PREFIX}_partition_stray_rows", "Rows in default partitions, counted up to 1,000", labels=["table"]
    )
    found = partitions.strays(connection)
    for table in partitions.PARENTS:
        stray.add_metric([table], found.get(table, 0))
    yield stray


class Exporter(ThreadingHTTPServer):
    """The HTTP server."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], database_url: str, stall_s: float) -> None:
        self.health = Health(database_url, stall_s)
        super().__init__(address, _Handler)
        self.registry = CollectorRegistry()
        self.registry.register(LaneCollector(database_url, self.health))
        self.health.start()

    def server_close(self) -> None:
        """Stop looking, too."""
        self.health.stopping.set()
        if self.health.is_alive():  # it is not where the port was taken
            self.health.join()
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Exporter

    def do_GET(self) -> None:
        """Answer the two paths."""
        if self.path == "/metrics":
            self._answer(200, "text/plain; version=0.0.4; charset=utf-8", generate_latest(self.server.registry))
        elif self.path == "/healthz":
            said = self.server.health.answer()
            self._answer(200 if said["status"] == "ok" else 503, "application/json", json.dumps(said).encode())
        else:
            self._answer(404, "text/plain", b"/metrics or /healthz\n")

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Scrapes are not worth a line."""


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = Settings()
    configure_logs(settings.log_level)
    place = (settings.exporter_host, settings.exporter_port or PORT)
    try:
        exporter = Exporter(place, settings.database_url, settings.stall_s)
    except OSError as fault:
        sys.exit(f"nothing can listen on {place[0]}:{place[1]} (SCORELANE_EXPORTER_PORT): {fault.strerror}")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=exporter.shutdown).start())
    log.info("exporting", port=exporter.server_address[1])
    exporter.serve_forever(poll_interval=0.2)
    exporter.server_close()


if __name__ == "__main__":
    main()
