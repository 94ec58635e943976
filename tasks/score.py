"""`scorelane.score_chunks`: claim, load, score, save.

Two short transactions a chunk, none open while computing. A chunk's first attempt goes all at once; from the second
on it goes message by message, each marked before it starts, so that a message which kills its worker names itself;
what was marked by a dead worker gets a chunk of its own, and after that dead letters.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psycopg
import structlog

from db import bulk, chunks, dead_letters, lanes
from tasks import work
from tasks.session import BundleRefused, NoBundle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.chunks import Claim
    from tasks.session import Session, Standing

log = structlog.get_logger()

MOST_PAUSE_S = 300.0
RETRY_DELAY_S = 1.0
"""Before a chunk that failed through no fault of its own is tried again."""
REFUSED_DELAY_S = 15.0
"""The same where a job's own bundle does not load: somebody must mend it, or cancel the job."""


class Excused(Exception):
    """A fault that is not the chunk's own."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def score_chunks(session: Session, pairs: Sequence[tuple[int, int]]) -> int:
    """Score the chunks that are still ours; how many messages reached a final state."""
    started = time.monotonic()
    session.attachments.begin()
    try:
        claims = chunks.claim(session.connection(), pairs, session.worker)
    except psycopg.OperationalError as fault:
        session.forget_connection()
        _forgive(session, pairs, fault)  # the claim may be done and only its answer lost
        raise
    if len(claims) < len(pairs):
        log.info("stale_dispatch_dropped", chunks=len(pairs) - len(claims))
    total = 0
    for at, claim in enumerate(claims):
        try:
            total += _score(session, claim)
        except BundleRefused as fault:
            _forgive(session, [(claim.id, claim.dispatch_id)], fault, REFUSED_DELAY_S)
        except Exception as fault:
            if _is_excused(session, claim, fault):
                cause = fault.cause if isinstance(fault, Excused) else fault
                session.forget_connection()
                _forgive(session, [(left.id, left.dispatch_id) for left in claims[at:]], cause)
                raise cause from None
            log.exception("chunk_failed", chunk_id=claim.id, attempt=claim.attempt)
            error = f"{type(fault).__name__}: {fault}"
            if chunks.release(session.connection(), [(claim.id, claim.dispatch_id)], error, _pause_s(claim.attempt)):
                lanes.count(session.connection(), claim.lane, {"retried": 1}, session.shard)
    if total:
        log.info("chunks_scored", chunks=len(claims), messages=total, ms=round(1000 * (time.monotonic() - started)))
    return total


def _score(session: Session, claim: Claim) -> int:
    standing = work.standing(session, claim)
    if claim.alone:
        return _score_alone(session, claim, standing)
    if claim.attempt == 1:
        stored = work.load(session.connection(), claim, standing)
        new = work.score(session.connection(), claim, stored, standing)
        return _save(session, claim, new, final=True, complete=len(stored) == claim.messages)
    if claim.marked is not None:
        connection = session.connection()
        with connection.transaction():
            if not chunks.hold(connection, claim):
                return 0
            chunks.set_alone(connection, claim, claim.marked, "its worker died", delay_s=0)
    return _score_carefully(session, claim, standing)


def _score_carefully(session: Session, claim: Claim, standing: Standing) -> int:
    connection = session.connection()
    done = 0
    for stored in work.load(connection, claim, standing):
        if not chunks.mark(connection, claim, stored.id):
            return done
        try:
            done += _save(session, claim, work.score(connection, claim, [stored], standing), final=False)
        except Exception as fault:
            if _is_excused(session, claim, fault):
                raise Excused(fault) from fault
            log.exception("message_failed", chunk_id=claim.id, message_id=str(stored.id))
            connection = session.connection()
            with connection.transaction():
                if not chunks.hold(connection, claim):
                    return done
                chunks.set_alone(connection, claim, stored.id, f"{type(fault).__name__}: {fault}", RETRY_DELAY_S)
    return done + _save(session, claim, [], final=True, complete=False)


def _score_alone(session: Session, claim: Claim, standing: Standing) -> int:
    stored = work.load(session.connection(), claim, standing)
    if claim.attempt > 3:  # noqa: PLR2004 - normal, careful, alone
        _bury(session, claim, "its worker died at three attempts, the last one alone with this message")
        return 0
    try:
        new = work.score(session.connection(), claim, stored, standing)
        return _save(session, claim, new, final=True, complete=bool(stored))
    except Exception as fault:
        if _is_excused(session, claim, fault):
            raise Excused(fault) from fault
        log.exception("message_failed_alone", chunk_id=claim.id)
        _bury(session, claim, f"{type(fault).__name__}: {fault}")
        return 0


def _save(session: Session, claim: Claim, new: Sequence[object], *, final: bool, complete: bool = True) -> int:
    """Write results under the fence; how many messages ended, 0 when the chunk was lost to somebody else meanwhile.

    A chunk that ends and was not complete when it was loaded may hold messages that can never be scored.
    """
    connection = session.connection()
    with bulk.exchange(connection, len(new)), connection.transaction():
        if not chunks.hold(connection, claim):
            log.warning("fence_lost", chunk_id=claim.id, dispatch_id=claim.dispatch_id)
            return 0
        saved = work.save(connection, claim, new)
        gone = 0
        if final:
            if claim.kind in work.FIRST and not complete:
                gone = dead_letters.bury_rest(connection, claim, "its raw mail was deleted before it could be scored")
            chunks.finish(connection, claim)
        else:
            chunks.unmark(connection, claim)
        lanes.count(connection, claim.lane, {"scored": saved, "dead": gone}, session.shard)
        chunks.count_in_job(connection, claim.job_id, scored=saved, dead=gone)
    return saved + gone


def _bury(session: Session, claim: Claim, error: str) -> None:
    assert claim.marked is not None
    connection = session.connection()
    with connection.transaction():
        if not chunks.hold(connection, claim):
            return
        buried = dead_letters.bury(connection, claim, claim.marked, error, first=claim.kind in work.FIRST)
        chunks.finish(connection, claim)
        lanes.count(connection, claim.lane, {"dead": int(buried)}, session.shard)
        chunks.count_in_job(connection, claim.job_id, scored=0, dead=int(buried))
    log.error("message_dead", message_id=str(claim.marked), chunk_id=claim.id, error=error)


def _is_excused(session: Session, claim: Claim, fault: Exception) -> bool:
    """Whether the attempt must not count: the database or the bundle is away.

    A statement that runs out of time may be the doing of a database that is slow to all, or of a message whose own
    query never ends. It counts once the database was seen to serve others between two such ends.
    """
    if not isinstance(fault, psycopg.errors.QueryCanceled):
        return isinstance(fault, psycopg.OperationalError | NoBundle | Excused)
    session.forget_connection()
    try:
        return not chunks.time_out(session.connection(), claim)
    except psycopg.OperationalError:
        return True


def _pause_s(attempt: int) -> float:
    """Before a chunk that fails as a whole, whatever message it begins with, is tried again."""
    return 0.0 if attempt == 1 else min(MOST_PAUSE_S, 2.0 ** min(attempt, 10))


def _forgive(
    session: Session, pairs: Sequence[tuple[int, int]], fault: Exception, delay_s: float = RETRY_DELAY_S
) -> None:
    """Give the chunks that are not done back if the database answers; else their leases end by themselves."""
    try:
        chunks.forgive(session.connection(), pairs, session.worker, _said(fault), delay_s)
    except psycopg.OperationalError:
        session.forget_connection()


def _said(fault: Exception) -> str:
    """What the chunk shows: a database's own words may name rows, so of those the kind alone."""
    return str(fault) if isinstance(fault, (BundleRefused, NoBundle)) else type(fault).__name__
