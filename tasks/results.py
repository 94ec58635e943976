"""From what a chunk was given to the rows that it saves."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from db.scores import NewScore, NewShadow
from scorelane.scoring import Context, context, own_columns
from scorelane.scoring.text_model import log_odds_of
from scorelane.signals import compute_chunk
from scorelane.signals.hashing import parser_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from scorelane.mail import Message
    from scorelane.scoring import Scored, Scorer
    from scorelane.signals.context import Directory
    from tasks.inputs import Input
    from tasks.session import Standing

_parser = cache(parser_digest)


def score(given: Sequence[Input], directory: Directory, standing: Standing, *, cause: str) -> list[NewScore]:
    """Rows to save for messages of one tenant under one directory, in their order.

    A vector holds every registered signal; the live bundle, and one in shadow, predict on their own columns of it.
    """
    if not given:
        return []
    messages = [one.message for one in given]
    matrix, statuses = compute_chunk(
        messages,
        histories=[one.history for one in given],
        facts=[one.facts for one in given],
        directory=directory,
        set_=standing.signals,
        lists=standing.reference.lists,
    )
    live = _judge(standing.live, matrix, statuses, standing.signals.names, messages)
    shadows = _shadows(standing, matrix, statuses, given)
    stored = matrix.astype("<f4")
    rows = []
    for at, one in enumerate(given):
        log_odds, category, sender = float(live.log_odds[at]), live.categories[at], _sender(one.message)
        decision = standing.live.policy.decide(log_odds, category, sender, standing.basis.at)
        rows.append(
            NewScore(
                message_id=one.stored.id,
                mailbox_id=one.stored.mailbox_id,
                received_at=one.stored.received_at,
                cause=cause,
                provisional=bool(one.wanted),
                log_odds=log_odds,
                score=float(live.score[at]),
                verdict=decision.verdict,
                rule=decision.rule,
                category=category,
                bundle=standing.basis.pointer.live,
                signal_set=standing.signals.hash,
                policy_version=standing.live.policy.version,
                basis_pointer=standing.basis.pointer.version,
                basis_time=standing.basis.at,
                text_log_odds=float(live.text_log_odds[at]),
                text_model=standing.live.bundle.text_model.digest,
                vector=stored[at].tobytes(),
                statuses=statuses[at],
                context=context.encode(
                    Context(
                        directory=directory.version,
                        lists=standing.reference.digest,
                        history=one.history,
                        facts=one.fact_ids,
                        extractor=one.extractor,
                        unopened=one.unopened,
                        parser=_parser(),
                    )
                ),
                sender=_text(sender, 320) or None,
                sender_domain=_text(one.message.author.domain, 255) if one.message.author else None,
                subject=_text(one.message.subject, 998),
                header_message_id=_text(one.message.message_id, 998) or None,
                outbound=one.shown.outbound,
                sightings=one.shown.all(),
                wanted=one.wanted,
                refresh=one.refresh,
                patience_s=standing.enrichment.patience_s,
                shadow=shadows[at],
            )
        )
    return rows


def _judge(
    scorer: Scorer,
    matrix: npt.NDArray[np.float32],
    statuses: list[bytes],
    names: Sequence[str],
    messages: Sequence[Message],
) -> Scored:
    text = log_odds_of(scorer.bundle.text_model, messages)
    return scorer.judge(own_columns(scorer.bundle, matrix, names), statuses, text)


def _shadows(
    standing: Standing, matrix: npt.NDArray[np.float32], statuses: list[bytes], given: Sequence[Input]
) -> Sequence[NewShadow | None]:
    if standing.shadow is None or standing.basis.pointer.shadow is None:
        return [None] * len(given)
    said = _judge(standing.shadow, matrix, statuses, standing.signals.names, [one.message for one in given])
    return [
        NewShadow(
            bundle=standing.basis.pointer.shadow,
            log_odds=float(said.log_odds[at]),
            verdict=standing.shadow.policy.decide(
                float(said.log_odds[at]), said.categories[at], _sender(one.message), standing.basis.at
            ).verdict,
            category=said.categories[at],
            text_log_odds=float(said.text_log_odds[at]),
        )
        for at, one in enumerate(given)
    ]


def _sender(message: Message) -> str:
    return message.author.addr if message.author else ""


def _text(value: str, most: int) -> str:
    """What Postgres can store: no NUL, no lone surrogates, bounded."""
    return value[:most].replace("\0", "").encode("utf-8", "replace").decode("utf-8")
