"""Preview, start, and planning by key: a step at a time, from wherever the last one ended."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from uuid_utils.compat import uuid7

from db import bases, rescans
from scorelane.choosing import chosen
from scorelane.enqueuer.lanes import CHUNK_MESSAGES
from scorelane.rescans.errors import RescanError
from scorelane.rescans.workload import RATES, work_of

if TYPE_CHECKING:
    from uuid import UUID

    from db.session import Connection
    from scorelane.choosing import Asked
    from scorelane.rescans.needs import Wanted

MOST_UNASKED = 100_000
"""Messages above which a rescan is only started with a yes."""


class Preview(NamedTuple):
    """What a rescan would take."""

    messages: int
    works: dict[str, int]
    """Messages by how much work they need: stored, text, full, gone."""
    seconds: float
    """An estimate for two cores with nothing else to do."""

    @property
    def needs_yes(self) -> bool:
        """Whether it is only started with a yes."""
        return self.messages > MOST_UNASKED


def preview(connection: Connection, tenant_id: int, asked: Asked, wanted: Wanted, as_of: str) -> Preview:
    """Counts the messages and the work. Raises ChoiceError."""
    mode, _ = _mode(as_of)
    filter_ = chosen(connection, tenant_id, asked)
    kinds = rescans.preview(connection, tenant_id, filter_, ceiling=uuid7(), as_of=mode, lists=wanted.lists)
    return _weigh(connection, kinds, wanted, mode)


def _weigh(connection: Connection, kinds: list[rescans.Kind], wanted: Wanted, mode: str) -> Preview:
    works: Counter[str] = Counter()
    for kind in kinds:
        columns = None if kind.signal_set is None else bases.signals(connection, kind.signal_set)
        names, versions = (None, ()) if columns is None else columns
        work = work_of(
            wanted, mode, names=names, versions=versions, text_model=kind.text_model, has_raw=kind.has_raw,
            same_lists=kind.same_lists,
        )  # fmt: skip
        works[work] += kind.messages
    seconds = sum(count / RATES[work] for work, count in works.items())
    return Preview(sum(works.values()), dict(sorted(works.items())), round(seconds, 1))


def start(
    connection: Connection,
    tenant_id: int,
    asked: Asked,
    wanted: Wanted,
    *,
    as_of: str = "received",
    applies: bool = False,
    actor: str,
    yes: bool = False,
    live: str | None = None,
    repeat: rescans.Repeat | None = None,
) -> tuple[UUID, Preview]:
    """Id of a new rescan and what it will take; the dispatcher's planner begins with it at once.

    `as_of` is received, final, now, or an ISO 8601 time; `live` the digest of the live bundle, the only one whose
    results may become revisions. Raises ChoiceError; nothing is then started.
    """
    mode, at = _mode(as_of)
    if applies and wanted.digest != live:
        raise RescanError("only the live bundle's results may become revisions; promote the bundle first", "applies")
    filter_ = chosen(connection, tenant_id, asked)
    ceiling = uuid7()
    kinds = rescans.preview(connection, tenant_id, filter_, ceiling=ceiling, as_of=mode, lists=wanted.lists)
    found = _weigh(connection, kinds, wanted, mode)
    if not found.messages:
        raise RescanError("no scored message fits this filter")
    if not yes:
        refuse_large(found.messages, found.seconds)
    rescan_id = uuid7()
    rescans.create(
        connection,
        rescan_id=rescan_id,
        tenant_id=tenant_id,
        actor=actor,
        bundle=wanted.digest,
        as_of=mode,
        as_of_time=at,
        applies=applies,
        wanted=filter_,
        preview=found._asdict(),
        ceiling=ceiling,
        repeat=repeat,
    )
    return rescan_id, found


def refuse_large(messages: int, seconds: float) -> None:
    """Raise RescanError for more messages than a job is given without a yes."""
    if messages > MOST_UNASKED:
        raise RescanError(
            f"{messages:,} messages, about {seconds:,.0f} s of work: more than {MOST_UNASKED:,} need a yes", "yes"
        )


def plan_all(connection: Connection, rescan_id: UUID) -> None:
    """Plan one rescan to its end."""
    while rescans.plan(connection, rescan_id, CHUNK_MESSAGES):
        pass


def _mode(as_of: str) -> tuple[str, datetime | None]:
    """(received, final or time; the time, None for now). Raises RescanError."""
    if as_of in ("received", "final"):
        return as_of, None
    if as_of == "now":
        return "time", None
    try:
        at = datetime.fromisoformat(as_of)
    except ValueError:
        raise RescanError(
            f"as-of {as_of[:60]!r} is not received, final, now, or a time such as 2026-11-24T12:00+00:00",
            "as_of",
        ) from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    if at > datetime.now(UTC):
        raise RescanError(f"as-of {as_of[:60]} lies in the future", "as_of")
    return "time", at
