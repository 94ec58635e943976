"""Feeds the lanes from Postgres: ``python -m worker.dispatcher``.

One of any number leads, by a lease row on the database's clock. Each tick it gives back expired leases, repeats lost
publications on evidence, and fills each lane's window. It commits, then publishes; while the broker is down it
changes nothing. What may take longer than a tick goes on beside it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import redis
import structlog

from db import dispatch, jobs, lanes, sightings
from db.session import Connection, connect
from scorelane.enqueuer import wire
from scorelane.enqueuer.lanes import LANES
from scorelane.enqueuer.publish import Publisher, broker_faults
from scorelane.enrichment import Catalogue
from scorelane.logs import configure_logs
from scorelane.settings import Settings
from worker.beside import Beside
from worker.enrichment import EnrichmentFeed
from worker.evidence import dispatch_ids
from worker.keeper import Keeper
from worker.planner import Planner
from worker.revisions import Carriers, Revisions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = structlog.get_logger()

WINDOW_S = 2.0
"""How much work a lane's window holds."""
TICK_S = 0.05
IDLE_TICK_S = 0.2
SUSPECT_EVERY_S = 1.0
PLANNING_S = 300.0
"""What one statement of planning a rescan may take."""


class Dispatcher:
    """One dispatcher process: it leads for `lease_s` at a time, and looks after what is unclaimed for `suspect_s`."""

    def __init__(
        self,
        database_url: str,
        broker_url: str,
        *,
        lease_s: float = 5.0,
        suspect_s: float = 3.0,
        catalogue: Catalogue | None = None,
        retro_days: int = 30,
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
        self._suspect_due = 0.0
        self._catalogue = catalogue or Catalogue({})
        self._enrichment = EnrichmentFeed(self._catalogue)
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.stopping = threading.Event()
        self._beside = self._steps(retro_days)

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
                self._epoch = None
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

    def _steps(self, retro_days: int) -> tuple[Beside, ...]:
        """What goes on beside the ticks. All of it may run twice at once; some runs only where the leader is."""

        def beside(name: str, step: Callable[[Connection], object], *, every_s: float, **more: Any) -> Beside:
            return Beside(name, step, self._url, self.stopping, every_s=every_s, **more)

        def leads() -> bool:
            return self._epoch is not None

        return (
            beside("planner", Planner().step, every_s=0.25, limit_s=PLANNING_S),
            beside("roller", sightings.roll_up_some, every_s=20.0),
            beside("settler", _settle, every_s=1.0, may=leads),
            beside("keeper", Keeper().step, every_s=60.0, may=leads),
            beside("revisions", Revisions(self._catalogue).step, every_s=1.0, may=leads),
            beside("carriers", Carriers(retro_days).step, every_s=1.0, rest_s=30.0, may=leads),
        )

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
        if not (self._doubt or time.monotonic() >= self._suspect_due):
            return 0
        self._suspect_due = time.monotonic() + SUSPECT_EVERY_S
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


def _settle(connection: Connection) -> None:
    """Once: what is left of a large job that was cancelled goes on at the next step, and takes nobody's turn."""
    jobs.settle(connection)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings()
    configure_logs(settings.log_level)
    dispatcher = Dispatcher(
        settings.database_url,
        settings.broker_url,
        lease_s=settings.dispatcher_lease_s,
        suspect_s=settings.suspect_s,
        catalogue=Catalogue.of(settings.enrichment),
        retro_days=settings.retro_days,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: dispatcher.stopping.set())
    dispatcher.run()


if __name__ == "__main__":
    main()
