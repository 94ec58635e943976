"""Backfills of signals: which stored vectors lack them, and the job that computes them there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from uuid_utils.compat import uuid7

from db import bundles, fills, rescans
from scorelane.choosing import Asked, chosen
from scorelane.rescans.errors import RescanError
from scorelane.rescans.planning import refuse_large
from scorelane.rescans.workload import FULL, RATES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from db.session import Connection


class Lacking(NamedTuple):
    """What a backfill would take."""

    messages: int
    """Whose vectors lack a signal."""
    gone: int
    """Of these, messages without raw mail: they stay as they are."""
    seconds: float
    """An estimate for two cores with nothing else to do."""
    wanted: dict[str, object]
    """The messages, as the database is asked for them."""
    ceiling: UUID


def lacking(
    connection: Connection,
    tenant_id: int,
    signals: Mapping[str, int],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Lacking:
    """Counts the messages whose vectors lack one of the signals (name to version). Raises ChoiceError."""
    wanted = chosen(connection, tenant_id, Asked(since=since, until=until))
    wanted["lacking"] = [
        digest
        for digest, held in fills.sets(connection).items()
        if any(held.get(name) != version for name, version in signals.items())
    ]
    ceiling = uuid7()
    kinds = rescans.preview(connection, tenant_id, wanted, ceiling=ceiling, as_of="received")
    messages = sum(kind.messages for kind in kinds)
    gone = sum(kind.messages for kind in kinds if not kind.has_raw)
    return Lacking(messages, gone, round((messages - gone) / RATES[FULL], 1), wanted, ceiling)


def start_fill(
    connection: Connection,
    tenant_id: int,
    found: Lacking,
    *,
    actor: str,
    rebuilds_history: bool = False,
    yes: bool = False,
) -> UUID:
    """Id of a new job that gives these messages' vectors every signal of this code; it goes by the backfill lane.

    With `rebuilds_history` signals over history read what sightings say today of the mail before each message, and the
    vectors are marked reconstructed; else they read the values that were logged. Raises RescanError.
    """
    pointer = bundles.current(connection)
    if pointer is None:
        raise RescanError("no bundle is live; promote one first", "bundle")
    if not yes:
        refuse_large(found.messages, found.seconds)
    job_id = uuid7()
    rescans.create(
        connection,
        rescan_id=job_id,
        tenant_id=tenant_id,
        actor=actor,
        bundle=pointer.live,
        as_of="received",
        as_of_time=None,
        applies=False,
        wanted=found.wanted,
        preview={"messages": found.messages},
        ceiling=found.ceiling,
        kind="backfill",
        lane="backfill",
        spec={"rebuilds_history": rebuilds_history},
    )
    return job_id
