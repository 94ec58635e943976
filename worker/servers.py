"""Starts the embedded servers again when they die: what they held is on disk, or in Postgres."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Self

import structlog

from worker.errors import StartFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.postgres import Postgres
    from worker.stack import EmbeddedStack
    from worker.valkey import Valkey

log = structlog.get_logger()

EVERY_S = 0.2
MOST_RESTARTS = 5
WITHIN_S = 600.0
"""A server that died more often than so within so long is not started again."""
PAUSE_S = 1.0
"""Before a start that failed is tried again, doubling."""


class ServerKeeper:
    """A thread that outlives everything that needs the servers.

    `given_up` is called once, with a line for people, when a server dies again and again.
    """

    def __init__(self, stack: EmbeddedStack, given_up: Callable[[str], None] | None = None) -> None:
        self._servers: dict[str, Postgres | Valkey] = {"PostgreSQL": stack.postgres, "Valkey": stack.valkey}
        self._given_up = given_up
        self._deaths: dict[str, deque[float]] = {name: deque(maxlen=MOST_RESTARTS) for name in self._servers}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="servers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            for name, server in list(self._servers.items()):
                code = server.ended()
                if code is not None and not self._revive(name, server, code):
                    del self._servers[name]

    def _revive(self, name: str, server: Postgres | Valkey, code: int) -> bool:
        """Start a dead server again; False when it is given up."""
        pause_s = PAUSE_S
        while not self._stopping.is_set():
            deaths, now = self._deaths[name], time.monotonic()
            if len(deaths) == MOST_RESTARTS and now - deaths[0] < WITHIN_S:
                line = (
                    f"{name} died {MOST_RESTARTS + 1} times within {WITHIN_S / 60:.0f} minutes and is not started again"
                )
                log.critical("server_given_up", server=name, restarts=MOST_RESTARTS, log=str(server.log))
                if self._given_up is not None:
                    self._given_up(f"{line}; see {server.log}")
                return False
            deaths.append(now)
            log.error("server_died", server=name, code=code, restart=len(deaths), most=MOST_RESTARTS)
            try:
                server.start()
            except (StartFailed, OSError) as fault:
                log.error("server_not_started", server=name, error=str(fault))  # noqa: TRY400 - told in its message
                self._stopping.wait(pause_s)
                pause_s *= 2
            else:
                log.warning("server_restarted", server=name, after_s=round(time.monotonic() - now, 1))
                return True
        return True
