"""The dispatcher's part in enrichment: due lookups onto the lane, ready messages into chunks, carriers into rescans."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import structlog
from psycopg import errors

from db import carriers, lookups, provisional
from scorelane.enrichment.governor import open_providers

if TYPE_CHECKING:
    from collections.abc import Mapping

    import redis

    from db.session import Connection
    from scorelane.enqueuer.publish import Publisher
    from scorelane.enrichment import Catalogue

log = structlog.get_logger()

LANE = "enrich"
RESCAN_LANE = "rescan"
WINDOW_S = 4.0
"""How much of a provider's rate is put on the lane ahead."""
LEAST_WINDOW, MOST_WINDOW = 16, 1024
FEED_EVERY_S = 0.2
PLAN_EVERY_S = 1.0
REST_S = 30.0
LOST_AFTER_S = 20.0
"""A batch that is unclaimed for so long is published again; a double claims nothing."""


class EnrichmentFeed:
    """Called once a tick by the dispatcher that leads; next to nothing while no provider is on and nothing waits."""

    def __init__(self, catalogue: Catalogue, *, retro_days: int = 30) -> None:
        self._catalogue = catalogue
        self._retro_days = retro_days
        self._due = {"feed": 0.0, "plan": 0.0}

    def step(self, connection: Connection, publisher: Publisher, client: redis.Redis, *, doubt: bool) -> int:
        """One step; how many batches were published. `doubt`: the broker may have been emptied.

        Raises the broker's faults.
        """
        if self._is_due("plan", PLAN_EVERY_S):
            self._plan_carefully(connection)
        if not self._catalogue or not (doubt or self._is_due("feed", FEED_EVERY_S)):
            return 0
        lost = lookups.unclaimed(connection, 0.0 if doubt else LOST_AFTER_S)
        if lost:
            log.warning("batches_published_again", batches=len(lost))
            publisher.publish_lookups(LANE, lost)
        batches = lookups.publish_due(connection, self._rooms(connection, client))
        publisher.publish_lookups(LANE, batches)
        return len(batches)

    def _plan_carefully(self, connection: Connection) -> None:
        """What takes too long rests a while: the lanes are fed by the same process."""
        try:
            self._plan(connection)
        except (errors.QueryCanceled, errors.LockNotAvailable, errors.DeadlockDetected) as fault:
            log.warning("revisions_left_for_later", error=str(fault).splitlines()[0])
            self._due["plan"] = time.monotonic() + REST_S

    def _plan(self, connection: Connection) -> None:
        expired = lookups.expire(connection)
        if expired:
            log.warning("lookups_expired", lookups=expired)
        if self._catalogue:
            lookups.rest_fresh(connection)
        late = provisional.give_up(connection, {p.name: p.kinds for p in self._catalogue})
        ready = provisional.plan(connection, LANE)
        if ready:
            log.info("revisions_planned", messages=ready, late=late)
        carried = carriers.plan(connection, lane=RESCAN_LANE, days=self._retro_days)
        if carried:
            log.info("carriers_planned", messages=carried)

    def _rooms(self, connection: Connection, client: redis.Redis) -> Mapping[str, int]:
        """Lookups that may be published by provider: what its rate serves soon, none while its circuit is open."""
        shut = open_providers(client, [provider.name for provider in self._catalogue])
        busy = lookups.outstanding(connection)
        return {
            provider.name: window(provider.options.rate_per_s / provider.cost) - busy.get(provider.name, 0)
            for provider in self._catalogue
            if provider.name not in shut
        }

    def _is_due(self, step: str, every_s: float) -> bool:
        now = time.monotonic()
        if now < self._due[step]:
            return False
        self._due[step] = now + every_s
        return True


def window(rate_per_s: float) -> int:
    """Lookups of a provider that may be on the lane or under way."""
    return max(LEAST_WINDOW, min(MOST_WINDOW, math.ceil(rate_per_s * WINDOW_S)))
