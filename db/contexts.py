"""Stored contexts of vectors, and the facts that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from db.session import Connection


class Detail(NamedTuple):
    """One stored fact with its times."""

    id: int
    provider: str
    kind: str
    entity: str
    status: str
    value: float | None
    observed_at: datetime
    known_at: datetime


def of_revisions(connection: Connection, message_id: UUID, revisions: Sequence[int]) -> dict[int, bytes]:
    """Context by revision, of those whose vector is stored."""
    rows = connection.execute(
        "SELECT revision, context FROM vectors WHERE message_id = %s AND revision = ANY (%s)",
        (message_id, list(revisions)),
    ).fetchall()
    return {int(str(revision)): bytes(stored) for revision, stored in rows}  # type: ignore[call-overload]


def facts(connection: Connection, ids: Sequence[int]) -> list[Detail]:
    """Facts by id, in that order; those that are gone are left out."""
    rows = connection.execute(
        "SELECT id, provider, kind, entity, status, value, observed_at, known_at FROM facts WHERE id = ANY (%s) "
        "ORDER BY id",
        (list(ids),),
    ).fetchall()
    return [Detail(*row) for row in rows]  # type: ignore[arg-type]
