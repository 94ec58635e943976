"""Keys of the API: an id in the clear, a secret as its SHA-256, a tenant and a role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from db.session import Connection

LISTED = ("id", "tenant", "name", "role", "rate_per_s", "created_by", "created_at", "expires_at", "revoked_at",
          "last_used_at")  # fmt: skip


class StoredKey(NamedTuple):
    """What a key's id leads to. A secret replaced by rotation stays good until `previous_until`."""

    id: str
    tenant_id: int
    tenant: str
    name: str
    role: str
    secret_sha256: bytes
    previous_sha256: bytes | None
    previous_until: datetime | None
    rate_per_s: int
    expires_at: datetime | None
    revoked_at: datetime | None


def find(connection: Connection, key_id: str) -> StoredKey | None:
    """The key of this id whatever its tenant, noting that it was used; None when there is none."""
    row = connection.execute("SELECT * FROM find_api_key(%s)", (key_id,)).fetchone()
    return None if row is None else StoredKey(*row)  # type: ignore[arg-type]


def add(
    connection: Connection,
    tenant_id: int,
    *,
    key_id: str,
    name: str,
    role: str,
    secret_sha256: bytes,
    rate_per_s: int,
    created_by: str,
    expires_at: datetime | None,
) -> None:
    """Store a new key."""
    connection.execute(
        """INSERT INTO api_keys (id, tenant_id, name, role, secret_sha256, rate_per_s, created_by, expires_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (key_id, tenant_id, name, role, secret_sha256, rate_per_s, created_by, expires_at),
    )


def rotate(connection: Connection, key_id: str, secret_sha256: bytes, grace: timedelta) -> int | None:
    """Replace a key's secret; the old one works until `grace` has passed. The tenant's id, None for no usable key."""
    row = connection.execute(
        """UPDATE api_keys SET previous_sha256 = secret_sha256, previous_until = now() + %s, secret_sha256 = %s
           WHERE id = %s AND revoked_at IS NULL RETURNING tenant_id""",
        (grace, secret_sha256, key_id),
    ).fetchone()
    return None if row is None else int(str(row[0]))


def revoke(connection: Connection, key_id: str) -> int | None:
    """End a key for good; the tenant's id, None when there is no such key or it is revoked already."""
    row = connection.execute(
        "UPDATE api_keys SET revoked_at = now() WHERE id = %s AND revoked_at IS NULL RETURNING tenant_id", (key_id,)
    ).fetchone()
    return None if row is None else int(str(row[0]))


def listing(connection: Connection, *, tenant: str | None = None) -> list[dict[str, Any]]:
    """Every key that this connection may see, oldest first, without secrets."""
    rows = connection.execute(
        """SELECT k.id, t.name, k.name, k.role, k.rate_per_s, k.created_by, k.created_at, k.expires_at, k.revoked_at,
                  k.last_used_at
           FROM api_keys k JOIN tenants t ON t.id = k.tenant_id
           WHERE %(tenant)s::text IS NULL OR t.name = %(tenant)s ORDER BY k.created_at, k.id""",
        {"tenant": tenant},
    ).fetchall()
    return [dict(zip(LISTED, row, strict=True)) for row in rows]
