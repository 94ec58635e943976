"""Stored facts as signals read them: pure, so that the same stored facts give the same values again."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from scorelane.signals.context import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from scorelane.enrichment.entities import Carried
    from scorelane.enrichment.provider import Request

COVERS = "*"
"""Entity of the fact that says a list covers its kind: what it does not name is not listed."""

AGES = {
    "domain_registered_at": "domain_age_days",
    "ip_registered_at": "ip_age_days",
    "certificate_issued_at": "certificate_age_days",
}
"""Facts that are a moment (Unix seconds), and the age that signals read. A moment does not go stale, an age does."""

DAY_S = 86_400.0


class Known(NamedTuple):
    """One stored fact."""

    id: int
    provider: str
    kind: str
    entity: str
    status: str
    value: float | None


Readings = dict[str, tuple[Fact, ...]]


def facts_for(
    message: Carried, requests: Iterable[Request], known: Mapping[str, Sequence[Known]], received_at: datetime
) -> Readings:
    """Facts of one message by kind; ages are counted to the time of receipt. Empty when nothing is known.

    Args:
        message: what it carries.
        requests: what was wanted of providers.
        known: stored facts by entity, `COVERS` included.
        received_at: of the message.
    """
    asked = {request.entity for request in requests}
    local = {entity for _, entity in message.listed_as()}
    found: dict[str, dict[str, Fact]] = defaultdict(dict)
    for entity in sorted(asked | local):
        for fact in known.get(entity, ()):
            reading = _reading(fact, received_at)
            held = found[reading.kind].get(entity)
            if held is None or _stronger(reading, held):
                found[reading.kind][entity] = reading
    covered = {fact.kind: fact for fact in known.get(COVERS, ())}
    for kind, entity in message.listed_as():
        cover = covered.get(kind)
        if cover is not None and entity not in found[kind]:
            found[kind][entity] = Fact(str(cover.id), kind, entity, "ok", 0.0)
    return {kind: tuple(facts.values()) for kind, facts in sorted(found.items()) if facts}


def _reading(fact: Known, received_at: datetime) -> Fact:
    if fact.kind not in AGES or fact.value is None:
        return Fact(str(fact.id), AGES.get(fact.kind, fact.kind), fact.entity, fact.status, fact.value)
    age_days = (received_at.timestamp() - fact.value) / DAY_S
    return Fact(str(fact.id), AGES[fact.kind], fact.entity, fact.status, max(0.0, age_days))


def _stronger(one: Fact, other: Fact) -> bool:
    """Several sources speak of one entity: a value beats a reason, the higher value beats the lower."""
    if (one.value is None) != (other.value is None):
        return one.value is not None
    return one.value is not None and other.value is not None and one.value > other.value
