"""What is held about an address: its mailbox's messages and those that it sent, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from db.session import Connection

PAGE = 200
MESSAGE = ("id", "mailbox", "held_as", "received_at", "direction", "size_bytes", "sha256", "source", "sender",
           "subject", "header_message_id", "state", "verdict", "category", "envelope")  # fmt: skip


def page(
    connection: Connection, tenant_id: int, address: str, *, after: UUID | None, with_raw: bool
) -> tuple[list[dict[str, Any]], UUID | None]:
    """(records, where the next page begins or None). A message carries its scores, labels and, if asked, raw mail."""
    rows = connection.execute(
        """SELECT m.id, b.address, CASE WHEN b.address = %(address)s THEN 'mailbox' ELSE 'sender' END, m.received_at,
                  m.direction, m.size_bytes, m.sha256, m.source, s.sender, s.subject, s.header_message_id, s.state,
                  s.verdict, s.category, m.envelope
           FROM message_state s JOIN messages m ON m.id = s.message_id JOIN mailboxes b ON b.id = s.mailbox_id
           WHERE s.tenant_id = %(tenant)s AND (b.address = %(address)s OR s.sender = %(address)s)
             AND (%(after)s::uuid IS NULL OR s.message_id > %(after)s)
           ORDER BY s.message_id LIMIT %(page)s""",
        {"tenant": tenant_id, "address": address.lower(), "after": after, "page": PAGE},
    ).fetchall()
    records: list[dict[str, Any]] = [{"record": "message", **dict(zip(MESSAGE, row, strict=True))} for row in rows]
    ids = [record["id"] for record in records]
    held = {record["id"]: record for record in records}
    for name, items in (("scores", _scores(connection, ids)), ("labels", _labels(connection, ids)),
                        ("sightings", _sightings(connection, ids))):  # fmt: skip
        for record in records:
            record[name] = []
        for message_id, item in items:
            held[message_id][name].append(item)
    if with_raw:
        for message_id, content in _raw(connection, tenant_id, ids):
            held[message_id]["raw_zstd"] = content
    return records, ids[-1] if len(ids) == PAGE else None


def mailbox(connection: Connection, tenant_id: int, address: str) -> dict[str, Any] | None:
    """The mailbox's own record, or None."""
    row = connection.execute(
        "SELECT address, created_at FROM mailboxes WHERE tenant_id = %s AND address = %s", (tenant_id, address.lower())
    ).fetchone()
    return None if row is None else {"record": "mailbox", "address": row[0], "created_at": row[1]}


def _scores(connection: Connection, ids: list[UUID]) -> Iterator[tuple[UUID, dict[str, Any]]]:
    columns = ("revision", "cause", "verdict", "category", "score", "log_odds", "bundle", "known_at")
    for row in connection.execute(
        """SELECT message_id, revision, cause, verdict, category, score, log_odds, bundle, known_at FROM scores
           WHERE message_id = ANY (%s) ORDER BY message_id, revision""",
        (ids,),
    ).fetchall():
        yield row[0], dict(zip(columns, row[1:], strict=True))  # type: ignore[misc]


def _labels(connection: Connection, ids: list[UUID]) -> Iterator[tuple[UUID, dict[str, Any]]]:
    columns = ("label", "origin", "author", "retracts", "labelled_at")
    for row in connection.execute(
        "SELECT message_id, label, origin, author, retracts, labelled_at FROM labels WHERE message_id = ANY (%s) "
        "ORDER BY id",
        (ids,),
    ).fetchall():
        yield row[0], dict(zip(columns, row[1:], strict=True))  # type: ignore[misc]


def _sightings(connection: Connection, ids: list[UUID]) -> Iterator[tuple[UUID, dict[str, Any]]]:
    for row in connection.execute(
        "SELECT message_id, kind, entity FROM sightings WHERE message_id = ANY (%s) ORDER BY message_id, kind, entity",
        (ids,),
    ).fetchall():
        yield row[0], {"kind": row[1], "entity": bytes(row[2])}  # type: ignore[call-overload,misc]


def _raw(connection: Connection, tenant_id: int, ids: list[UUID]) -> Iterator[tuple[UUID, bytes]]:
    for row in connection.execute(
        """SELECT m.id, r.content FROM messages m
           JOIN raw_mail r ON r.tenant_id = m.tenant_id AND r.month = m.month AND r.sha256 = m.sha256
           WHERE m.id = ANY (%s) AND m.tenant_id = %s""",
        (ids, tenant_id),
    ).fetchall():
        yield row[0], bytes(row[1])  # type: ignore[call-overload,misc]
