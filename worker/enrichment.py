"""The dispatcher's part in enrichment: due lookups onto the lane, as many as their providers' rates serve soon."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import structlog

from db import lookups
from scorelane.enrichment.governor import open_providers

if TYPE_CHECKING:
    from collections.abc import Mapping

    import redis

    from db.session import Connection
    from scorelane.enqueuer.publish import Publisher
    from scorelane.enrichment import Catalogue

log = structlog.get_logger()

LANE = "enrich"
WINDOW_S = 4.0
"""How much of a provider's rate is put on the lane ahead."""
LEAST_WINDOW, MOST_WINDOW = 16, 1024
FEED_EVERY_S = 0.2
LOST_AFTER_S = 20.0
"""A batch that is unclaimed for so long is published again; a double claims nothing."""


class EnrichmentFeed:
    """Called once a tick by the dispatcher that leads; nothing while no provider is on."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._due = 0.0

    def step(self, connection: Connection, publisher: Publisher, client: redis.Redis, *, doubt: bool) -> int:
        """One step; how many batches were published. `doubt`: the broker may have been emptied.

        Raises the broker's faults.
        """
        if not self._catalogue or not (doubt or time.monotonic() >= self._due):
            return 0
        self._due = time.monotonic() + FEED_EVERY_S
        lost = lookups.unclaimed(connection, 0.0 if doubt else LOST_AFTER_S)
        if lost:
            log.warning("batches_published_again", batches=len(lost))
            publisher.publish_lookups(LANE, lost)
        batches = lookups.publish_due(connection, self._rooms(connection, client))
        publisher.publish_lookups(LANE, batches)
        return len(batches)

    def _rooms(self, connection: Connection, client: redis.Redis) -> Mapping[str, int]:
        """Lookups that may be published by provider: what its rate serves soon, none while its circuit is open."""
        shut = open_providers(client, [provider.name for provider in self._catalogue])
        busy = lookups.outstanding(connection)
        return {
            provider.name: window(provider.options.rate_per_s / provider.cost) - busy.get(provider.name, 0)
            for provider in self._catalogue
            if provider.name not in shut
        }


def window(rate_per_s: float) -> int:
    """Lookups of a provider that may be on the lane or under way."""
    return max(LEAST_WINDOW, min(MOST_WINDOW, math.ceil(rate_per_s * WINDOW_S)))
