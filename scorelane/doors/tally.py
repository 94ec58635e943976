"""Exact counters of a door, written to the database now and then, for the exporter."""

from __future__ import annotations

import collections
import os
import threading

import psycopg
import structlog

from db import lanes
from db.session import connect

log = structlog.get_logger()

EVERY_S = 10.0


class Tally:
    """Counts in memory, adds up in the database every few seconds and at the end."""

    def __init__(self, database_url: str, lane: str, *, door: str) -> None:
        self._url = database_url
        self._lane = lane
        self._door = door
        self._counts: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tally", daemon=True)
        self._thread.start()

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter; it is exported as ``<door>_<name>``."""
        with self._lock:
            self._counts[f"{self._door}_{name}"] += number

    def close(self) -> None:
        """Write what is left."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            self._write()
        self._write()

    def _write(self) -> None:
        with self._lock:
            counts, self._counts = self._counts, collections.Counter()
        if not counts:
            return
        try:
            with connect(self._url, application=f"scorelane-{self._door}") as connection:
                lanes.count(connection, self._lane, counts, shard=os.getpid())
        except psycopg.Error as fault:
            log.warning("counters_kept_for_later", error=type(fault).__name__)
            with self._lock:
                self._counts.update(counts)
