"""`scorelane.enrich`: claim a batch of lookups, ask, settle each as its answer comes.

A lookup that gives nothing is due again later in the database; no worker waits for it. What a killed task had settled
stays settled: only what was under way is asked again.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import psycopg
import structlog

from db import carriers, lookups
from db.lookups import NewFact, Settled
from scorelane.enrichment.governor import Governor
from scorelane.enrichment.lookup import Due, Outcome, look_up
from scorelane.enrichment.provider import Request
from scorelane.signals.sightings import carrier_entities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.session import Session

log = structlog.get_logger()

LEASE_S = 75.0
"""Longer than a task may run."""


def enrich(session: Session, batch_id: int) -> int:
    """Ask about a batch that is still ours; how many lookups were settled."""
    started = time.monotonic()
    try:
        asked = lookups.claim(session.connection(), batch_id, LEASE_S)
        if not asked:
            log.info("stale_batch_dropped", batch_id=batch_id)
            return 0
        settled = asyncio.run(_ask(session, batch_id, asked))
    except psycopg.OperationalError:
        session.forget_connection()
        raise
    log.info("batch_asked", batch_id=batch_id, lookups=settled, ms=round(1000 * (time.monotonic() - started)))
    return settled


async def _ask(session: Session, batch_id: int, asked: Sequence[lookups.Asked]) -> int:
    enrichment = session.enrichment
    governor = Governor(enrichment.broker_url)
    due = [Due(Request(one.provider, one.entity), one.failures) for one in asked]
    total = 0

    async def keep(outcomes: list[Outcome]) -> None:
        """In a thread, so that the other lookups go on."""
        nonlocal total
        total += await asyncio.to_thread(settle, session, batch_id, outcomes)

    try:
        await look_up(due, enrichment.catalogue, governor, keep, in_flight=enrichment.in_flight)
    finally:
        await governor.close()
        await enrichment.catalogue.close()
    return total


def settle(session: Session, batch_id: int, outcomes: Sequence[Outcome]) -> int:
    """Store outcomes with their facts, and note entities that turned bad; how many were still this batch's."""
    connection = session.connection()
    rows = [
        Settled(o.request.provider, o.request.entity, o.said, o.status, o.fresh_s, o.retry_s, o.asked) for o in outcomes
    ]
    facts = [
        NewFact(o.request.provider, f.kind, o.request.entity, f.status, f.value, f.body, o.usable_s)
        for o in outcomes
        for f in o.findings
    ]
    with connection.transaction():
        bad = lookups.newly_bad(connection, facts)
        ours = lookups.settle(connection, batch_id, rows, facts, shard=session.shard)
        entities = [
            entity for f in bad if (f.provider, f.entity) in ours for entity in carrier_entities(f.kind, f.entity)
        ]
        if entities:
            carriers.turned(connection, entities, "facts")
    return len(ours)
