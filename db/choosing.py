"""Which messages are meant: the conditions that a listing, a search and a rescan share.

A choice is a dict of the fields below; one that is missing or None asks for nothing. In the conditions `s` is the row
of `message_state` and `m` the message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from db.labels import STANDING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FLAGGED = ("attack", "suspicious", "spam")

_SHOWED = (
    "EXISTS (SELECT FROM sightings g WHERE g.message_id = s.message_id"
    " AND g.kind = {} AND g.entity = decode({}, 'hex'))"
)
_CONDITIONS = {
    "tenant": "s.tenant_id = %(tenant)s",
    "state": "s.state = %(state)s",
    "message_ids": "s.message_id = ANY (%(message_ids)s::uuid[])",
    "before": "s.message_id < %(before)s AND m.id < %(before)s",
    "mailboxes": "s.mailbox_id = ANY (%(mailboxes)s::integer[])",
    "since": "m.received_at >= %(since)s::timestamptz",
    "until": "m.received_at < %(until)s::timestamptz",
    "sender": "s.sender = %(sender)s",
    "sender_domain": "(s.sender_domain = %(sender_domain)s"
    " OR right(s.sender_domain, length(%(sender_domain)s::text) + 1) = '.' || %(sender_domain)s::text)",
    "subject": "s.subject ILIKE ALL (%(subject)s::text[])",
    "header_message_id": "s.header_message_id IN (%(header_message_id)s, '<' || %(header_message_id)s::text || '>')",
    "verdicts": "s.verdict = ANY (%(verdicts)s::text[])",
    "category": "s.category = %(category)s",
    "min_log_odds": "s.log_odds >= %(min_log_odds)s",
    "max_log_odds": "s.log_odds <= %(max_log_odds)s",
    # Hashes of a sender's address and registrable domain only find sooner what the columns above decide.
    "sender_key": _SHOWED.format(1, "%(sender_key)s"),
    "sender_domain_key": _SHOWED.format(2, "%(sender_domain_key)s"),
    "link_domain": _SHOWED.format(3, "%(link_domain)s"),
    "attachment": _SHOWED.format(5, "%(attachment)s"),
    # The other message must be of the same tenant: a rescan is planned by a role that sees all of them.
    "like": "EXISTS (SELECT FROM sightings g JOIN sightings o ON o.kind = g.kind AND o.entity = g.entity"
    " AND o.tenant_id = g.tenant_id WHERE g.message_id = s.message_id AND g.tenant_id = s.tenant_id"
    " AND o.message_id = %(like)s::uuid AND o.kind = 4)",
    "labelled": "%(labelled)s::boolean = EXISTS (SELECT FROM labels l WHERE l.tenant_id = s.tenant_id"
    f" AND l.message_id = s.message_id AND {STANDING})",
    "scored_by": "EXISTS (SELECT FROM scores o WHERE o.message_id = s.message_id AND o.revision = s.revision "
    "AND o.bundle = %(scored_by)s)",
    "signal_set": "EXISTS (SELECT FROM vectors o WHERE o.message_id = s.message_id AND o.revision = s.revision "
    "AND o.signal_set = %(signal_set)s)",
    "lacking": "EXISTS (SELECT FROM vectors o WHERE o.message_id = s.message_id "
    "AND o.signal_set = ANY (%(lacking)s::text[]))",
}
_OF_MESSAGE = ("before", "since", "until")


def conditions(choice: Mapping[str, Any]) -> sql.Composed:
    """What WHERE takes, its values being those of the choice by name."""
    parts = [sql.SQL(part) for name, part in _CONDITIONS.items() if choice.get(name) is not None]
    if choice.get("verdicts") and set(choice["verdicts"]) <= set(FLAGGED):
        parts.append(sql.SQL("s.verdict <> 'clean'"))  # what the index of flagged messages is made for
    return sql.SQL(" AND ").join(parts or [sql.SQL("true")])


def reads_message(choice: Mapping[str, Any]) -> bool:
    """Whether the conditions speak of `m`."""
    return any(choice.get(name) is not None for name in _OF_MESSAGE)
