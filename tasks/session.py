"""What one worker child keeps between tasks: a database connection and the bundles it has loaded."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import psycopg
import structlog

from db import bundles
from db.session import Connection, connect
from scorelane.scoring import Bundle, Policy, Scorer

if TYPE_CHECKING:
    from pathlib import Path

    from db.bundles import Pointer

log = structlog.get_logger()


class NoBundle(Exception):
    """No bundle has been promoted yet."""


class Session:
    """Opened lazily in the child, never inherited through a fork."""

    def __init__(self, database_url: str, *, group: str) -> None:
        self._url = database_url
        self._connection: Connection | None = None
        self._scorers: dict[str, Scorer] = {}
        self.worker = f"{group}@{socket.gethostname()}:{os.getpid()}"
        self.shard = os.getpid()

    def connection(self) -> Connection:
        """An open autocommit connection; reopened after a fault."""
        if self._connection is None or self._connection.closed or self._connection.broken:
            self._connection = connect(self._url, application=self.worker)
        return self._connection

    def forget_connection(self) -> None:
        """Drop a connection that failed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except psycopg.Error:
                log.warning("close_failed")

    def live(self) -> tuple[Pointer, Scorer]:
        """The pointer in force and its scorer: a flip reaches the next chunk; a bundle is used whole or not at all."""
        pointer = bundles.current(self.connection())
        if pointer is None:
            raise NoBundle("no bundle is live; promote one with: scorelane model promote PATH")
        return pointer, self._scorer(pointer.live, pointer.live_path)

    def _scorer(self, digest: str, path: str | Path) -> Scorer:
        scorer = self._scorers.get(digest)
        if scorer is None:
            bundle = Bundle.load(path)
            scorer = Scorer(bundle, Policy.from_bundle(bundle))
            if len(self._scorers) >= 4:  # noqa: PLR2004 - live and shadow, before and after a flip
                self._scorers.pop(next(iter(self._scorers)))
            self._scorers[digest] = scorer
            log.info("bundle_loaded", bundle=bundle.name, digest=digest[:12])
        return scorer
