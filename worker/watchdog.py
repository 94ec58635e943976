"""Replaces workers that have gone silent: alive by every sign, and taking nothing while their lanes have work."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Self

import psycopg
import redis
import structlog

from db import lanes
from db.session import Connection, connect
from worker.errors import StartFailed
from worker.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.processes import Group, Processes

log = structlog.get_logger()

EVERY_S = 1.0
START_S = 30.0
"""What a worker may take to start before it is expected to take work, on a busy machine."""


class Watchdog:
    """A thread of the supervisor."""

    def __init__(
        self,
        processes: Processes,
        groups: Sequence[Group],
        database_url: str,
        broker_url: str,
        *,
        stall_s: float,
        start_s: float = START_S,
    ) -> None:
        self._processes = processes
        self._lanes = {group.name: group.lanes for group in groups}
        self._progress = Progress(self._lanes)
        self._url = database_url
        self.stall_s = stall_s
        self._start_s = start_s
        self._connection: Connection | None = None
        self._redis = redis.Redis.from_url(broker_url, socket_timeout=2, socket_connect_timeout=2)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._redis.close()
        if self._connection is not None:
            self._connection.close()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            try:
                self.look()
            except (psycopg.OperationalError, redis.RedisError):
                self._progress.forget()
                self._connection = None

    def look(self) -> None:
        """One look; replaces every group of workers that has stalled."""
        self._redis.ping()
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url, application="scorelane-watchdog")
        stalled = self._progress.observe(lanes.marks(self._connection), time.monotonic())
        for group, seconds in stalled.items():
            name = f"worker-{group}"
            if seconds < self.stall_s or self._processes.age_s(name) < self._start_s:
                continue
            log.error("worker_stalled", group=group, no_progress_s=round(seconds))
            lanes.count(self._connection, self._lanes[group][0], {"replaced": 1}, shard=os.getpid())
            try:
                self._processes.replace(name)
            except (StartFailed, StopIteration, OSError) as fault:
                log.warning("worker_not_replaced", group=group, error=str(fault))
            self._progress.forget()
