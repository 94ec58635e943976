"""How often a chunk's entities were seen before each of its messages: each distinct entity is walked once.

The sightings of an entity are cut at the (received_at, id) of the messages that ask about it, oldest first; what lies
between two of them is counted once and added up. A thousand messages about one domain cost what one message costs.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from db import sightings
from scorelane.signals.recall import MOST_COUNTED, NONE, Tally, add, recent_since

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from db.session import Connection
    from scorelane.signals.recall import Entity

LOWEST_ID = UUID(int=0)
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)

Bound = tuple[datetime, UUID]
"""A place in the order of (received_at, message id)."""


class Asking(NamedTuple):
    """A message, by its position in the chunk, and the entities it asks about."""

    n: int
    bound: Bound
    entities: Sequence[Entity]


class Walk:
    """One entity, and the messages that ask about it in their order."""

    __slots__ = ("askers", "day", "entity", "single")

    def __init__(self, entity: Entity, day: date | None) -> None:
        self.entity = entity
        self.day = day
        """The day from which single sightings tell; None: from the first on."""
        self.askers: list[Asking] = []
        self.single: list[Tally] = []
        """Single sightings before each of the askers."""

    @property
    def start(self) -> Bound:
        """Where single sightings begin to tell."""
        return (BEGINNING if self.day is None else datetime.combine(self.day, time(), UTC)), LOWEST_ID

    def since(self, asker: Asking) -> Bound:
        """Where the recent ones of the single sightings begin."""
        return max((recent_since(asker.bound[0]), LOWEST_ID), self.start)


def tallied(
    connection: Connection, tenant_id: int, asking: Iterable[Asking], known_before: datetime | None = None
) -> dict[int, dict[Entity, Tally]]:
    """Sightings below each message's (received_at, id), by position and entity; what has none is left out.

    With `known_before`, of mail accepted before that time: rolled-up days do not tell, so single sightings do.
    """
    cut = None if known_before is not None else sightings.cut(connection, tenant_id)
    by_entity: dict[tuple[Entity, date | None], Walk] = {}
    for one in sorted(asking, key=lambda one: one.bound):
        day = None if cut is None else min(one.bound[0].date(), cut)
        for entity in one.entities:
            walk = by_entity.get((entity, day))
            if walk is None:
                walk = by_entity[entity, day] = Walk(entity, day)
            walk.askers.append(one)
    walks = list(by_entity.values())
    _count_single(connection, tenant_id, walks, known_before)
    _part_recent(connection, tenant_id, walks, known_before)
    rolled = {} if cut is None else _rolled(connection, tenant_id, walks)
    found: dict[int, dict[Entity, Tally]] = defaultdict(dict)
    for at, walk in enumerate(walks):
        for asker, single in zip(walk.askers, walk.single, strict=True):
            days = rolled.get((at, recent_since(asker.bound[0]).date()), NONE) if rolled else NONE
            if single.messages or days.messages:
                found[asker.n][walk.entity] = add(days, single)
    return found


def _count_single(connection: Connection, tenant_id: int, walks: Sequence[Walk], known_before: datetime | None) -> None:
    """Fill in the single sightings of each walk, all of them as recent."""
    spans = [
        sightings.Span(*walk.entity, *start, *asker.bound)
        for walk in walks
        for start, asker in zip((walk.start, *(asker.bound for asker in walk.askers)), walk.askers, strict=False)
    ]
    counted = {row.n: row for row in sightings.count(connection, tenant_id, spans, MOST_COUNTED, known_before)}
    n = 0
    for walk in walks:
        so_far = NONE
        for _ in walk.askers:
            row = counted.get(n)
            if row is not None:
                messages = so_far.messages + row.messages
                so_far = Tally(messages, messages, so_far.first or row.first, row.last)
            walk.single.append(so_far)
            n += 1


def _part_recent(connection: Connection, tenant_id: int, walks: Sequence[Walk], known_before: datetime | None) -> None:
    """Tell recent single sightings from older ones, which there are while days from long before are not rolled up."""
    mixed = [walk for walk in walks if any(_has_older(*pair) for pair in zip(walk.askers, walk.single, strict=True))]
    if not mixed:
        return
    bounds = [sorted({bound for one in walk.askers for bound in (walk.since(one), one.bound)}) for walk in mixed]
    spans = [
        sightings.Span(*walk.entity, *start, *end)
        for walk, points in zip(mixed, bounds, strict=True)
        for start, end in pairwise(points)
    ]
    counted = {row.n: row.messages for row in sightings.count(connection, tenant_id, spans, MOST_COUNTED, known_before)}
    n = 0
    for walk, points in zip(mixed, bounds, strict=True):
        passed = {points[0]: 0}
        for start, end in pairwise(points):
            passed[end] = passed[start] + counted.get(n, 0)
            n += 1
        walk.single = [
            single._replace(recent=passed[asker.bound] - passed[walk.since(asker)])
            for asker, single in zip(walk.askers, walk.single, strict=True)
        ]


def _has_older(asker: Asking, single: Tally) -> bool:
    return single.first is not None and single.first < recent_since(asker.bound[0])


def _rolled(connection: Connection, tenant_id: int, walks: Sequence[Walk]) -> dict[tuple[int, date], Tally]:
    """What rolled-up days before the walk's day hold, by the walk's position and the first recent day."""
    asked = sorted({(at, recent_since(one.bound[0]).date()) for at, walk in enumerate(walks) for one in walk.askers})
    days = [(*walks[at].entity, day, since) for at, since in asked if (day := walks[at].day) is not None]
    rows = sightings.count_days(connection, tenant_id, days)
    return {asked[row.n]: Tally(row.messages, row.recent, row.first, row.last) for row in rows}
