"""Stored explanations, and the rows that one is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from uuid import UUID

    from db.session import Connection


class Basis(NamedTuple):
    """What one revision was scored from. `vector` is little-endian float32; `bundle_path` None when it is unknown."""

    tenant_id: int
    bundle: str
    bundle_path: str | None
    signal_set: str | None
    vector: bytes | None
    text_log_odds: float | None


def find(connection: Connection, message_id: UUID, revision: int) -> bytes | None:
    """The stored explanation of one revision, or None."""
    row = connection.execute(
        "SELECT body FROM explanations WHERE message_id = %s AND revision = %s", (message_id, revision)
    ).fetchone()
    return None if row is None else bytes(row[0])  # type: ignore[call-overload]


def basis(connection: Connection, message_id: UUID, revision: int) -> Basis | None:
    """What to compute an explanation from; None when there is no such revision, `vector` None when it expired."""
    row = connection.execute(
        """SELECT s.tenant_id, s.bundle, b.path, v.signal_set, v.vector, v.text_log_odds
           FROM scores s LEFT JOIN bundles b ON b.digest = s.bundle
           LEFT JOIN vectors v ON v.message_id = s.message_id AND v.revision = s.revision AND v.message_id = %(id)s
           WHERE s.message_id = %(id)s AND s.revision = %(revision)s""",
        {"id": message_id, "revision": revision},
    ).fetchone()
    return None if row is None else Basis(*row)  # type: ignore[arg-type]


def store(connection: Connection, tenant_id: int, message_id: UUID, revision: int, body: bytes) -> None:
    """Keep an explanation; the first one stays, and none of a message that is being erased."""
    connection.execute(
        """INSERT INTO explanations (message_id, revision, tenant_id, body)
           SELECT message_id, %s, tenant_id, %s FROM message_state WHERE message_id = %s AND tenant_id = %s
           FOR KEY SHARE ON CONFLICT DO NOTHING""",
        (revision, body, message_id, tenant_id),
    )
