"""A consumer that nothing in a lane can stop: what is not a task of ours is counted, dropped and logged.

kombu and Celery let several kinds of broken message end the worker: text that is no JSON, a message without
properties, a task header without an id.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from celery.signals import task_rejected, task_unknown
from celery.worker.consumer import Consumer
from kombu.asynchronous import get_event_loop, set_event_loop
from kombu.common import ignore_errors
from kombu.transport import redis as transport
from redis.exceptions import RedisError

from db import lanes
from db.session import Connection, connect
from scorelane.enqueuer.lanes import LANES

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger()


class Discards:
    """Counts what was dropped, exactly while the database answers."""

    def __init__(self, database_url: Callable[[], str]) -> None:
        self._url = database_url
        self._connection: Connection | None = None

    def count(self, lane: object, reason: str) -> None:
        """One message of a lane was dropped."""
        name = lane if isinstance(lane, str) and lane in LANES else "unknown"
        log.error("message_discarded", lane=name, reason=reason[:200])
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect(self._url(), application="scorelane-discards")
            lanes.count(self._connection, name, {"discarded": 1}, shard=os.getpid())
        except psycopg.Error as fault:
            self._connection = None
            log.warning("discard_not_counted", error=type(fault).__name__)


def _lose(fault: Exception) -> None:
    """In the worker's loop: as if the connection itself had failed."""
    raise fault


class _Careful:
    """Drops a message that cannot even be read; it was popped and belongs to nobody."""

    discards: Discards

    def basic_ack(self, *arguments: Any, **named: Any) -> None:
        """Acknowledge; where that fails the worker connects anew.

        Celery only logs it: the task would count as in hand for ever, and a worker that may have one in hand would
        take no other, with a connection that is alive by every sign. What the broker still holds is given out again
        later, and finds nothing to claim.
        """
        try:
            super().basic_ack(*arguments, **named)  # type: ignore[misc]
        except (RedisError, OSError) as fault:
            loop = get_event_loop()
            if loop is not None:
                loop.call_soon(_lose, fault)  # type: ignore[no-untyped-call]
            raise

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except (ValueError, TypeError, KeyError, AttributeError) as fault:
            self.discards.count(None, f"unreadable: {type(fault).__name__}: {fault}")
            return True


class CarefulChannel(_Careful, transport.Channel):
    """Redis."""


class CarefulSentinelChannel(_Careful, transport.SentinelChannel):
    """Redis behind Sentinel."""


class CarefulConsumer(Consumer):  # type: ignore[misc]
    """Drops a message that reads as a task and is none."""

    discards: Discards

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, trying every second: Celery's pauses grow to 30 s, for which a lane would stand still once more."""
        conn.ensure_connection = partial(conn.ensure_connection, interval_start=0.5, interval_step=0.25, interval_max=1)
        return super().ensure_connected(conn)

    def connect(self) -> Any:
        """Celery's, but a connection that the loop cannot watch is closed: a full broker refuses that.

        Else each try would leave two sockets open, and a worker has no more after two minutes.
        """
        connection = self.connection_for_read(heartbeat=self.amqheartbeat)
        try:
            if self.hub:
                connection.transport.register_with_event_loop(connection.connection, self.hub)
        except BaseException:
            ignore_errors(connection, connection.close)  # type: ignore[no-untyped-call]
            raise
        return connection

    def create_task_handler(self, *arguments: Any, **named: Any) -> Callable[[Any], Any]:
        """Celery's handler, which may raise for a broken message. Called each time that its loop begins.

        kombu forgets the loop when a connection fails, and then nobody would hear of a second failure.
        """
        set_event_loop(self.hub)
        handle = super().create_task_handler(*arguments, **named)

        def careful(message: Any) -> Any:
            try:
                return handle(message)
            except Exception as fault:
                # kombu lists KeyError among its connection errors; here it is a header that is missing.
                if isinstance(fault, self.connection_errors) and not isinstance(fault, KeyError):
                    raise
                message.reject_log_error(log, self.connection_errors)
                self.discards.count(_lane(message), f"broken: {type(fault).__name__}: {fault}")
                return None

        return careful

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Called for a body that does not decode."""
        super().on_decode_error(message, exc)
        self.discards.count(_lane(message), f"undecodable: {exc}")


def install(app: Any, discards: Discards) -> None:
    """Make the workers of this process careful."""
    CarefulChannel.discards = CarefulSentinelChannel.discards = CarefulConsumer.discards = discards
    transport.Transport.Channel = CarefulChannel
    transport.SentinelTransport.Channel = CarefulSentinelChannel
    app.conf.worker_consumer = "worker.consumer:CarefulConsumer"

    def unknown(message: Any = None, name: object = None, **_: object) -> None:
        discards.count(_lane(message), f"unknown task {name!r}")

    def rejected(message: Any = None, exc: object = None, **_: object) -> None:
        discards.count(_lane(message), f"no task: {exc}")

    task_unknown.connect(unknown, weak=False)
    task_rejected.connect(rejected, weak=False)


def _lane(message: Any) -> object:
    return (getattr(message, "delivery_info", None) or {}).get("routing_key")
