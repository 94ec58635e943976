"""Delivers events to webhooks and files, and forgets what retention and erasures say: ``python -m worker.outbox``.

Any number may run beside each other.
"""

from __future__ import annotations

import signal
import threading
import time

import psycopg
import structlog

from db import outbox
from db.session import Connection, connect
from scorelane.logs import configure_logs
from scorelane.outbox import Deliverer, Limits
from scorelane.settings import Settings
from worker import forgetting

log = structlog.get_logger()

IDLE_S = 0.5
AWAY_S = 2.0
SWEEP_EVERY_S = 3600.0
KEEP_DAYS = 30


def run(database_url: str, limits: Limits, stopping: threading.Event) -> None:
    """Deliver until stopped. A database that is away is waited for."""
    deliverer = Deliverer(limits)
    connection: Connection | None = None
    sweep_due = 0.0
    try:
        while not stopping.is_set():
            try:
                if connection is None or connection.closed:
                    connection = connect(database_url, application="scorelane-outbox")
                attempts = deliverer.step(connection)
                if time.monotonic() >= sweep_due:
                    outbox.sweep(connection, KEEP_DAYS)
                    sweep_due = time.monotonic() + SWEEP_EVERY_S
            except psycopg.OperationalError as fault:
                log.warning("database_unavailable", error=str(fault).strip().splitlines()[:1])
                if connection is not None:
                    connection.close()
                connection = None
                stopping.wait(AWAY_S)
            else:
                if not attempts:
                    stopping.wait(IDLE_S)
    finally:
        deliverer.close()
        if connection is not None:
            connection.close()


def serve(database_url: str, limits: Limits, stopping: threading.Event) -> None:
    """Deliver and forget until stopped.

    Where one of the two ends by a bug, so does the other: the supervisor sees the process end, and starts it again.
    """

    def keep() -> None:
        try:
            forgetting.run(database_url, stopping)
        finally:
            stopping.set()

    keeping = threading.Thread(target=keep, name="forgetting")
    keeping.start()
    try:
        run(database_url, limits, stopping)
    finally:
        stopping.set()
        keeping.join()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings()
    configure_logs(settings.log_level)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    serve(settings.database_url, Limits(allow_private=settings.outbox_allow_private), stopping)


if __name__ == "__main__":
    main()
