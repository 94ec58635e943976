"""The facts that a chunk's messages are scored with, and what they still want."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from db import facts
from scorelane.enrichment import Catalogue, Known, Request, carried, facts_for
from scorelane.enrichment.lookup import IN_FLIGHT
from scorelane.scoring import context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from db.session import Connection
    from scorelane.enrichment import Carried
    from scorelane.signals.reference import Lists
    from tasks.inputs import Input


MOST_RESERVE_S = 30.0


class Enrichment(NamedTuple):
    """What a worker knows of enrichment. The default has every provider off."""

    catalogue: Catalogue = Catalogue({})
    broker_url: str = ""
    deadline_s: float = 900.0
    """So long after its lookups were wanted a provisional score should be final, whatever has come."""
    in_flight: int = IN_FLIGHT

    @property
    def patience_s(self) -> float:
        """How long facts are waited for: what is left of the deadline is for scoring again in a chunk with others."""
        return self.deadline_s - min(MOST_RESERVE_S, self.deadline_s / 4)


OFF = Enrichment()


def gather(
    connection: Connection,
    given: Sequence[Input],
    catalogue: Catalogue,
    *,
    lists: Lists | None = None,
    may_want: bool,
    as_of: datetime | None = None,
) -> list[Input]:
    """Inputs with the facts that were known at a time (None: now), and what is to be asked about them.

    Shorteners are those of `lists`. With `may_want`, what has no answer is wanted, and what has an old one is to be
    refreshed. Two queries a chunk, one where there are neither providers nor facts.
    """
    stored = facts.any_stored(connection)
    if not stored and not (catalogue and may_want):
        return list(given)
    carries = [carried(one.message, lists) for one in given]
    requests = [catalogue.wanted(each) for each in carries]
    known = _known(connection, carries, requests, as_of) if stored else {}
    every = sorted({request for asked in requests for request in asked})
    fresh, stale = facts.fresh(connection, every) if every and may_want else (set(), set())
    found = []
    for one, each, asked in zip(given, carries, requests, strict=True):
        found.append(
            one._replace(
                facts=facts_for(each, asked, known, one.stored.received_at),
                wanted=tuple(r for r in asked if r not in fresh and r not in stale) if may_want else (),
                refresh=tuple(r for r in asked if r in stale),
            )
        )
    return found


def replayed(
    connection: Connection, given: Sequence[Input], catalogue: Catalogue, lists: Lists | None = None
) -> list[Input]:
    """Inputs with just the facts that their stored contexts name."""
    logged = [None if one.stored.context is None else context.decode(one.stored.context).facts for one in given]
    ids = sorted({int(fact) for named in logged for fact in named or ()})
    held = {fact.id: Known(*fact) for of_entity in facts.by_id(connection, ids).values() for fact in of_entity}
    found = []
    for one, named in zip(given, logged, strict=True):
        if named is None:
            found.append(one)
            continue
        known: dict[str, list[Known]] = {}
        for fact in (held[int(number)] for number in named if int(number) in held):
            known.setdefault(fact.entity, []).append(fact)
        each = carried(one.message, lists)
        found.append(one._replace(facts=facts_for(each, catalogue.wanted(each), known, one.stored.received_at)))
    return found


def _known(
    connection: Connection, carries: Sequence[Carried], requests: Sequence[Sequence[Request]], as_of: datetime | None
) -> Mapping[str, Sequence[Known]]:
    entities = {request.entity for asked in requests for request in asked}
    entities.update(entity for each in carries for _, entity in each.listed_as())
    by_entity = facts.known(connection, entities, as_of)
    return {entity: [Known(*fact) for fact in held] for entity, held in by_entity.items()}
