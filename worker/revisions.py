"""What becomes due beside the lanes' work: messages whose facts are in, and those that carry what turned bad."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from db import carriers, lookups, provisional

if TYPE_CHECKING:
    from db.session import Connection
    from scorelane.enrichment import Catalogue

log = structlog.get_logger()

LANE = "enrich"
RESCAN_LANE = "rescan"


class Revisions:
    """Puts messages that wait for nothing more, or no longer, into chunks of revisions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def step(self, connection: Connection) -> bool:
        """One round; whether it found any."""
        expired = lookups.expire(connection)
        if expired:
            log.warning("lookups_expired", lookups=expired)
        if self._catalogue:
            lookups.rest_fresh(connection)
        late = provisional.give_up(connection, {p.name: p.kinds for p in self._catalogue})
        ready = provisional.plan(connection, LANE)
        if ready:
            log.info("revisions_planned", messages=ready, late=late)
        return bool(ready)


class Carriers:
    """Has the messages of the last days that carry an entity which turned bad scored again."""

    def __init__(self, days: int) -> None:
        self._days = days

    def step(self, connection: Connection) -> bool:
        """One round; whether any entity was looked up."""
        carried = carriers.plan(connection, lane=RESCAN_LANE, days=self._days)
        if carried:
            log.info("carriers_planned", messages=carried)
        return carried is not None
