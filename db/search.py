"""What stands around a message that a person reads: alike ones, who else got it, its sender's, its scores.

Row-level security holds every query to one tenant; each reads a bounded number of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from db.choosing import FLAGGED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from db.session import Connection

MOST_COUNTED = 1000


class Entity(NamedTuple):
    """One thing that messages show, as sightings keep it."""

    kind: int
    key: bytes


def flagged_counts(connection: Connection) -> dict[str, int]:
    """Messages by flagged verdict, counted no further than MOST_COUNTED."""
    rows = connection.execute(
        """SELECT v.verdict, (SELECT count(*) FROM (SELECT FROM message_state s
                              WHERE s.verdict = v.verdict AND s.verdict <> 'clean' LIMIT %s) s)
           FROM unnest(%s::text[]) AS v (verdict)""",
        (MOST_COUNTED, list(FLAGGED)),
    ).fetchall()
    return {str(verdict): int(str(count)) for verdict, count in rows}


def mailbox_addresses(connection: Connection, limit: int = 200) -> list[str]:
    """Addresses of the tenant's mailboxes by name, the first `limit`."""
    rows = connection.execute("SELECT address FROM mailboxes ORDER BY address LIMIT %s", (limit,)).fetchall()
    return [str(address) for (address,) in rows]


def similar(connection: Connection, message_id: UUID, kinds: Sequence[int], limit: int) -> list[dict[str, Any]]:
    """Messages that showed the same entities of these kinds, most in common first.

    Of each entity only the newest 200 sightings are read, and of the message at most 64 entities.
    """
    rows = connection.execute(
        """WITH mine AS (SELECT kind, entity FROM sightings
                         WHERE message_id = %(id)s AND kind = ANY (%(kinds)s) ORDER BY kind, entity LIMIT 64),
                others AS (SELECT o.message_id, array_agg(DISTINCT mine.kind) AS shared, count(*) AS entities
                           FROM mine CROSS JOIN LATERAL (
                               SELECT s.message_id FROM sightings s
                               WHERE s.kind = mine.kind AND s.entity = mine.entity AND s.message_id <> %(id)s
                               ORDER BY s.received_at DESC LIMIT 200) o
                           GROUP BY o.message_id
                           ORDER BY count(*) DESC, o.message_id DESC LIMIT %(limit)s)
           SELECT o.message_id, o.shared, o.entities, s.verdict, s.state, s.category, s.log_odds, s.sender, s.subject,
                  b.address AS mailbox, m.received_at
           FROM others o JOIN message_state s ON s.message_id = o.message_id
           JOIN messages m ON m.id = o.message_id JOIN mailboxes b ON b.id = m.mailbox_id
           ORDER BY o.entities DESC, o.message_id DESC""",
        {"id": message_id, "kinds": list(kinds), "limit": limit},
    )
    return _named(rows)


def reach(connection: Connection, message_id: UUID, kinds: Sequence[int]) -> list[dict[str, Any]]:
    """Of each entity that a message showed: kind, key, messages, mailboxes, first and last time, flagged ones.

    Counted over the newest MOST_COUNTED sightings of each entity, and at most 64 entities.
    """
    rows = connection.execute(
        """WITH mine AS (SELECT kind, entity FROM sightings
                         WHERE message_id = %(id)s AND kind = ANY (%(kinds)s) ORDER BY kind, entity LIMIT 64)
           SELECT mine.kind, mine.entity, o.messages, o.mailboxes, o.first_at, o.last_at, o.flagged
           FROM mine CROSS JOIN LATERAL (
               SELECT count(*) AS messages, count(DISTINCT n.mailbox_id) AS mailboxes,
                      min(n.received_at) AS first_at, max(n.received_at) AS last_at,
                      count(*) FILTER (WHERE t.verdict <> 'clean') AS flagged
               FROM (SELECT s.message_id, s.mailbox_id, s.received_at FROM sightings s
                     WHERE s.kind = mine.kind AND s.entity = mine.entity
                     ORDER BY s.received_at DESC LIMIT %(most)s) n
               LEFT JOIN message_state t ON t.message_id = n.message_id) o""",
        {"id": message_id, "kinds": list(kinds), "most": MOST_COUNTED},
    )
    return _named(rows)


def alike_by_mailbox(
    connection: Connection, message_id: UUID, kinds: Sequence[int], limit: int
) -> list[dict[str, Any]]:
    """Mailboxes that got messages with the same entities of these kinds, this one among them, most messages first.

    Of each entity the newest MOST_COUNTED sightings are read, and of the message at most 64 entities.
    """
    rows = connection.execute(
        """WITH mine AS (SELECT kind, entity FROM sightings
                         WHERE message_id = %(id)s AND kind = ANY (%(kinds)s) ORDER BY kind, entity LIMIT 64),
                alike AS (SELECT DISTINCT o.message_id, o.mailbox_id, o.received_at FROM mine CROSS JOIN LATERAL (
                              SELECT s.message_id, s.mailbox_id, s.received_at FROM sightings s
                              WHERE s.kind = mine.kind AND s.entity = mine.entity
                              ORDER BY s.received_at DESC LIMIT %(most)s) o)
           SELECT b.address AS mailbox, count(*) AS messages, min(a.received_at) AS first_at,
                  max(a.received_at) AS last_at
           FROM alike a JOIN mailboxes b ON b.id = a.mailbox_id
           GROUP BY b.address ORDER BY count(*) DESC, b.address LIMIT %(limit)s""",
        {"id": message_id, "kinds": list(kinds), "most": MOST_COUNTED, "limit": limit},
    )
    return _named(rows)


def revisions(connection: Connection, message_id: UUID) -> list[dict[str, Any]]:
    """Every score of a message with its bundle's name and what the bundle in shadow said; the last 100."""
    rows = connection.execute(
        """SELECT * FROM (
               SELECT s.revision, s.cause, s.provisional, s.log_odds, s.score, s.verdict, s.category, s.rule,
                      s.bundle, b.name AS bundle_name, s.signal_set, s.policy_version, s.basis_time, s.known_at,
                      h.log_odds AS shadow_log_odds, h.verdict AS shadow_verdict, hb.name AS shadow_name
               FROM scores s LEFT JOIN bundles b ON b.digest = s.bundle
               LEFT JOIN shadow_scores h ON h.message_id = s.message_id AND h.revision = s.revision
                    AND h.message_id = %(id)s
               LEFT JOIN bundles hb ON hb.digest = h.bundle
               WHERE s.message_id = %(id)s ORDER BY s.revision DESC LIMIT 100) newest
           ORDER BY revision""",
        {"id": message_id},
    )
    return _named(rows)


def sender_history(connection: Connection, sender: Entity, limit: int) -> list[dict[str, Any]]:
    """The newest messages of a sender: id, time, mailbox, verdict, subject."""
    rows = connection.execute(
        """SELECT n.message_id, n.received_at, b.address AS mailbox, s.verdict, s.state, s.category, s.log_odds,
                  s.subject
           FROM (SELECT message_id, received_at, mailbox_id FROM sightings WHERE kind = %(kind)s AND entity = %(key)s
                 ORDER BY received_at DESC LIMIT %(limit)s) n
           JOIN message_state s ON s.message_id = n.message_id JOIN mailboxes b ON b.id = n.mailbox_id
           ORDER BY n.received_at DESC, n.message_id DESC""",
        {"kind": sender.kind, "key": sender.key, "limit": limit},
    )
    return _named(rows)


def _named(cursor: Any) -> list[dict[str, Any]]:
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
