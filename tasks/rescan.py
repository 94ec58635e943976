"""Scoring stored messages again: from their vectors where these hold all that is wanted, else from raw mail."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from db import rescans, scores
from db.chunks import Stored
from db.rescans import Result
from db.scores import NewScore
from scorelane.rescans import FULL, GONE, STORED, TEXT, Wanted, needs, work_of
from scorelane.scoring import context, own_columns
from scorelane.scoring.moved import moved
from scorelane.scoring.text_model import log_odds_of
from tasks import facts, inputs, results
from tasks.histories import with_history

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import numpy.typing as npt

    from db.chunks import Claim
    from db.rescans import Row
    from db.session import Connection
    from scorelane.scoring import Scored
    from tasks.session import Session, Standing


class Chunk(NamedTuple):
    """What every message of one chunk is scored with."""

    connection: Connection
    tenant_id: int
    rescan_id: UUID
    standing: Standing
    as_of: str
    at: datetime | None
    applies: bool
    raws: dict[UUID, bytes]


class Outcome(NamedTuple):
    """A result, and the revision that it becomes where the rescan applies."""

    result: Result
    revision: NewScore | None = None


def load(connection: Connection, claim: Claim, standing: Standing) -> list[Row]:
    """The chunk's messages that have no result of this rescan yet."""
    asked = standing.session.order(claim.job_id)
    return rescans.load(connection, claim.id, claim.job_id, asked.as_of, standing.reference.digest)


def standing(session: Session, claim: Claim) -> Standing:
    """What is in force, with the rescan's bundle in the place of the live one and no shadow."""
    asked = session.order(claim.job_id)
    return session.standing_with(claim.tenant_id, asked.bundle, asked.as_of_time, asked.pointer)


def score(connection: Connection, claim: Claim, rows: Sequence[Row], standing: Standing) -> list[Outcome]:
    """Outcomes in the order of the messages."""
    _, as_of, at, applies, _ = standing.session.order(claim.job_id)
    wanted = wanted_of(standing)
    works = _works(rows, as_of, standing, wanted)
    need = [row.message_id for row in rows if works[row.message_id] in (TEXT, FULL)]
    raws = rescans.raw(connection, need) if need else {}
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        work = works[row.message_id]
        groups[work if work == STORED or row.message_id in raws else GONE].append(row)
    found: dict[UUID, Outcome] = {row.message_id: Outcome(_unchanged(row)) for row in groups[GONE]}
    chunk = Chunk(connection, claim.tenant_id, claim.job_id, standing, as_of, at, applies, raws)
    for work in (STORED, TEXT):
        found.update(_from_vectors(chunk, groups[work], work))
    found.update(_from_mail(chunk, groups[FULL]))
    return _explained(chunk, [found[row.message_id] for row in rows], rows)


def save(connection: Connection, claim: Claim, new: Sequence[Outcome]) -> int:
    """Write results, and revisions where the rescan applies; else an event for each flip."""
    found = [outcome.result for outcome in new]
    revisions = [outcome.revision for outcome in new if outcome.revision is not None]
    if revisions:
        scores.save_revision(connection, tenant_id=claim.tenant_id, job_id=claim.job_id, new=revisions)
    else:
        rescans.tell_flips(connection, tenant_id=claim.tenant_id, rescan_id=claim.job_id, results=found)
    return rescans.save(connection, tenant_id=claim.tenant_id, rescan_id=claim.job_id, results=found)


def wanted_of(standing: Standing) -> Wanted:
    """What the bundle of a standing needs."""
    return needs.wanted_of(standing.live.bundle, standing.reference.digest)


def _works(rows: Sequence[Row], as_of: str, standing: Standing, wanted: Wanted) -> dict[UUID, str]:
    """What each message needs, raw mail taken for granted; those stored alike need alike."""
    by_kind: dict[tuple[str | None, str | None, bool], str] = {}
    for kind in {_stored_as(row) for row in rows}:
        set_, text_model, same_lists = kind
        names, versions = (None, ()) if set_ is None else standing.session.columns(set_)
        by_kind[kind] = work_of(
            wanted, as_of, names=names, versions=versions, text_model=text_model, has_raw=True, same_lists=same_lists
        )
    return {row.message_id: by_kind[_stored_as(row)] for row in rows}


def _stored_as(row: Row) -> tuple[str | None, str | None, bool]:
    return row.signal_set, row.text_model, row.same_lists


def _unchanged(row: Row) -> Result:
    """What cannot be computed keeps its verdict, and the report says so."""
    return Result(
        row.message_id, row.mailbox_id, GONE, row.revision, row.verdict, row.log_odds, row.category,
        row.verdict, row.log_odds, row.category,
    )  # fmt: skip


def _from_vectors(chunk: Chunk, rows: Sequence[Row], work: str) -> dict[UUID, Outcome]:
    """Predictions on stored vectors, those of one signal set together."""
    standing = chunk.standing
    found: dict[UUID, Outcome] = {}
    by_set: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_set[row.signal_set or ""].append(row)
    for set_, alike in by_set.items():
        names = standing.session.columns(set_)[0] or ()
        wide = np.frombuffer(b"".join(row.vector or b"" for row in alike), "<f4").reshape(len(alike), -1)
        if work == TEXT:
            given = inputs.as_logged(chunk.connection, chunk.tenant_id, _stored(chunk, alike))
            text = log_odds_of(standing.live.bundle.text_model, [one.message for one in given])
        else:
            text = np.array([np.nan if row.text_log_odds is None else row.text_log_odds for row in alike], np.float64)
        said = standing.live.judge(own_columns(standing.live.bundle, wide, names), [], text)
        found.update((row.message_id, _outcome(chunk, row, said, at, work)) for at, row in enumerate(alike))
    return found


def _outcome(chunk: Chunk, row: Row, said: Scored, at: int, work: str) -> Outcome:
    standing = chunk.standing
    log_odds, category = float(said.log_odds[at]), said.categories[at]
    decision = standing.live.policy.decide(log_odds, category, row.sender or "", standing.basis.at)
    text = float(said.text_log_odds[at])
    result = Result(
        row.message_id, row.mailbox_id, work, row.revision, row.verdict, row.log_odds, row.category,
        decision.verdict, log_odds, category, None, None, text,
    )  # fmt: skip
    if not chunk.applies:
        return Outcome(result)
    revision = NewScore(
        message_id=row.message_id,
        mailbox_id=row.mailbox_id,
        received_at=row.received_at,
        cause="rescan",
        provisional=False,
        log_odds=log_odds,
        score=float(said.score[at]),
        verdict=decision.verdict,
        rule=decision.rule,
        category=category,
        bundle=standing.basis.pointer.live,
        signal_set=row.signal_set or "",
        policy_version=standing.live.policy.version,
        basis_pointer=standing.basis.pointer.version,
        basis_time=row.basis_time,
        text_log_odds=text,
        text_model=standing.live.bundle.text_model.digest,
        vector=row.vector or b"",
        statuses=row.statuses or b"",
        context=row.context or b"",
        sender=row.sender,
        sender_domain=None,
        subject="",
        header_message_id=None,
        outbound=False,
        sightings=(),
    )
    return Outcome(result, revision)


def _from_mail(chunk: Chunk, rows: Sequence[Row]) -> dict[UUID, Outcome]:
    """Everything computed again: with the stored context, or with what is known at a time."""
    standing = chunk.standing
    found: dict[UUID, Outcome] = {}
    if not rows:
        return found
    stored = _stored(chunk, rows)
    lists = standing.reference.lists
    if chunk.as_of == "time":
        read = inputs.read(chunk.connection, chunk.tenant_id, stored, standing.attachments)
        informed = facts.gather(
            chunk.connection, read, standing.enrichment.catalogue, lists=lists, may_want=False, as_of=chunk.at
        )
        given = with_history(chunk.connection, chunk.tenant_id, informed, known_before=chunk.at)
        versions = [standing.directory.version] * len(rows)
    else:
        logged = inputs.as_logged(chunk.connection, chunk.tenant_id, stored)
        given = facts.replayed(chunk.connection, logged, standing.enrichment.catalogue, lists)
        versions = [context.decode(row.context).directory if row.context else 0 for row in rows]
    for version in sorted(set(versions)):
        directory = standing.session.directory(chunk.tenant_id, version)
        chosen = [n for n, own in enumerate(versions) if own == version]
        new = results.score([given[n] for n in chosen], directory, standing, cause="rescan")
        for n, score in zip(chosen, new, strict=True):
            row = rows[n]
            basis_time = (chunk.at or standing.basis.at) if chunk.as_of == "time" else row.basis_time
            result = Result(
                row.message_id, row.mailbox_id, FULL, row.revision, row.verdict, row.log_odds, row.category,
                score.verdict, score.log_odds, score.category, None, score.vector, score.text_log_odds,
            )  # fmt: skip
            revision = score._replace(basis_time=basis_time) if chunk.applies else None
            found[row.message_id] = Outcome(result, revision)
    return found


def _explained(chunk: Chunk, outcomes: list[Outcome], rows: Sequence[Row]) -> list[Outcome]:
    """The first flips of a rescan with the reasons that moved; vectors are kept for the flips alone."""
    flipped = [n for n, outcome in enumerate(outcomes) if outcome.result.verdict != outcome.result.before_verdict]
    room = rescans.EXPLAINED - rescans.explained(chunk.connection, chunk.rescan_id) if flipped else 0
    out = list(outcomes)
    for n, (row, outcome) in enumerate(zip(rows, outcomes, strict=True)):
        result = outcome.result
        if result.verdict != result.before_verdict:
            if room > 0:
                room -= 1
                out[n] = outcome._replace(result=result._replace(reasons=_reasons(row, result, chunk.standing)))
        elif result.vector is not None:
            out[n] = outcome._replace(result=result._replace(vector=None))
    return out


def _reasons(row: Row, result: Result, standing: Standing) -> list[dict[str, object]]:
    """Terms that moved; none where the bundle of the old score or its vector is gone."""
    old = standing.session.known_bundle(row.bundle)
    if old is None or row.vector is None or row.signal_set is None:
        return []
    names = standing.session.columns(row.signal_set)[0] or ()
    before = _columns(row.vector)
    after, after_names = (before, names) if result.vector is None else (_columns(result.vector), standing.signals.names)
    if not set(old.signal_set.names) <= set(names):
        return []
    nan = float("nan")
    return moved(
        (old, own_columns(old, before, names)[0], nan if row.text_log_odds is None else row.text_log_odds),
        (
            standing.live.bundle,
            own_columns(standing.live.bundle, after, after_names)[0],
            nan if result.text_log_odds is None else result.text_log_odds,
        ),
    )


def _columns(vector: bytes) -> npt.NDArray[np.float32]:
    return np.frombuffer(vector, "<f4")[np.newaxis, :]


def _stored(chunk: Chunk, rows: Sequence[Row]) -> list[Stored]:
    return [
        Stored(
            row.message_id, row.mailbox_id, row.mailbox, row.received_at, "inbound", row.envelope,
            chunk.raws[row.message_id], row.size_bytes, sighted=True, context=row.context,
        )
        for row in rows
    ]  # fmt: skip
