"""Puts work on a lane. A failed publish loses nothing: the database holds the work and the dispatcher repeats it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scorelane.enqueuer import wire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from celery import Celery


class Publisher:
    """Publishes chunks to one broker over one connection; not for several threads at once."""

    def __init__(self, broker_url: str) -> None:
        self._url = broker_url
        self._celery: Celery | None = None
        self._producer: Any = None

    def publish(self, lane: str, work: Iterable[tuple[int, int, int, str]]) -> int:
        """Send (chunk id, dispatch id, messages, tenant) rows as few tasks; how many tasks went out.

        Raises OSError or kombu's OperationalError when the broker does not take them; the rest is then unsent.
        """
        sent = 0
        for pairs, description in wire.pack(lane, work):
            self.app.send_task(
                wire.SCORE_CHUNKS,
                args=[pairs],
                queue=lane,
                argsrepr=description,
                kwargsrepr="",
                producer=self._open(),
                retry=False,
                ignore_result=True,
            )
            sent += 1
        return sent

    def publish_lookups(self, lane: str, batches: Iterable[tuple[int, str, int]]) -> int:
        """Send (batch id, provider, lookups) rows, a task each; how many tasks went out. Raises as `publish`."""
        sent = 0
        for batch_id, provider, lookups in batches:
            self.app.send_task(
                wire.ENRICH,
                args=[batch_id],
                queue=lane,
                argsrepr=f"batch {batch_id} · {lane} · {lookups} lookup{'' if lookups == 1 else 's'} · {provider}",
                kwargsrepr="",
                producer=self._open(),
                retry=False,
                ignore_result=True,
            )
            sent += 1
        return sent

    @property
    def app(self) -> Celery:
        """The Celery application, made at first use."""
        if self._celery is None:
            self._celery = wire.make_app(self._url)
        return self._celery

    def _open(self) -> Any:
        if self._producer is None:
            connection = self.app.connection_for_write()
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
            self._producer = self.app.amqp.Producer(connection)
        return self._producer

    def reset(self) -> None:
        """Forget a broken connection; the next publish makes a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.connection.release()

    close = reset


def broker_faults() -> tuple[type[BaseException], ...]:
    """What a publish raises when the broker is away, full or starting."""
    from kombu.exceptions import KombuError  # noqa: PLC0415 - loaded with the first publish
    from redis.exceptions import RedisError  # noqa: PLC0415

    return (OSError, KombuError, RedisError)
