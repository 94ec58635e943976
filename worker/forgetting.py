"""Lets go of what retention and erasures say, a batch at a time, beside whatever else runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import structlog

from db import erasures, retention
from db.session import Connection, connect

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

log = structlog.get_logger()

ERASURES_EVERY_S = 2.0
RETENTION_EVERY = 150
"""Of every so many looks for erasures one runs retention."""
AWAY_S = 5.0


def run(database_url: str, stopping: threading.Event) -> None:
    """Forget until stopped. A database that is away is waited for; a batch that failed is told and tried again."""
    connection: Connection | None = None
    looks = 0
    while not stopping.is_set():
        try:
            if connection is None or connection.closed:
                connection = connect(database_url, application="scorelane-forgetting")
            _careful(erase_open, connection, stopping)
            if looks % RETENTION_EVERY == 0:
                _careful(retain_all, connection, stopping)
            looks += 1
            stopping.wait(ERASURES_EVERY_S)
        except psycopg.OperationalError as fault:
            log.warning("forgetting_left_for_later", error=str(fault).strip().splitlines()[:1])
            if connection is not None:
                connection.close()
            connection = None
            stopping.wait(AWAY_S)
    if connection is not None:
        connection.close()


def _careful(
    step: Callable[[Connection, threading.Event], None], connection: Connection, stopping: threading.Event
) -> None:
    """Do one without letting its bug stop the other. Raises OperationalError."""
    try:
        step(connection, stopping)
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        log.exception("forgetting_failed")
        stopping.wait(AWAY_S)


def erase_open(connection: Connection, stopping: threading.Event) -> None:
    """Finish every erasure that was asked for."""
    while not stopping.is_set() and (erasure_id := erasures.step(connection)) is not None:
        log.info("erasure_step", erasure_id=str(erasure_id))


def retain_all(connection: Connection, stopping: threading.Event) -> None:
    """Let go of all that is past its tenant's periods."""
    for tenant_id in retention.tenants(connection):
        while not stopping.is_set() and (found := retention.retain(connection, tenant_id)):
            log.info("retained", tenant_id=tenant_id, **found)
