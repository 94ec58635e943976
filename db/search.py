"""Finding messages for a person who reads: by verdict, sender, subject, Message-ID or an entity that they showed.

Pages go by key, newest id first. Row-level security, or `tenant_id`, holds a search to one tenant; every query reads a
bounded number of rows, except for a subject search, which the session's statement timeout bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select, true

from db.tables import labels, mailboxes, message_state, messages, sightings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy import Connection as SqlConnection

    from db.session import Connection

FLAGGED = ("attack", "suspicious", "spam")
MOST_COUNTED = 1000


class Entity(NamedTuple):
    """One thing that messages show, as sightings keep it."""

    kind: int
    key: bytes


@dataclass(frozen=True)
class Wanted:
    """What a search asks for; None or nothing leaves a field out. `before` is the last id of the page before."""

    verdicts: tuple[str, ...] = ()
    category: str | None = None
    mailbox: str | None = None
    subject: str | None = None
    header_message_id: str | None = None
    """With or without angle brackets."""
    entities: tuple[Entity, ...] = ()
    """A message must have shown every one of them."""
    alike: UUID | None = None
    """Only messages that share an entity of kind `alike_kind` with this one."""
    alike_kind: int = 0
    since: datetime | None = None
    until: datetime | None = None
    least_log_odds: float | None = None
    most_log_odds: float | None = None
    labelled: bool | None = None
    before: UUID | None = None


def page(connection: SqlConnection, wanted: Wanted, limit: int) -> list[dict[str, Any]]:
    """At most `limit` messages with current verdict and newest standing label, newest id first."""
    state = message_state.c
    found = _filtered(wanted).order_by(state.message_id.desc()).limit(limit).subquery()
    latest = _latest_label(found.c.message_id)
    query = (
        select(found, latest.c.label, latest.c.author.label("label_author"))
        .select_from(found.outerjoin(latest, true()))
        .order_by(found.c.message_id.desc())
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _filtered(wanted: Wanted) -> Select[Any]:
    state = message_state.c
    query = (
        select(
            state.message_id,
            messages.c.received_at,
            mailboxes.c.address.label("mailbox"),
            messages.c.direction,
            state.state,
            state.revision,
            state.verdict,
            state.category,
            state.log_odds,
            state.sender,
            state.subject,
        )
        .select_from(message_state)
        .join(messages, messages.c.id == state.message_id)
        .join(mailboxes, mailboxes.c.id == state.mailbox_id)
    )
    return query.where(*_by_state(wanted), *_by_time(wanted))


def _by_state(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    state = message_state.c
    if wanted.verdicts:
        yield state.verdict.in_(wanted.verdicts)
        if set(wanted.verdicts) <= set(FLAGGED):
            yield state.verdict != "clean"  # what the index of flagged messages is made for
    equal = {
        state.category: wanted.category,
        mailboxes.c.address: wanted.mailbox and wanted.mailbox.lower(),
    }
    yield from (column == value for column, value in equal.items() if value is not None)
    if wanted.header_message_id is not None:
        bare = wanted.header_message_id.strip("<>")
        yield state.header_message_id.in_((bare, f"<{bare}>"))
    if wanted.subject is not None:
        yield state.subject.icontains(wanted.subject, autoescape=True)
    for entity in wanted.entities:
        seen = select(sightings.c.message_id).where(sightings.c.kind == entity.kind, sightings.c.entity == entity.key)
        yield state.message_id.in_(seen)
    if wanted.alike is not None:
        mine = sightings.alias("mine")
        shared = (mine.c.kind == sightings.c.kind) & (mine.c.entity == sightings.c.entity)
        seen = select(sightings.c.message_id).join(mine, shared)
        yield state.message_id.in_(seen.where(mine.c.message_id == wanted.alike, mine.c.kind == wanted.alike_kind))
    if wanted.least_log_odds is not None:
        yield state.log_odds >= wanted.least_log_odds
    if wanted.most_log_odds is not None:
        yield state.log_odds <= wanted.most_log_odds
    if wanted.labelled is not None:
        standing = _standing(state.message_id).exists()
        yield standing if wanted.labelled else ~standing


def _by_time(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.since is not None:
        yield messages.c.received_at >= wanted.since
    if wanted.until is not None:
        yield messages.c.received_at < wanted.until
    if wanted.before is not None:
        yield from (message_state.c.message_id < wanted.before, messages.c.id < wanted.before)


def _standing(message_id: Any) -> Select[Any]:
    """Labels of a message that say something and were not taken back."""
    newer = labels.alias("newer")
    undoing = (newer.c.message_id == labels.c.message_id) & (newer.c.retracts == labels.c.id)
    taken_back = select(newer.c.id).where(undoing).correlate(labels).exists()
    return select(labels).where(labels.c.message_id == message_id, labels.c.retracts.is_(None), ~taken_back)


def _latest_label(message_id: Any) -> Any:
    return _standing(message_id).order_by(labels.c.id.desc()).limit(1).lateral("latest")


def flagged_counts(connection: SqlConnection) -> dict[str, int]:
    """Messages by flagged verdict, counted no further than MOST_COUNTED."""
    state = message_state.c
    counts = {}
    parts = [
        select(state.verdict)
        .where(state.verdict == verdict, state.verdict != "clean")
        .limit(MOST_COUNTED)
        .subquery(f"of_{verdict}")
        for verdict in FLAGGED
    ]
    row = connection.execute(
        select(*(select(func.count()).select_from(part).scalar_subquery() for part in parts))
    ).one()
    for verdict, count in zip(FLAGGED, row, strict=True):
        counts[verdict] = int(count)
    return counts


def one(connection: SqlConnection, message_id: UUID) -> dict[str, Any] | None:
    """What `page` says of one message, with its storage; None when there is no such message."""
    state = message_state.c
    query = (
        select(
            messages.c.id.label("message_id"),
            messages.c.received_at,
            messages.c.direction,
            messages.c.size_bytes,
            messages.c.sha256,
            messages.c.source,
            mailboxes.c.address.label("mailbox"),
            state.state,
            state.revision,
            state.verdict,
            state.category,
            state.log_odds,
            state.sender,
            state.sender_domain,
            state.subject,
            state.header_message_id,
            state.scored_at,
        )
        .select_from(messages)
        .join(message_state, (state.message_id == messages.c.id) & (state.message_id == message_id))
        .join(mailboxes, mailboxes.c.id == messages.c.mailbox_id)
        .where(messages.c.id == message_id)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


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
