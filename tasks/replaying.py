"""Vectors of stored messages, computed now from raw mail and the context that was stored with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from db.chunks import Stored
from scorelane.scoring import context
from scorelane.signals import compute_chunk
from tasks import facts, inputs
from tasks.histories import with_history

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from db.parity import Logged
    from scorelane.signals import SignalSet
    from scorelane.signals.plan import OnFailure
    from tasks.session import Session


def _ignore(_name: str, _fault: Exception) -> None:
    """Failures are in the statuses."""


def replay(
    session: Session,
    rows: Sequence[Logged],
    set_: SignalSet,
    *,
    rebuilds_history: bool = False,
    on_failure: OnFailure = _ignore,
) -> tuple[npt.NDArray[np.float32], list[bytes]]:
    """Matrix (rows, signals of `set_`) and statuses of logged messages of one tenant, in their order.

    Each with the history values, facts, attachments' results and directory that its logged vector consumed; with
    `rebuilds_history`, with what sightings say today of the mail before it. Reference lists are today's.
    """
    matrix = np.empty((len(rows), len(set_)), np.float32)
    statuses = [b""] * len(rows)
    if not rows:
        return matrix, statuses
    tenant_id = rows[0].tenant_id
    logged = inputs.as_logged(session.connection(), tenant_id, [_stored(row) for row in rows])
    lists = session.reference().lists
    given = facts.replayed(session.connection(), logged, session.enrichment.catalogue, lists)
    if rebuilds_history:
        given = with_history(session.connection(), tenant_id, given)
    versions = [context.decode(row.context).directory for row in rows]
    for version in sorted(set(versions)):
        chosen = [at for at, own in enumerate(versions) if own == version]
        values, codes = compute_chunk(
            [given[at].message for at in chosen],
            histories=[given[at].history for at in chosen],
            facts=[given[at].facts for at in chosen],
            directory=session.directory(tenant_id, version),
            set_=set_,
            lists=lists,
            on_failure=on_failure,
        )
        matrix[chosen] = values
        for at, code in zip(chosen, codes, strict=True):
            statuses[at] = code
    return matrix, statuses


def _stored(row: Logged) -> Stored:
    return Stored(
        row.message_id, row.mailbox_id, row.mailbox, row.received_at, "inbound", row.envelope, row.content or b"",
        row.size_bytes, sighted=True, context=row.context,
    )  # fmt: skip
