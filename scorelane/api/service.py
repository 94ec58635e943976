"""What one API process keeps between calls: connections, the front door, the keys it has lately seen."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from db import api_keys
from db.session import answers, pooled_engine
from scorelane import access
from scorelane.api.limits import Buckets, Room
from scorelane.enqueuer import Enqueuer, Linger
from scorelane.signals.reference import read_reference

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from db.api_keys import StoredKey
    from db.session import Connection
    from scorelane.api.config import ApiConfig

KEY_CACHE_S = 1.0
"""How long a key that was just looked up is not looked up again: the most that a revocation takes to arrive."""
MOST_KEYS = 10_000
BATCH_DOORS = 2


class Service:
    """Shared by the calls of one process; safe between threads."""

    def __init__(self, config: ApiConfig) -> None:
        self.config = config
        self.engine: Engine = pooled_engine(
            config.database_url, application="scorelane-api", connections=config.connections
        )
        self.buckets = Buckets(config.processes)
        self.room = Room(config.intake_bytes)
        self._keys: dict[str, tuple[float, StoredKey | None]] = {}
        self._batches = [
            Enqueuer(config.intake_database_url, config.broker_url, actor="api") for _ in range(BATCH_DOORS)
        ]
        self._turns = itertools.cycle(self._batches)
        self._singles = Enqueuer(config.intake_database_url, config.broker_url, actor="api")
        self._lingers: dict[str, Linger] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Store what waits, then close the connections."""
        for linger in self._lingers.values():
            linger.close()
        for door in self._batches:
            door.close()
        self._singles.close()
        self.engine.dispose()

    @property
    def batches(self) -> Enqueuer:
        """A front door for many messages at once: they take turns, so that one hashes while another commits."""
        with self._lock:
            return next(self._turns)

    def linger(self, lane: str) -> Linger:
        """The front door for messages that come one by one: they share transactions."""
        with self._lock:
            if lane not in self._lingers:
                self._lingers[lane] = Linger(self._singles, lane=lane)
            return self._lingers[lane]

    async def verified(self, key: str) -> StoredKey:
        """The key that a caller holds. Raises access.Denied."""
        key_id = access.key_id_of(key)
        now = time.monotonic()
        at, stored = self._keys.get(key_id, (0.0, None))
        if now - at > KEY_CACHE_S:
            stored = await run_in_threadpool(self._find, key_id)
            if len(self._keys) >= MOST_KEYS:
                self._keys.clear()
            self._keys[key_id] = (time.monotonic(), stored)
        return access.verify(key, stored, now=datetime.now(UTC))

    def forget_key(self, key_id: str) -> None:
        """A key was changed here: ask again."""
        self._keys.pop(key_id, None)

    @property
    def lists_digest(self) -> str:
        """Of the reference lists in force, those that workers of the same settings score with."""
        return read_reference(self.config.lists).digest

    def ready(self) -> None:
        """Raises what the database raises when it does not answer."""
        answers(self.engine)

    def _find(self, key_id: str) -> StoredKey | None:
        with self.engine.begin() as sql:
            raw: Connection = sql.connection.driver_connection  # type: ignore[assignment]
            return api_keys.find(raw, key_id)
