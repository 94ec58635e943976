"""Backpressure: a lane takes nothing more beyond its limit, and bulk lanes stop before realtime does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from db import lanes
from scorelane.enqueuer.errors import Busy

if TYPE_CHECKING:
    from db.lanes import Standing
    from db.session import Connection

FRESH_S = 0.5
"""Backlogs are summed at most this often; what this process accepted since is added."""
SHORTEST_S, LONGEST_S, UNKNOWN_S = 1.0, 300.0, 10.0


class Pressure:
    """What waits in every lane, as one front door knows it."""

    def __init__(self) -> None:
        self._read_at = -FRESH_S
        self._lanes: dict[str, tuple[int, float]] = {}

    def admit(self, connection: Connection, lane: str, standing: Standing) -> None:
        """Return when the lane may take a batch.

        Raises Busy where the lane drains, the tenant's or the lane's own backlog is at its limit, or all lanes
        together hold more than this lane's share of the system: bulk lanes have the smaller ones, so they are shed
        first and realtime last.
        """
        if standing.draining:
            raise Busy(lane, "is draining and takes nothing new", UNKNOWN_S)
        if standing.tenant_limit is not None and standing.tenant_backlog >= standing.tenant_limit:
            raise Busy(lane, "holds as much of this tenant's mail as the tenant may queue", self._time(lane, 0))
        self._read(connection)
        waiting = self._lanes[lane][0]
        total = sum(messages for messages, _ in self._lanes.values())
        if waiting >= standing.backlog_limit:
            raise Busy(lane, "is over its backlog limit", self._time(lane, waiting - standing.backlog_limit))
        if total >= standing.total_limit:
            raise Busy(lane, "yields to more urgent lanes", self._time(None, total - standing.total_limit))

    def add(self, lane: str, messages: int) -> None:
        """Count what was accepted since the last reading."""
        waiting, rate = self._lanes.get(lane, (0, 0.0))
        self._lanes[lane] = waiting + messages, rate

    def _read(self, connection: Connection) -> None:
        now = time.monotonic()
        if now - self._read_at >= FRESH_S:
            self._lanes = lanes.backlogs(connection)
            self._read_at = now

    def _time(self, lane: str | None, over: int) -> float:
        """Seconds until a tenth below the limit, at the rate of the last seconds."""
        known = self._lanes.values() if lane is None else [self._lanes.get(lane, (0, 0.0))]
        rate = sum(rate for _, rate in known)
        waiting = sum(messages for messages, _ in known)
        if rate <= 0:
            return UNKNOWN_S
        return min(LONGEST_S, max(SHORTEST_S, (over + waiting / 10) / rate))
