"""What each kind of job does with a chunk's messages: which it loads, what they may know, what it saves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from db import chunks, scores
from tasks import facts, filling, inputs, rescan, results
from tasks.histories import with_history

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.chunks import Claim, Stored
    from db.fills import Filling
    from db.rescans import Row
    from db.session import Connection
    from tasks.session import Session, Standing

FIRST = frozenset({"intake"})
"""Kinds of job whose chunks give revision 1; the others append to it."""
RESCAN = "rescan"
FILL = "backfill"


def standing(session: Session, claim: Claim) -> Standing:
    """What the job's messages are scored with."""
    return rescan.standing(session, claim) if claim.kind == RESCAN else session.standing(claim.tenant_id)


def load(connection: Connection, claim: Claim, standing: Standing) -> Sequence[Stored | Row | Filling]:
    """The chunk's messages that its job has still to score, in id order."""
    if claim.kind == RESCAN:
        return rescan.load(connection, claim, standing)
    if claim.kind == FILL:
        return filling.load(connection, claim)
    return chunks.load(connection, claim.id) if claim.kind in FIRST else chunks.load_scored(connection, claim)


def score(connection: Connection, claim: Claim, stored: Sequence[Any], standing: Standing) -> Sequence[Any]:
    """What is to be saved. The connection is for what a message's entities ask for; no transaction is open."""
    if claim.kind == RESCAN:
        return rescan.score(connection, claim, stored, standing)
    if claim.kind == FILL:
        return filling.fill(claim, stored, standing)
    catalogue, lists = standing.enrichment.catalogue, standing.reference.lists
    if claim.kind in FIRST:
        read = inputs.read(connection, claim.tenant_id, stored, standing.attachments)
        known = facts.gather(connection, read, catalogue, lists=lists, may_want=True)
        given = with_history(connection, claim.tenant_id, known)
        return results.score(given, standing.directory, standing, cause="intake")
    read = inputs.as_logged(connection, claim.tenant_id, stored)
    given = facts.gather(connection, read, catalogue, lists=lists, may_want=False)
    return results.score(given, standing.directory, standing, cause=str(claim.spec.get("cause", claim.kind)))


def save(connection: Connection, claim: Claim, new: Sequence[Any]) -> int:
    """Write what `score` gave inside the caller's transaction; how many messages it was."""
    if not new:
        return 0
    if claim.kind == RESCAN:
        return rescan.save(connection, claim, new)
    if claim.kind == FILL:
        return filling.save(connection, claim, new)
    if claim.kind in FIRST:
        return scores.save_first(connection, tenant_id=claim.tenant_id, job_id=claim.job_id, new=new)
    return scores.save_revision(connection, tenant_id=claim.tenant_id, job_id=claim.job_id, new=new)
