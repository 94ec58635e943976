"""From an entity to the messages that carry it: when one turns bad, just those are scored again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from db.provisional import add_revisions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.session import Connection

AT_ONCE = 2_000
"""Entities that one round looks up, where a round must be short."""


def turned(connection: Connection, entities: Sequence[tuple[int, bytes]], source: str) -> None:
    """Note entities (sighting kind, digest) that are known to be bad from now on, and who says so."""
    ordered = sorted(set(entities))
    connection.execute(
        "INSERT INTO turned_bad (source, kind, entity) SELECT %b, * FROM unnest(%b::int2[], %b::bytea[])",
        (source, [kind for kind, _ in ordered], [entity for _, entity in ordered]),
    )


def plan(connection: Connection, *, lane: str, days: int, source: str | None = None, most: int = AT_ONCE) -> int | None:
    """Put the carriers of some entities that turned bad into chunks of a lane; how many messages, None when idle.

    Messages of the last `days` days whose raw mail is there. Those that wait for facts anyway, and those whose score
    already knew, are left out. One job a tenant, source and round. Two minutes later each entity is looked up once
    more, for messages that were being scored meanwhile.
    """
    with connection.transaction():
        if source is not None:
            connection.execute("SET LOCAL statement_timeout = 0")
        rows = connection.execute(
            """WITH taken AS (
                   UPDATE turned_bad SET looked = looked + 1 WHERE id IN (
                       SELECT id FROM turned_bad
                       WHERE (%(source)s::text IS NULL OR source = %(source)s)
                         AND (looked = 0 OR (looked = 1 AND turned_at < clock_timestamp() - interval '2 minutes'))
                       ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED)
                   RETURNING kind, entity, source, turned_at),
               carriers AS (
                   SELECT DISTINCT ON (s.message_id) s.tenant_id, s.message_id, taken.source
                   FROM taken JOIN sightings s ON s.entity = taken.entity AND s.kind = taken.kind
                   JOIN message_state m ON m.message_id = s.message_id
                   JOIN messages n ON n.id = s.message_id
                   JOIN raw_mail r ON r.tenant_id = n.tenant_id AND r.month = n.month AND r.sha256 = n.sha256
                   WHERE s.message_id >= uuid_floor(clock_timestamp() - make_interval(days => %(days)s))
                     AND m.state = 'scored' AND m.basis_time < taken.turned_at
                     AND NOT EXISTS (SELECT FROM awaiting a WHERE a.message_id = s.message_id)
                   ORDER BY s.message_id, taken.source)
               SELECT (SELECT count(*) FROM taken), NULL::integer, NULL::text, NULL::uuid[]
               UNION ALL
               SELECT NULL, tenant_id, source, array_agg(message_id ORDER BY message_id)
               FROM carriers GROUP BY tenant_id, source""",
            {"source": source, "most": most, "days": days},
        ).fetchall()
        for _, tenant_id, said_by, message_ids in rows:
            if tenant_id is not None:
                add_revisions(
                    connection,
                    int(str(tenant_id)),
                    message_ids,  # type: ignore[arg-type]
                    lane=lane,
                    actor=str(said_by),
                    key=f"carriers {uuid4()}",
                )
        connection.execute("DELETE FROM turned_bad WHERE looked > 1")
    taken = next(int(str(row[0])) for row in rows if row[0] is not None)
    return sum(len(row[3]) for row in rows if row[1] is not None) if taken else None  # type: ignore[arg-type, misc]


def report(connection: Connection, source: str) -> tuple[int, int, int, int]:
    """(messages, scored again, dead, verdicts that changed) of the jobs that a source caused."""
    row = connection.execute(
        """SELECT coalesce(sum(j.messages), 0), coalesce(sum(j.scored), 0), coalesce(sum(j.dead), 0),
                  (SELECT count(*) FROM scores s
                   JOIN scores before ON before.message_id = s.message_id AND before.revision = s.revision - 1
                   WHERE s.job_id IN (SELECT id FROM jobs WHERE kind = 'revision' AND actor = %(source)s)
                     AND s.verdict <> before.verdict)
           FROM jobs j WHERE j.kind = 'revision' AND j.actor = %(source)s""",
        {"source": source},
    ).fetchone()
    assert row is not None
    messages, scored, dead, flips = (int(str(value)) for value in row)
    return messages, scored, dead, flips
