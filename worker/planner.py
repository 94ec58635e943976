"""Plans rescans: to choose messages by a rare property may take minutes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psycopg
import structlog

from db import rescans
from scorelane.enqueuer.lanes import CHUNK_MESSAGES

if TYPE_CHECKING:
    from uuid import UUID

    from db.session import Connection

log = structlog.get_logger()

REST_S = 30.0
"""A rescan whose step failed is tried again after this."""


class Planner:
    """Goes through the rescans that are not planned to their end, some chunks of each in turn. Any number may run.

    A rescan that cannot be planned does not hold up another.
    """

    def __init__(self) -> None:
        self._resting: dict[UUID, float] = {}

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
