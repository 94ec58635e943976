"""Tenants and their mailboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from db.session import Connection


def ensure(connection: Connection, name: str) -> tuple[int, bool]:
    """Id of a tenant, and whether it was created by this call.

    Raises psycopg.errors.CheckViolation when the name is not 1 to 63 of ``a-z 0-9 . _ -``.
    """
    found = find(connection, name)
    if found is not None:
        return found, False
    row = connection.execute(
        "INSERT INTO tenants (name) VALUES (%s) ON CONFLICT (name) DO NOTHING RETURNING id", (name,)
    ).fetchone()
    if row is None:
        again = find(connection, name)
        assert again is not None
        return again, False
    return int(str(row[0])), True


def find(connection: Connection, name: str) -> int | None:
    """Id of a tenant by name, or None."""
    row = connection.execute("SELECT id FROM tenants WHERE name = %s", (name,)).fetchone()
    return None if row is None else int(str(row[0]))


def listing(connection: Connection) -> list[tuple[str, datetime, int, int]]:
    """(name, created_at, mailboxes, messages) of every tenant by name."""
    return connection.execute(
        """SELECT t.name, t.created_at,
                  (SELECT count(*) FROM mailboxes m WHERE m.tenant_id = t.id),
                  (SELECT count(*) FROM message_state s WHERE s.tenant_id = t.id)
           FROM tenants t ORDER BY t.name"""
    ).fetchall()  # type: ignore[return-value]


def ensure_mailbox(connection: Connection, tenant_id: int, address: str) -> int:
    """Id of a mailbox, created when it is new. Addresses are compared in lower case."""
    found = mailbox(connection, tenant_id, address)
    if found is not None:
        return found
    row = connection.execute(
        "INSERT INTO mailboxes (tenant_id, address) VALUES (%s, %s) "
        "ON CONFLICT (tenant_id, address) DO UPDATE SET address = excluded.address RETURNING id",
        (tenant_id, address.lower()),
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def mailbox(connection: Connection, tenant_id: int, address: str) -> int | None:
    """Id of a mailbox, or None where the tenant has none of this address."""
    query = "SELECT id FROM mailboxes WHERE tenant_id = %s AND address = %s"
    row = connection.execute(query, (tenant_id, address.lower())).fetchone()
    return None if row is None else int(str(row[0]))


def mailboxes(connection: Connection, tenant_id: int) -> list[tuple[str, int]]:
    """(address, messages) of a tenant's mailboxes."""
    return connection.execute(
        """SELECT b.address, count(s.message_id) FROM mailboxes b
           LEFT JOIN message_state s ON s.tenant_id = b.tenant_id AND s.mailbox_id = b.id
           WHERE b.tenant_id = %s GROUP BY b.address ORDER BY 2 DESC, 1""",
        (tenant_id,),
    ).fetchall()  # type: ignore[return-value]


def sample(connection: Connection, tenant_id: int, most: int) -> list[bytes]:
    """Raw mail (zstd) of a tenant's newest inbound messages."""
    rows = connection.execute(
        """SELECT r.content FROM (SELECT tenant_id, month, sha256 FROM messages
                                  WHERE tenant_id = %s AND direction = 'inbound' ORDER BY id DESC LIMIT %s) m
           JOIN raw_mail r ON r.tenant_id = m.tenant_id AND r.month = m.month AND r.sha256 = m.sha256""",
        (tenant_id, most),
    ).fetchall()
    return [bytes(row[0]) for row in rows]  # type: ignore[call-overload]


def mailbox_ids(connection: Connection, tenant_id: int | None, addresses: Sequence[str]) -> list[tuple[int, str]]:
    """(id, address) of those of the addresses that are mailboxes of the tenant, or of any where none is named."""
    return connection.execute(
        "SELECT id, address FROM mailboxes "
        "WHERE (%(tenant)s::integer IS NULL OR tenant_id = %(tenant)s) AND address = ANY (%(addresses)s)",
        {"tenant": tenant_id, "addresses": list(addresses)},
    ).fetchall()  # type: ignore[return-value]
