"""Rolls up sightings of closed days beside the dispatcher, on a thread and a connection of its own.

A roll-up may take seconds, and nothing waits for it: until it is done, single sightings are counted instead.
"""

from __future__ import annotations

import threading

import psycopg
import structlog

from db import sightings
from db.session import connect

log = structlog.get_logger()

EVERY_S = 20.0


class Roller:
    """Goes through the tenants that are behind, some days of each in turn. Any number of them may run."""

    def __init__(self, database_url: str, stopping: threading.Event, *, every_s: float = EVERY_S) -> None:
        self._url = database_url
        self._stopping = stopping
        self._every_s = every_s
        self._thread = threading.Thread(target=self._run, name="roller", daemon=True)

    def start(self) -> None:
        """Begin, and go on until the event is set."""
        self._thread.start()

    def join(self) -> None:
        """Wait until it has ended."""
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                with connect(self._url, application="scorelane-roller") as connection:
                    while not self._stopping.is_set() and roll_some(connection):
                        pass
            except psycopg.Error as fault:
                log.warning("roll_up_left_for_later", error=str(fault).strip().splitlines()[:1])


def roll_some(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """Some days of every tenant that is behind; how many days are left to do."""
    return sum(sightings.roll_up(connection, tenant) for tenant in sightings.tenants_to_roll(connection))
