"""What people said of messages: an append-only ledger, where taking a label back is a row of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from db.session import Connection

LABELS = ("attack", "spam", "legitimate")
ORIGINS = ("analyst", "user_report", "import")
COLUMNS = ("id", "message_id", "label", "origin", "weight", "author", "retracts", "retracted", "labelled_at")

STANDING = """l.retracts IS NULL AND NOT EXISTS (
    SELECT FROM labels r WHERE r.tenant_id = l.tenant_id AND r.message_id = l.message_id AND r.retracts = l.id)"""
"""Condition of a label `l` that was not taken back; the newest of these is what is said of a message."""

_SELECT = """SELECT l.id, l.message_id, l.label, l.origin, l.weight, l.author, l.retracts,
                    EXISTS (SELECT FROM labels r WHERE r.retracts = l.id), l.labelled_at FROM labels l"""


def add(
    connection: Connection,
    tenant_id: int,
    *,
    message_ids: Sequence[UUID],
    labels: Sequence[str],
    origin: str,
    author: str,
    weights: Sequence[float] | None = None,
) -> list[UUID]:
    """Add one label a message to those that exist; the ids of messages that now carry a new row, in key order.

    A weight says how much a label counts in training, more than 0 and at most 1; 1 unless given.
    A label that the same author gave the same message before, and did not take back, is not added twice.
    """
    rows = connection.execute(
        """INSERT INTO labels (tenant_id, message_id, label, origin, weight, author)
           SELECT m.tenant_id, m.id, n.label, %(origin)s, n.weight, %(author)s
           FROM unnest(%(ids)s::uuid[], %(labels)s::text[], %(weights)s::real[]) AS n (message_id, label, weight)
           JOIN messages m ON m.id = n.message_id AND m.tenant_id = %(tenant)s
           WHERE NOT EXISTS (
               SELECT FROM labels l WHERE l.tenant_id = m.tenant_id AND l.message_id = m.id AND l.label = n.label
                 AND l.author = %(author)s AND l.retracts IS NULL
                 AND NOT EXISTS (SELECT FROM labels r WHERE r.retracts = l.id))
           ORDER BY m.id RETURNING message_id""",
        {"ids": list(message_ids), "labels": list(labels), "origin": origin, "author": author,
         "weights": list(weights) if weights is not None else [1.0] * len(labels), "tenant": tenant_id},
    ).fetchall()  # fmt: skip
    return [row[0] for row in rows]  # type: ignore[misc]


def retract(connection: Connection, label_id: int, author: str) -> int | None:
    """Take a label back: the id of the row that says so, None when there is no such label or it is taken back."""
    row = connection.execute(
        """INSERT INTO labels (tenant_id, message_id, label, origin, weight, author, retracts)
           SELECT l.tenant_id, l.message_id, l.label, l.origin, 0, %(author)s, l.id
           FROM (SELECT * FROM labels WHERE id = %(id)s AND retracts IS NULL FOR UPDATE) l
           WHERE NOT EXISTS (SELECT FROM labels r WHERE r.retracts = %(id)s) RETURNING id""",
        {"id": label_id, "author": author},
    ).fetchone()
    return None if row is None else int(str(row[0]))


def of_message(connection: Connection, message_id: UUID) -> list[dict[str, Any]]:
    """Every row of one message, first to last."""
    return _rows(connection, f"{_SELECT} WHERE l.message_id = %(id)s ORDER BY l.id", {"id": message_id})


def find(connection: Connection, label_id: int) -> dict[str, Any] | None:
    """One row, or None."""
    rows = _rows(connection, f"{_SELECT} WHERE l.id = %(id)s", {"id": label_id})
    return rows[0] if rows else None


def listing(
    connection: Connection,
    *,
    tenant_id: int | None = None,
    label: str | None = None,
    author: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """At most `limit` rows of the ledger, newest first."""
    return _rows(
        connection,
        f"""{_SELECT} WHERE (%(tenant)s::integer IS NULL OR l.tenant_id = %(tenant)s)
              AND (%(label)s::text IS NULL OR l.label = %(label)s)
              AND (%(author)s::text IS NULL OR l.author = %(author)s)
              AND (%(before)s::bigint IS NULL OR l.id < %(before)s) ORDER BY l.id DESC LIMIT %(limit)s""",
        {"tenant": tenant_id, "label": label, "author": author, "before": before, "limit": limit},
    )


def existing(connection: Connection, tenant_id: int, message_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the messages that the tenant has."""
    rows = connection.execute(
        "SELECT id FROM messages WHERE tenant_id = %s AND id = ANY (%s)", (tenant_id, list(message_ids))
    ).fetchall()
    return {row[0] for row in rows}  # type: ignore[misc]


def by_digest(connection: Connection, tenant_id: int, digests: Sequence[bytes]) -> dict[bytes, list[UUID]]:
    """Ids of the messages of a tenant with these SHA-256 digests, over all its mailboxes."""
    rows = connection.execute(
        """SELECT r.sha256, array_agg(r.message_id) FROM mailboxes b
           JOIN receipts r ON r.tenant_id = b.tenant_id AND r.mailbox_id = b.id AND r.sha256 = ANY (%s)
           WHERE b.tenant_id = %s AND r.tenant_id = %s GROUP BY r.sha256""",
        (list(digests), tenant_id, tenant_id),
    ).fetchall()
    return {bytes(row[0]): list(row[1]) for row in rows}  # type: ignore[call-overload]


def _rows(connection: Connection, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in connection.execute(query, values).fetchall()]
