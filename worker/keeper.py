"""Partitions made ahead and dropped, ended work swept, stray rows reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import structlog

from db import facts, partitions

if TYPE_CHECKING:
    from db.session import Connection

log = structlog.get_logger()

PARTITIONS_EVERY = 30
"""Of every so many steps, one a minute, one looks at the partitions."""
KEEP_CHUNKS_DAYS = 7


class Keeper:
    """Does a little each minute; a fault is logged and tried again at the next step."""

    def __init__(self) -> None:
        self._step = 0

    def step(self, connection: Connection) -> None:
        """One step. Raises OperationalError when the database is away."""
        with_partitions = self._step % PARTITIONS_EVERY == 0
        self._step += 1
        try:
            swept = partitions.sweep_chunks(connection, KEEP_CHUNKS_DAYS)
            if swept:
                log.info("chunks_swept", chunks=swept)
            if with_partitions:
                self._partitions(connection)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as fault:
            log.warning("keeping_left_for_later", error=str(fault).splitlines()[0])
        except psycopg.OperationalError:
            raise
        except psycopg.Error:
            # What is wrong here must be seen, and must not keep a single message waiting.
            log.exception("keeping_failed")

    def _partitions(self, connection: Connection) -> None:
        made = partitions.ensure(connection)
        if made:
            log.info("partitions_made", tables=made)
        dropped = partitions.drop_expired(connection)
        if dropped:
            log.info("partitions_dropped", tables=dropped)
            partitions.forget_dropped(connection)
        forgotten = facts.forget(connection)
        if forgotten:
            log.info("facts_forgotten", facts=forgotten)
        stray = partitions.strays(connection)
        if stray:
            log.error("rows_without_a_partition", **stray)
