"""What each kind of job does with a chunk's messages: which it loads, what they may know, what it saves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db import chunks, scores
from tasks import facts, inputs, results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.chunks import Claim, Stored
    from db.scores import NewScore
    from db.session import Connection
    from tasks.session import Standing

FIRST = frozenset({"intake", "backfill"})
"""Kinds of job whose chunks give revision 1; the others append to it."""


def load(connection: Connection, claim: Claim) -> list[Stored]:
    """The chunk's messages that its job has still to score, in id order."""
    return chunks.load(connection, claim.id) if claim.kind in FIRST else chunks.load_scored(connection, claim)


def score(connection: Connection, claim: Claim, stored: Sequence[Stored], standing: Standing) -> list[NewScore]:
    """Rows to save. The connection is for what a message's entities ask for; no transaction is open."""
    catalogue = standing.enrichment.catalogue
    if claim.kind in FIRST:
        read = inputs.read(connection, claim.tenant_id, stored, standing.attachments)
        given = facts.gather(connection, read, catalogue, may_want=True)
        return results.score(given, standing.directory, standing, cause="intake")
    read = inputs.as_logged(connection, claim.tenant_id, stored)
    given = facts.gather(connection, read, catalogue, may_want=False)
    return results.score(given, standing.directory, standing, cause=str(claim.spec.get("cause", claim.kind)))


def save(connection: Connection, claim: Claim, new: Sequence[NewScore]) -> int:
    """Write rows inside the caller's transaction; how many messages they were."""
    if not new:
        return 0
    if claim.kind in FIRST:
        return scores.save_first(connection, tenant_id=claim.tenant_id, job_id=claim.job_id, new=new)
    return scores.save_revision(connection, tenant_id=claim.tenant_id, job_id=claim.job_id, new=new)
