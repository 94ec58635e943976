"""Stored vectors with what people said of their messages, page by page: for training and for the signals' board."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from db.labels import STANDING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from db.session import Connection

PAGE = 2048
FIRST, LAST = "first", "last"
REVISIONS = (FIRST, LAST)
"""The vector of a message's first score, without facts that came later, or of its newest."""

_RECEIVED = """(%(since)b::timestamptz IS NULL OR m.received_at >= %(since)b)
    AND (%(until)b::timestamptz IS NULL OR m.received_at < %(until)b)"""
_COLUMNS = """v.message_id, (SELECT name FROM tenants t WHERE t.id = v.tenant_id), m.received_at, v.revision,
    v.signal_set, v.vector, v.statuses, l.label, l.weight, l.labelled_at"""


class Vector(NamedTuple):
    """One stored vector; label, weight and its time are None where nobody labelled the message."""

    message_id: UUID
    tenant: str
    received_at: datetime
    revision: int
    signal_set: str
    vector: bytes
    statuses: bytes
    label: str | None
    weight: float | None
    labelled_at: datetime | None


class Span(NamedTuple):
    """Which messages: of one tenant or all, received in [since, until), with their first or last vector."""

    tenant_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    revision: str = LAST


def labelled(connection: Connection, span: Span) -> Iterator[list[Vector]]:
    """Pages of labelled vectors, by tenant and message id; each page is one short read."""
    tenants = connection.execute(
        "SELECT id FROM tenants WHERE %(tenant)s::integer IS NULL OR id = %(tenant)s ORDER BY id",
        {"tenant": span.tenant_id},
    ).fetchall()
    for (tenant_id,) in tenants:
        # Labels lead, so that a few among millions of messages are found through their index.
        yield from _pages(
            connection,
            f"""SELECT l.message_id, {_COLUMNS}
                FROM (SELECT DISTINCT ON (l.message_id) l.message_id, l.label, l.weight, l.labelled_at FROM labels l
                      WHERE l.tenant_id = %(tenant)b AND l.message_id > %(after)b AND {STANDING}
                      ORDER BY l.message_id, l.id DESC LIMIT %(limit)b) l
                LEFT JOIN messages m ON m.id = l.message_id AND {_RECEIVED}
                LEFT JOIN LATERAL ({_vector(span)}) v ON true ORDER BY l.message_id""",  # noqa: S608 - constants of this module
            span._replace(tenant_id=int(str(tenant_id))),
        )


def stored(connection: Connection, span: Span) -> Iterator[list[Vector]]:
    """Pages of all vectors, labelled or not, by message id; each page is one short read."""
    yield from _pages(
        connection,
        f"""SELECT m.id, {_COLUMNS}
            FROM (SELECT m.id, m.tenant_id, m.received_at FROM messages m
                  WHERE m.id > %(after)b AND (%(tenant)b::integer IS NULL OR m.tenant_id = %(tenant)b) AND {_RECEIVED}
                  ORDER BY m.id LIMIT %(limit)b) m
            LEFT JOIN LATERAL ({_vector(span)}) v ON true
            LEFT JOIN LATERAL (SELECT l.label, l.weight, l.labelled_at FROM labels l
                               WHERE l.tenant_id = m.tenant_id AND l.message_id = m.id AND {STANDING}
                               ORDER BY l.id DESC LIMIT 1) l ON true
            ORDER BY m.id""",  # noqa: S608 - constants of this module
        span,
    )


def _vector(span: Span) -> str:
    order = "ASC" if span.revision == FIRST else "DESC"
    return f"""SELECT v.message_id, v.tenant_id, v.revision, v.signal_set, v.vector, v.statuses FROM vectors v
               WHERE v.message_id = m.id ORDER BY v.revision {order} LIMIT 1"""  # noqa: S608 - one of two words


def _pages(connection: Connection, query: str, span: Span) -> Iterator[list[Vector]]:
    """Rows of a query that leads with its key, without those that have no vector."""
    after = UUID(int=0)
    given = {"tenant": span.tenant_id, "since": span.since, "until": span.until, "limit": PAGE}
    while rows := connection.execute(query, {**given, "after": after}, binary=True).fetchall():
        after = rows[-1][0]  # type: ignore[assignment] # the key is a message id
        found = [Vector(*row[1:]) for row in rows if row[1] is not None]  # type: ignore[arg-type]
        if found:
            yield found
        if len(rows) < PAGE:
            return
