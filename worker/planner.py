"""Plans rescans beside the dispatcher, on a thread and a connection of its own.

To choose messages by a rare property may take minutes. The lanes are fed meanwhile, and a rescan that cannot be planned
holds up neither them nor another rescan.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg
import structlog

from db import rescans
from db.session import Connection, connect
from scorelane.enqueuer.lanes import CHUNK_MESSAGES

if TYPE_CHECKING:
    from uuid import UUID

log = structlog.get_logger()

EVERY_S = 0.25
STEP_S = 300.0
"""What one step of planning may take."""
REST_S = 30.0
"""A rescan whose step failed is tried again after this."""


class Planner:
    """Goes through the rescans that are not planned to their end, some chunks of each in turn. Any number may run."""

    def __init__(self, database_url: str, stopping: threading.Event) -> None:
        self._url = database_url
        self._stopping = stopping
        self._resting: dict[UUID, float] = {}
        self._thread = threading.Thread(target=self._run, name="planner", daemon=True)

    def start(self) -> None:
        """Begin, and go on until the event is set."""
        self._thread.start()

    def join(self) -> None:
        """Wait until it has ended; a step that takes longer is rolled back with the process, and repeated."""
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        connection: Connection | None = None
        while not self._stopping.is_set():
            try:
                if connection is None or connection.closed:
                    connection = connect(self._url, application="scorelane-planner")
                    rescans.allow(connection, STEP_S)
                while self.step(connection) and not self._stopping.is_set():
                    pass
            except psycopg.Error as fault:
                log.warning("planning_left_for_later", error=str(fault).strip().splitlines()[:1])
                if connection is not None:
                    connection.close()
                self._stopping.wait(1.0)
            self._stopping.wait(EVERY_S)
        if connection is not None:
            connection.close()

    def step(self, connection: Connection) -> int:
        """Plan some chunks of every rescan that does not rest; how many have more. Raises when the database is away."""
        more = 0
        for rescan_id in rescans.unplanned(connection):
            if time.monotonic() < self._resting.get(rescan_id, 0.0):
                continue
            try:
                more += rescans.plan(connection, rescan_id, CHUNK_MESSAGES)
            except psycopg.Error as fault:
                if connection.closed:
                    raise
                log.error("rescan_not_planned", rescan_id=str(rescan_id), error=str(fault).strip().splitlines()[:1])  # noqa: TRY400 - the reason is the text
                self._resting[rescan_id] = time.monotonic() + REST_S
            else:
                self._resting.pop(rescan_id, None)
        return more
