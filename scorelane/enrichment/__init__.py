"""Slow facts about the outside: what a message's entities are to DNS, registries, block lists and feeds.

`carried` and `Catalogue.wanted` say what to ask (pure), `look_up` asks under the `Governor`, `facts_for` turns what
is stored into what signals read. Nothing here touches the database; a new provider is one file in `providers`.
"""

from scorelane.enrichment.catalogue import Catalogue
from scorelane.enrichment.entities import Carried, carried
from scorelane.enrichment.errors import EnrichmentError, Refused, Rejected, Unavailable
from scorelane.enrichment.provider import Finding, Options, Provider, Request
from scorelane.enrichment.reading import Known, facts_for

__all__ = [
    "Carried",
    "Catalogue",
    "EnrichmentError",
    "Finding",
    "Known",
    "Options",
    "Provider",
    "Refused",
    "Rejected",
    "Request",
    "Unavailable",
    "carried",
    "facts_for",
]
