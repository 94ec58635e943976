"""Attachments of a chunk, opened once a tenant and extractor version: results are read from Postgres and kept there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import structlog

from db import extractions
from scorelane.extract import (
    BUDGET_S,
    Extractor,
    Unavailable,
    decode,
    extractor_version,
    join,
    keys,
    open_chunk,
    wanted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from db.session import Connection
    from scorelane.mail import Message
    from scorelane.scoring import Context

log = structlog.get_logger()

PAUSE_S = 60.0
"""How long a server that could not be started is left alone."""


class Known(NamedTuple):
    """A message joined with what is known of its attachments."""

    message: Message
    extractor: str = ""
    """Version of the results; empty where nobody looked because no server could be started."""
    unopened: tuple[bytes, ...] = ()
    """SHA-256 of the attachments for which the chunk's time was not enough."""


class Attachments:
    """What one worker child opens attachments with: a server of its own, started at the first one."""

    def __init__(self, extractor: Extractor | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._extractor = extractor or Extractor()
        self._clock = clock
        self._paused_until = float("-inf")
        self._left_s = BUDGET_S

    def begin(self) -> None:
        """A new task begins, with the whole budget of time; its chunks share it."""
        self._left_s = BUDGET_S

    def open(self, connection: Connection, tenant_id: int, messages: Sequence[Message]) -> list[Known]:
        """Messages joined with their attachments, in their order: one load and one store a chunk, both short.

        Opening takes at most what earlier calls of the task left of its budget. Mail without attachments costs no
        query. Where no server can be started, nothing is known of attachments that no earlier message brought; mail is
        scored all the same.
        """
        chosen = [wanted(message) for message in messages]
        every = keys(chosen)
        version = extractor_version(self._extractor.limits)
        known = extractions.load(connection, tenant_id, version, every)
        if len(known) < len(every) and self._clock() < self._paused_until:
            return [Known(message) for message in messages]
        started = self._clock()
        try:
            opening = open_chunk(
                messages, self._extractor, chosen=chosen, known=known, budget_s=self._left_s, clock=self._clock
            )
        except Unavailable as fault:
            log.error("extraction_unavailable", error=str(fault))  # noqa: TRY400 - told in its message
            self._paused_until = self._clock() + PAUSE_S
            return [Known(message) for message in messages]
        finally:
            self._left_s = max(0.0, self._left_s - (self._clock() - started))
        new = {key: extractions.Kept(decode(body).status, body) for key, body in opening.new.items()}
        first = extractions.store(connection, tenant_id, version, new)
        joined = opening.messages
        if first:  # another worker kept its result before ours: that one is the truth
            known |= opening.new | first
            joined = [join(*row, known) for row in zip(messages, chosen, strict=True)]
        return [Known(message, version, unopened) for message, unopened in zip(joined, opening.skipped, strict=True)]

    def close(self) -> None:
        """End the server."""
        self._extractor.close()


def replay(
    connection: Connection, tenant_id: int, messages: Sequence[Message], contexts: Sequence[Context | None]
) -> list[Known]:
    """Messages joined with the very results that their logged vectors consumed; opens nothing.

    Where results were erased, the vector cannot be computed again: the attachment then has status timeout.
    """
    versions = {context.extractor for context in contexts if context is not None and context.extractor}
    chosen = [wanted(message) if versions else [] for message in messages]
    kept = {version: extractions.load(connection, tenant_id, version, keys(chosen)) for version in sorted(versions)}
    found = []
    for message, row, context in zip(messages, chosen, contexts, strict=True):
        if context is None or not context.extractor:
            found.append(Known(message))
            continue
        joined = join(message, row, kept[context.extractor], context.unopened)
        found.append(Known(joined, context.extractor, context.unopened))
    return found
