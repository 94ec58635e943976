"""Feeds the lanes from Postgres: ``python -m worker.dispatcher``.

One of any number leads, by a lease row on the database's clock. Each tick it gives back expired leases, repeats lost
publications on evidence, and fills each lane's window. It commits, then publishes; while the broker is down it
changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
import uuid
from typing import TYPE_CHECKING

import psycopg
import redis
import structlog

from db import dispatch, lanes
from db.session import Connection, connect
from scorelane.enqueuer import wire
from scorelane.enqueuer.lanes import LANES
from scorelane.enqueuer.publish import Publisher, broker_faults
from scorelane.settings import Settings
from worker.logs import configure_logs

if TYPE_CHECKING:
    from collections.abc import Sequence

log = structlog.get_logger()

LEASE_S = 5.0
WINDOW_S = 2.0
"""How much work a lane's window holds."""
SUSPECT_S = 3.0
"""A publication this old is looked at: is its task still in the lane?"""
OVERTAKEN_S = 15.0
TICK_S = 0.05
IDLE_TICK_S = 0.2
SLOW_TICK_S = 2.0
"""How often evidence of loss is looked for."""
PARTITIONS_EVERY_S = 3600.0


class Dispatcher:
    """One dispatcher process."""

    def __init__(self, database_url: str, broker_url: str, *, tenant_limit: int = 1_000_000) -> None:
        self._url = database_url
        self._publisher = Publisher(broker_url)
        self._redis = redis.Redis.from_url(
            broker_url, socket_timeout=5, socket_connect_timeout=2, health_check_interval=10
        )
        self._tenant_limit = tenant_limit
        self._connection: Connection | None = None
        self._epoch: int | None = None
        self._broker_up = True
        self._slow_due = 0.0
        self._partitions_due = 0.0
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.stopping = threading.Event()

    def run(self) -> None:
        """Tick until stopped. Faults of the database or the broker are waited out."""
        while not self.stopping.is_set():
            try:
                busy = self.tick()
                pause_s = TICK_S if busy else IDLE_TICK_S
            except psycopg.OperationalError as fault:
                log.warning("database_unavailable", error=str(fault).strip().splitlines()[:1])
                self._forget_connection()
                pause_s = 1.0
            self.stopping.wait(pause_s)
        self._resign()

    def tick(self) -> int:
        """One round; how many chunks were published. 0 when another leads or the broker is away."""
        connection = self._open()
        epoch = dispatch.lead(connection, self.holder, LEASE_S)
        if epoch is None:
            self._epoch = None
            return 0
        took_over = epoch != self._epoch
        if took_over:
            log.info("leading", epoch=epoch)
            self._epoch = epoch
        now = time.monotonic()
        if now >= self._partitions_due:
            made = dispatch.ensure_partitions(connection)
            self._partitions_due = now + PARTITIONS_EVERY_S
            if made:
                log.info("partitions_made", tables=made)
        expired = dispatch.expire(connection)
        if expired:
            log.warning("leases_expired", chunks=expired)
        try:
            emptied = bool(self._redis.set(wire.EPOCH_KEY, str(epoch), nx=True))
            lost = took_over or emptied or not self._broker_up
            self._broker_up = True
            sent = self._repeat_lost(connection, everything=lost)
            return sent + sum(self._fill(connection, lane) for lane in LANES)
        except broker_faults() as fault:
            if self._broker_up:
                log.warning("broker_unavailable", error=type(fault).__name__)
            self._broker_up = False
            self._publisher.reset()
            return 0

    def _fill(self, connection: Connection, lane: str) -> int:
        """Publish what the lane's window has room for; how many chunks."""
        with connection.transaction():
            if not dispatch.leads(connection, self.holder, self._epoch or 0):
                return 0
            room = dispatch.window(connection, lane, 4 * LANES[lane].chunk_messages, WINDOW_S)
            due = dispatch.publish_due(connection, lane, room, self._tenant_limit) if room else []
        return self._publish(lane, due)

    def _repeat_lost(self, connection: Connection, *, everything: bool) -> int:
        """Publish again what was published and is gone: all of it after the broker was emptied or a takeover."""
        now = time.monotonic()
        if not everything and now < self._slow_due:
            return 0
        self._slow_due = now + SLOW_TICK_S
        sent = 0
        for lane in LANES:
            if everything:
                lost = dispatch.unclaimed(connection, lane, older_than_s=0, overtaken_only=False)
            elif not dispatch.has_unclaimed(connection, lane, SUSPECT_S):
                continue
            elif self._lane_is_empty(lane):
                lost = dispatch.unclaimed(connection, lane, older_than_s=SUSPECT_S, overtaken_only=False)
            else:
                lost = dispatch.unclaimed(connection, lane, older_than_s=OVERTAKEN_S, overtaken_only=True)
            if lost:
                log.warning("published_again", lane=lane, chunks=len(lost))
                lanes.count(connection, lane, {"republished": len(lost)}, shard=os.getpid())
            sent += self._publish(lane, lost)
        return sent

    def _lane_is_empty(self, lane: str) -> bool:
        """No task waits in the lane's list and none is with a worker unacknowledged."""
        return self._redis.llen(lane) == 0 and self._redis.hlen("unacked") == 0

    def _publish(self, lane: str, due: Sequence[dispatch.Dispatch]) -> int:
        if due:
            self._publisher.publish(lane, due)
        return len(due)

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url, application="scorelane-dispatcher")
        return self._connection

    def _forget_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _resign(self) -> None:
        with contextlib.suppress(psycopg.Error):
            dispatch.resign(self._open(), self.holder)
        self._forget_connection()
        self._publisher.close()
        self._redis.close()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings()
    configure_logs(settings.log_level)
    dispatcher = Dispatcher(settings.database_url, settings.broker_url)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: dispatcher.stopping.set())
    dispatcher.run()


if __name__ == "__main__":
    main()
