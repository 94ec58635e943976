"""Erasing a mailbox, in batches that survive a crash, with a record that proves what was done.

The record keeps no address, only its SHA-256, so that whoever knows the address can find it. Records of a tenant are
chained: each digest covers the one before, so none can be changed or left out later without a trace.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from db import audit
from db.forgetting import forget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from db.session import Connection

BATCH = 500
COLUMNS = ("id", "address_sha256", "requested_by", "requested_at", "counts", "messages_sha256", "finished_at",
           "previous", "digest")  # fmt: skip
_SELECT = """SELECT id, address_sha256, requested_by, requested_at, counts, messages_sha256, finished_at,
                    previous, digest FROM erasures"""


class Open(NamedTuple):
    """An erasure that is not finished, locked by this transaction."""

    id: UUID
    tenant_id: int
    mailbox_id: int
    counts: dict[str, int]
    messages_sha256: bytes


def address_digest(address: str) -> bytes:
    """What a record keeps of an address."""
    return hashlib.sha256(address.lower().encode()).digest()


def request(connection: Connection, tenant_id: int, address: str, *, author: str) -> UUID | None:
    """Id of the erasure of a mailbox, one that is open already included; None where the tenant has no such mailbox."""
    row = connection.execute(
        "SELECT id FROM mailboxes WHERE tenant_id = %s AND address = %s", (tenant_id, address.lower())
    ).fetchone()
    if row is None:
        return None
    made = connection.execute(
        """INSERT INTO erasures (id, tenant_id, mailbox_id, address_sha256, requested_by) VALUES (%s, %s, %s, %s, %s)
           ON CONFLICT (tenant_id, mailbox_id) WHERE finished_at IS NULL DO NOTHING RETURNING id""",
        (uuid7(), tenant_id, row[0], address_digest(address), author),
    ).fetchone()
    if made is None:
        made = connection.execute(
            "SELECT id FROM erasures WHERE tenant_id = %s AND mailbox_id = %s AND finished_at IS NULL",
            (tenant_id, row[0]),
        ).fetchone()
        assert made is not None
    else:
        audit.record(connection, tenant_id, actor=author, action="mailbox.erase", object_=made[0])
    return made[0]  # type: ignore[return-value]


def step(connection: Connection, erasure_id: UUID | None = None) -> UUID | None:
    """Do one batch of one open erasure, of this one where it is named; its id, None when nothing is open."""
    with connection.transaction():
        row = connection.execute(
            """SELECT id, tenant_id, mailbox_id, counts, messages_sha256 FROM erasures
               WHERE finished_at IS NULL AND (%(id)s::uuid IS NULL OR id = %(id)s)
               ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED""",
            {"id": erasure_id},
        ).fetchone()
        if row is None:
            return None
        erasure = Open(*row)  # type: ignore[arg-type]
        ids = _next(connection, erasure)
        if not ids:
            # New mail cannot come in any more from here on: acceptance holds the mailbox's row while it writes.
            connection.execute("SELECT 1 FROM mailboxes WHERE id = %s FOR UPDATE", (erasure.mailbox_id,))
            ids = _next(connection, erasure)
        if ids:
            counts = forget(connection, erasure.tenant_id, ids)
            _note(connection, erasure, ids, counts)
        else:
            _finish(connection, erasure)
        return erasure.id


def _next(connection: Connection, erasure: Open) -> list[UUID]:
    rows = connection.execute(
        "SELECT message_id FROM receipts WHERE tenant_id = %s AND mailbox_id = %s LIMIT %s",
        (erasure.tenant_id, erasure.mailbox_id, BATCH),
    ).fetchall()
    if not rows:  # a message whose receipt is gone: its month's were swept
        rows = connection.execute(
            "SELECT id FROM messages WHERE tenant_id = %s AND mailbox_id = %s LIMIT %s",
            (erasure.tenant_id, erasure.mailbox_id, BATCH),
        ).fetchall()
    return sorted(row[0] for row in rows)  # type: ignore[misc]


def _note(connection: Connection, erasure: Open, ids: Sequence[UUID], counts: Mapping[str, int]) -> None:
    chained = hashlib.sha256(bytes(erasure.messages_sha256) + b"".join(one.bytes for one in ids)).digest()
    total = {name: erasure.counts.get(name, 0) + number for name, number in counts.items()}
    connection.execute(
        "UPDATE erasures SET counts = %s, messages_sha256 = %s WHERE id = %s", (Jsonb(total), chained, erasure.id)
    )


def _finish(connection: Connection, erasure: Open) -> None:
    gone = connection.execute("DELETE FROM mailboxes WHERE id = %s", (erasure.mailbox_id,)).rowcount
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('erasures'), %s)", (erasure.tenant_id,))
    last = connection.execute(
        "SELECT digest FROM erasures WHERE tenant_id = %s AND digest IS NOT NULL ORDER BY finished_at DESC LIMIT 1",
        (erasure.tenant_id,),
    ).fetchone()
    previous = b"" if last is None else bytes(last[0])  # type: ignore[call-overload]
    total = {**erasure.counts, "mailboxes": gone}
    row = connection.execute(
        """UPDATE erasures SET counts = %s, finished_at = clock_timestamp(), previous = %s WHERE id = %s
           RETURNING id, address_sha256, requested_by, requested_at, counts, messages_sha256, finished_at, previous,
                     digest""",
        (Jsonb(total), previous, erasure.id),
    ).fetchone()
    assert row is not None
    digest = record_digest(dict(zip(COLUMNS, row, strict=True)))
    connection.execute("UPDATE erasures SET digest = %s WHERE id = %s", (digest, erasure.id))
    audit.record(
        connection, erasure.tenant_id, actor="erasure", action="mailbox.erased", object_=erasure.id, detail=total
    )


def record_digest(record: Mapping[str, Any]) -> bytes:
    """SHA-256 over a finished record's fields and the digest of the record before it."""
    said = {
        "id": str(record["id"]),
        "address_sha256": bytes(record["address_sha256"]).hex(),
        "requested_by": record["requested_by"],
        "requested_at": _time(record["requested_at"]),
        "counts": record["counts"],
        "messages_sha256": bytes(record["messages_sha256"]).hex(),
        "finished_at": _time(record["finished_at"]),
        "previous": bytes(record["previous"]).hex(),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).digest()


def find(connection: Connection, erasure_id: UUID) -> dict[str, Any] | None:
    """One record, or None."""
    row = connection.execute(f"{_SELECT} WHERE id = %s", (erasure_id,)).fetchone()
    return None if row is None else dict(zip(COLUMNS, row, strict=True))


def listing(connection: Connection, tenant_id: int, *, address: str | None = None) -> list[dict[str, Any]]:
    """Records of a tenant in the order of their chain, those that are open last."""
    wanted = None if address is None else address_digest(address)
    rows = connection.execute(
        f"""{_SELECT} WHERE tenant_id = %(tenant)s AND (%(address)s::bytea IS NULL OR address_sha256 = %(address)s)
            ORDER BY finished_at NULLS LAST, requested_at""",
        {"tenant": tenant_id, "address": wanted},
    ).fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def broken(records: Sequence[Mapping[str, Any]]) -> list[UUID]:
    """Ids of finished records of one tenant whose digest or place in the chain is not what it was."""
    wrong: list[UUID] = []
    previous = b""
    for record in records:
        if record["finished_at"] is None:
            continue
        if bytes(record["previous"]) != previous or record_digest(record) != bytes(record["digest"]):
            wrong.append(record["id"])
        previous = bytes(record["digest"])
    return wrong


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
