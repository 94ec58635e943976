"""How long each tenant keeps raw mail, vectors and scores, and the step that lets go of what is past that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from db import audit, extractions
from db.forgetting import forget, forget_raw

if TYPE_CHECKING:
    from uuid import UUID

    from db.session import Connection

BATCH = 2000
ACTOR = "retention"


class Periods(NamedTuple):
    """Days that a tenant keeps what it holds, counted from acceptance. Nothing outlives the message's scores."""

    raw_days: int
    vector_days: int
    score_days: int


def periods(connection: Connection, tenant_id: int) -> Periods | None:
    """A tenant's periods, or None where there is no such tenant."""
    row = connection.execute(
        "SELECT raw_days, vector_days, score_days FROM tenants WHERE id = %s", (tenant_id,)
    ).fetchone()
    return None if row is None else Periods(*row)  # type: ignore[arg-type]


def set_periods(connection: Connection, tenant_id: int, wanted: Periods) -> None:
    """Keep raw mail, vectors and scores for so many days from now on."""
    connection.execute(
        "UPDATE tenants SET raw_days = %s, vector_days = %s, score_days = %s WHERE id = %s", (*wanted, tenant_id)
    )


def tenants(connection: Connection) -> list[int]:
    """Ids of all tenants."""
    return [int(str(row[0])) for row in connection.execute("SELECT id FROM tenants ORDER BY id").fetchall()]


def retain(connection: Connection, tenant_id: int) -> dict[str, int]:
    """Let go of one batch of each kind that is past its period; rows deleted by kind, empty when nothing is left.

    Each kind is a transaction of its own, and says so in the audit log.
    """
    kept = periods(connection, tenant_id)
    if kept is None:
        return {}
    found: dict[str, int] = {}
    for kind, days, let_go in (
        ("raw", min(kept.raw_days, kept.score_days), _raw),
        ("vector", min(kept.vector_days, kept.score_days), _vectors),
        ("score", kept.score_days, _messages),
    ):
        with connection.transaction():
            through, ids, floor = _past(connection, tenant_id, kind, days)
            if not ids:
                continue
            counts = let_go(connection, tenant_id, ids, floor)
            _set_through(connection, tenant_id, kind, through)
            if any(counts.values()):
                audit.record(connection, tenant_id, actor=ACTOR, action=f"retention.{kind}", detail=counts)
            found[kind] = sum(counts.values())
    return found


def _past(connection: Connection, tenant_id: int, kind: str, days: int) -> tuple[UUID, list[UUID], UUID]:
    """(where the batch ends, its message ids, the id from which messages are kept)."""
    rows = connection.execute(
        """SELECT m.id FROM messages m
           WHERE m.tenant_id = %(tenant)s AND m.id < uuid_floor(now() - make_interval(days => %(days)s))
             AND m.id > coalesce((SELECT through FROM retained WHERE tenant_id = %(tenant)s AND kind = %(kind)s),
                                 '00000000-0000-0000-0000-000000000000')
           ORDER BY m.id LIMIT %(batch)s""",
        {"tenant": tenant_id, "days": days, "kind": kind, "batch": BATCH},
    ).fetchall()
    floor = connection.execute("SELECT uuid_floor(now() - make_interval(days => %s))", (days,)).fetchone()
    assert floor is not None
    ids: list[UUID] = [row[0] for row in rows]  # type: ignore[misc]
    return (ids[-1] if ids else floor[0]), ids, floor[0]  # type: ignore[return-value]


def _set_through(connection: Connection, tenant_id: int, kind: str, through: UUID) -> None:
    connection.execute(
        """INSERT INTO retained (tenant_id, kind, through) VALUES (%s, %s, %s)
           ON CONFLICT (tenant_id, kind) DO UPDATE SET through = excluded.through""",
        (tenant_id, kind, through),
    )


def _raw(connection: Connection, tenant_id: int, ids: list[UUID], floor: UUID) -> dict[str, int]:
    mail = connection.execute("SELECT DISTINCT month, sha256 FROM messages WHERE id = ANY (%b::uuid[])", (ids,))
    pairs: list[Any] = [(row[0], bytes(row[1])) for row in mail.fetchall()]  # type: ignore[call-overload]
    # The results of attachments hold what raw mail held, and go with it.
    made_before = datetime.fromtimestamp((floor.int >> 80) / 1000, UTC)
    return {
        "raw_mail": forget_raw(connection, tenant_id, pairs, newer_than=floor),
        "extractions": extractions.expire(connection, tenant_id, made_before, floor),
    }


def _vectors(connection: Connection, _: int, ids: list[UUID], __: UUID) -> dict[str, int]:
    return {
        "vectors": connection.execute("DELETE FROM vectors WHERE message_id = ANY (%b::uuid[])", (ids,)).rowcount,
        "explanations": connection.execute(
            "DELETE FROM explanations WHERE message_id = ANY (%b::uuid[])", (ids,)
        ).rowcount,
        "rescan_vectors": connection.execute(
            "UPDATE rescan_results SET vector = NULL, text_log_odds = NULL "
            "WHERE message_id = ANY (%b::uuid[]) AND vector IS NOT NULL",
            (ids,),
        ).rowcount,
    }


def _messages(connection: Connection, tenant_id: int, ids: list[UUID], _: UUID) -> dict[str, int]:
    return forget(connection, tenant_id, ids)
