"""Steps that go on beside the dispatcher's ticks, each on a thread and a connection of its own.

What may take seconds or minutes stands neither between the lanes and their work nor between one such step and another.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import structlog

from db.session import Connection, connect, limit_statements

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger()

END_S = 5.0
"""What a step under way may take to end; one that takes longer is rolled back with the process, and repeated."""
AWAY_S = 1.0
LOOK_S = 0.5
"""How often a step that may not run looks whether it may."""


class Beside:
    """Repeats a step every `every_s` seconds while `may` says so; at once while the step says that there is more.

    A step that fails is told and repeated after `rest_s`. With `limit_s` a statement of it may take that long.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[Connection], object],
        database_url: str,
        stopping: threading.Event,
        *,
        every_s: float,
        rest_s: float = AWAY_S,
        limit_s: float | None = None,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self._step = step
        self._url = database_url
        self._stopping = stopping
        self._every_s = every_s
        self._rest_s = rest_s
        self._limit_s = limit_s
        self._may = may
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin, and go on until the event is set."""
        self._thread.start()

    def join(self) -> None:
        """Wait until it has ended, or a step takes too long."""
        if self._thread.is_alive():
            self._thread.join(timeout=END_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._may():
                self._stopping.wait(min(self._every_s, LOOK_S))
                continue
            pause_s = self._every_s
            try:
                while self._step(self._open()) and self._may() and not self._stopping.is_set():
                    pass
            except psycopg.Error as fault:
                log.warning("left_for_later", step=self.name, error=str(fault).strip().splitlines()[:1])
                self._close()
                pause_s = self._rest_s
            except Exception:
                # A bug of one step must be seen, and must keep neither the lanes nor the other steps waiting.
                log.exception("step_failed", step=self.name)
                self._close()
                pause_s = max(self._rest_s, self._every_s)
            self._stopping.wait(pause_s)
        self._close()

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url, application=f"scorelane-{self.name}")
            if self._limit_s is not None:
                limit_statements(self._connection, self._limit_s)
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
