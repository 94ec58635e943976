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

from db import dispatch, jobs, lanes
from db.session import Connection, connect
from scorelane.enqueuer import wire
from scorelane.enqueuer.lanes import LANES
from scorelane.enqueuer.publish import Publisher, broker_faults
from scorelane.enrichment import Catalogue
from scorelane.logs import configure_logs
from scorelane.settings import Settings
from worker.enrichment import EnrichmentFeed
from worker.evidence import dispatch_ids
from worker.keeper import Keeper
from worker.planner import Planner
from worker.roller import Roller

if TYPE_CHECKING:
    from collections.abc import Sequence

log = structlog.get_logger()

WINDOW_S = 2.0
"""How much work a lane's window holds."""
TICK_S = 0.05
IDLE_TICK_S = 0.2
SETTLE_EVERY_S = 1.0
SUSPECT_EVERY_S = 1.0


class Dispatcher:
    """One dispatcher process: it leads for `lease_s` at a time, and looks after what is unclaimed for `suspect_s`."""

    def __init__(
        self,
        database_url: str,
        broker_url: str,
        *,
        lease_s: float = 5.0,
        suspect_s: float = 3.0,
        enrichment: EnrichmentFeed | None = None,
    ) -> None:
        self._url = database_url
        self._publisher = Publisher(broker_url)
        self._redis = redis.Redis.from_url(
            broker_url, socket_timeout=5, socket_connect_timeout=2, health_check_interval=10
        )
        self._lease_s = lease_s
        self._suspect_s = suspect_s
        self._connection: Connection | None = None
        self._epoch: int | None = None
        self._doubt = True
        """Something may be lost: leadership or the broker has just come (back)."""
        self._broker_up = True
        self._due = dict.fromkeys(("settle", "suspect", "keep"), 0.0)
        self._keeper = Keeper()
        self._enrichment = enrichment or EnrichmentFeed(Catalogue({}))
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.stopping = threading.Event()
        self._beside = Roller(database_url, self.stopping), Planner(database_url, self.stopping)

    def run(self) -> None:
        """Tick until stopped. Faults of the database or the broker are waited out."""
        for thread in self._beside:
            thread.start()
        while not self.stopping.is_set():
            try:
                busy = self.tick()
                pause_s = TICK_S if busy else IDLE_TICK_S
            except psycopg.OperationalError as fault:
                log.warning("database_unavailable", error=str(fault).strip().splitlines()[:1])
                self._forget_connection()
                pause_s = 1.0
            self.stopping.wait(pause_s)
        for thread in self._beside:
            thread.join()
        self.close()

    def tick(self) -> int:
        """One round; how many chunks were published. 0 when another leads or the broker is away."""
        connection = self._open()
        epoch = dispatch.lead(connection, self.holder, self._lease_s)
        if epoch is None:
            self._epoch = None
            return 0
        if epoch != self._epoch:
            log.info("leading", epoch=epoch)
            self._epoch = epoch
            self._doubt = True
        expired = dispatch.expire(connection)
        if expired:
            log.warning("leases_expired", chunks=sum(expired.values()))
            for lane, chunks in expired.items():
                lanes.count(connection, lane, {"expired": chunks}, shard=os.getpid())
        if self._is_due("settle", SETTLE_EVERY_S):
            jobs.settle(connection)
        if self._is_due("keep", self._keeper.every_s):
            self._keeper.step(connection)
        try:
            self._doubt |= bool(self._redis.set(wire.EPOCH_KEY, str(epoch), nx=True)) or not self._broker_up
            sent = self._repeat_lost(connection)
            sent += self._enrichment.step(connection, self._publisher, self._redis, doubt=self._doubt)
            sent += sum(self._fill(connection, lane) for lane in dispatch.waiting_lanes(connection))
        except broker_faults() as fault:
            if self._broker_up:
                log.warning("broker_unavailable", error=type(fault).__name__)
            self._broker_up = False
            self._publisher.reset()
            return 0
        self._broker_up = True
        self._doubt = False
        return sent

    def _is_due(self, step: str, every_s: float) -> bool:
        now = time.monotonic()
        if now < self._due[step]:
            return False
        self._due[step] = now + every_s
        return True

    def _fill(self, connection: Connection, lane: str) -> int:
        """Publish what the lane's window has room for; how many chunks."""
        with connection.transaction():
            if not dispatch.leads(connection, self.holder, self._epoch or 0):
                return 0
            room = dispatch.window(connection, lane, 4 * LANES[lane].chunk_messages, WINDOW_S)
            due = dispatch.publish_due(connection, lane, room) if room else []
        return self._publish(lane, due)

    def _repeat_lost(self, connection: Connection) -> int:
        """Publish again what is published and not in the broker: at once when in doubt, else when it is suspect."""
        if not (self._doubt or self._is_due("suspect", SUSPECT_EVERY_S)):
            return 0
        older_than_s = 0.0 if self._doubt else self._suspect_s
        sent = 0
        for lane in dispatch.suspects(connection, older_than_s):
            held = dispatch_ids(self._redis, lane)
            lost = dispatch.repeat_lost(connection, lane, in_broker=held, older_than_s=older_than_s)
            if lost:
                log.warning("published_again", lane=lane, chunks=len(lost))
                lanes.count(connection, lane, {"republished": len(lost)}, shard=os.getpid())
            sent += self._publish(lane, lost)
        return sent

    def _publish(self, lane: str, due: Sequence[dispatch.Dispatch]) -> int:
        if due:
            self._publisher.publish(lane, due)
        return len(due)

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url, application="scorelane-dispatcher")
            # A leader that is frozen inside a transaction holds the lease row; the server ends it soon.
            dispatch.limit_idle(self._connection, self._lease_s)
        return self._connection

    def _forget_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Let another lead at once, and close the connections."""
        with contextlib.suppress(psycopg.Error):
            dispatch.resign(self._open(), self.holder)
        self._forget_connection()
        self._publisher.close()
        self._redis.close()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings()
    configure_logs(settings.log_level)
    dispatcher = Dispatcher(
        settings.database_url,
        settings.broker_url,
        lease_s=settings.dispatcher_lease_s,
        suspect_s=settings.suspect_s,
        enrichment=EnrichmentFeed(Catalogue.of(settings.enrichment), retro_days=settings.retro_days),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: dispatcher.stopping.set())
    dispatcher.run()


if __name__ == "__main__":
    main()
