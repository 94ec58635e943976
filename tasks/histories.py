"""What the tenant's earlier mail says of each message of a chunk: a fixed number of queries, then chunk mates."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from db import sightings
from scorelane.signals import sightings as kinds
from scorelane.signals.recall import Memory, Recall, history_of, questions
from tasks.tallies import Asking, tallied

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from db.session import Connection
    from tasks.inputs import Input

TOP = b"\xff" * 16


def with_history(
    connection: Connection, tenant_id: int, given: Sequence[Input], *, known_before: datetime | None = None
) -> list[Input]:
    """The same messages with their history: sightings below their (received_at, id), stored or of chunk mates.

    With `known_before`, only of mail that was accepted, and of labels that were given, before that time.
    """
    asking = [n for n, one in enumerate(given) if not one.shown.outbound]
    stored = _recalls(connection, tenant_id, given, asking, known_before) if asking else {}
    out = list(given)
    mates = Memory()
    for n in sorted(range(len(given)), key=lambda n: (given[n].stored.received_at, given[n].stored.id)):
        one = given[n]
        at = one.stored.received_at
        if n in stored:
            out[n] = one._replace(history=history_of(one.shown, at, stored[n], mates.recall(one.shown, at)))
        if not one.stored.sighted:
            mates.add(one.shown, at, one.stored.mailbox_id)
    return out


def _recalls(
    connection: Connection,
    tenant_id: int,
    given: Sequence[Input],
    asking: Sequence[int],
    known_before: datetime | None,
) -> dict[int, Recall]:
    """What the database knows of each asking message's entities, all of it in one snapshot."""
    wanted = [Asking(n, (given[n].stored.received_at, given[n].stored.id), questions(given[n].shown)) for n in asking]
    prefixes = [(kind, prefix, prefix + TOP[kinds.PREFIX :]) for n in asking for kind, prefix in _prefixes(given[n])]
    senders = [
        (n, sender, given[n].stored.received_at, given[n].stored.id)
        for n in asking
        if (sender := given[n].shown.sender) is not None
    ]
    addresses = {author.addr for n in asking if (author := given[n].message.author) is not None and author.domain}
    # In one exchange as far as it goes: on a busy machine a small chunk's history is mostly waiting for its turn.
    with connection.pipeline(), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        firsts = sightings.distinct(connection, tenant_id, prefixes, known_before) if prefixes else []
        fan_out = sightings.fan_out(connection, tenant_id, kinds.SENDER, senders, known_before) if senders else []
        judged = sightings.judged(connection, tenant_id, addresses, known_before) if addresses else []
        tallies = tallied(connection, tenant_id, wanted, known_before)
        firsts, mailboxes, judged = list(firsts), dict(fan_out), list(judged)
    by_prefix: dict[tuple[int, bytes], list[tuple[datetime, UUID, bytes]]] = defaultdict(list)
    for kind, entity, at, message_id in firsts:
        by_prefix[kind, entity[: kinds.PREFIX]].append((at, message_id, entity))
    by_sender: dict[str, list[tuple[datetime, UUID, bool]]] = defaultdict(list)
    for address, at, message_id, good in judged:
        by_sender[address].append((at, message_id, good))
    out = {}
    for n in asking:
        one = given[n]
        key = (one.stored.received_at, one.stored.id)
        seen = {
            kind: frozenset(entity for at, message_id, entity in by_prefix[kind, prefix] if (at, message_id) < key)
            for kind, prefix in _prefixes(one)
        }
        author = one.message.author
        labels = [good for at, message_id, good in by_sender[author.addr if author else ""] if (at, message_id) < key]
        out[n] = Recall(
            tallies[n],
            seen.get(kinds.ALIAS, frozenset()),
            seen.get(kinds.NAME, frozenset()),
            frozenset(mailboxes.get(n, ())),
            sum(labels),
            len(labels) - sum(labels),
        )
    return out


def _prefixes(one: Input) -> list[tuple[int, bytes]]:
    """(kind, prefix) of the display names of the address, and of the addresses of the display name."""
    found = []
    if one.shown.sender is not None:
        found.append((kinds.ALIAS, one.shown.sender[: kinds.PREFIX]))
    if one.shown.name is not None:
        found.append((kinds.NAME, one.shown.name[: kinds.PREFIX]))
    return found
