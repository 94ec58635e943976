"""Keys: ``slk_<id>_<secret>``. The id finds the key; of the secret only a hash is kept.

A secret has 256 random bits, so a plain SHA-256 is as hard to reverse as it will ever be; a slow password hash would
only cost each request.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from db import api_keys, audit
from scorelane.access.errors import Denied, Rejected

if TYPE_CHECKING:
    from db.api_keys import StoredKey
    from db.session import Connection

ROLES = ("ingest", "analyst", "ops", "admin")
RATES_PER_S = {"ingest": 2000, "analyst": 100, "ops": 100, "admin": 100}
"""Requests a second that a key of each role may make where nothing else was asked."""
GRACE = timedelta(hours=24)
"""How long a rotated secret works beside its successor."""
NAME_CHARS = 80
MOST_PER_S = 100_000

_SHAPE = re.compile(r"slk_([a-z2-7]{12})_([A-Za-z0-9-]{43})")


class Minted(NamedTuple):
    """A new secret: shown once, here."""

    id: str
    key: str


def create(
    connection: Connection,
    tenant_id: int,
    *,
    name: str,
    role: str,
    author: str,
    rate_per_s: int | None = None,
    expires_at: datetime | None = None,
) -> Minted:
    """Make a key of one tenant and role and note who did. Raises Rejected with what would be right."""
    if role not in ROLES:
        raise Rejected(f"role {role!r} is not one of {', '.join(ROLES)}")
    if not 0 < len(name) <= NAME_CHARS or not name.isprintable():
        raise Rejected(f"a key's name has 1 to {NAME_CHARS} printable characters")
    if rate_per_s is not None and not 0 < rate_per_s <= MOST_PER_S:
        raise Rejected(f"a key's rate is 1 to {MOST_PER_S:,} requests a second")
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise Rejected("the time of expiry is in the past")
    key_id = base64.b32encode(secrets.token_bytes(8)).decode().lower()[:12]
    secret = _secret()
    api_keys.add(
        connection,
        tenant_id,
        key_id=key_id,
        name=name,
        role=role,
        secret_sha256=_digest(secret),
        rate_per_s=rate_per_s or RATES_PER_S[role],
        created_by=author,
        expires_at=expires_at,
    )
    audit.record(connection, tenant_id, actor=author, action="key.create", object_=key_id, detail={"role": role})
    return Minted(key_id, f"slk_{key_id}_{secret}")


def rotate(connection: Connection, key_id: str, *, author: str, grace: timedelta = GRACE) -> Minted:
    """Give a key a new secret; the old one works for `grace` longer. Raises Rejected for an unknown or revoked key."""
    secret = _secret()
    tenant_id = api_keys.rotate(connection, key_id, _digest(secret), grace)
    if tenant_id is None:
        raise Rejected(f"there is no usable key {key_id!r}")
    detail = {"grace_s": int(grace.total_seconds())}
    audit.record(connection, tenant_id, actor=author, action="key.rotate", object_=key_id, detail=detail)
    return Minted(key_id, f"slk_{key_id}_{secret}")


def revoke(connection: Connection, key_id: str, *, author: str) -> None:
    """End a key for good. Raises Rejected for an unknown or revoked key."""
    tenant_id = api_keys.revoke(connection, key_id)
    if tenant_id is None:
        raise Rejected(f"there is no usable key {key_id!r}")
    audit.record(connection, tenant_id, actor=author, action="key.revoke", object_=key_id)


def key_id_of(key: str) -> str:
    """The id within a key. Raises Denied where this is no key."""
    shape = _SHAPE.fullmatch(key)
    if shape is None:
        raise Denied("this is not a key; a key begins with slk_")
    return shape.group(1)


def verify(key: str, stored: StoredKey | None, *, now: datetime) -> StoredKey:
    """The key's row where the secret is right and the key may be used now. Raises Denied."""
    shape = _SHAPE.fullmatch(key)
    digest = _digest(shape.group(2) if shape else "")
    good = stored is not None and hmac.compare_digest(digest, bytes(stored.secret_sha256))
    if stored is not None and stored.previous_sha256 is not None and stored.previous_until is not None:
        good |= stored.previous_until > now and hmac.compare_digest(digest, bytes(stored.previous_sha256))
    ended = stored is None or stored.revoked_at is not None or (stored.expires_at or now + GRACE) <= now
    if stored is None or ended or not good:
        raise Denied("this key is unknown, expired or revoked")
    return stored


def _secret() -> str:
    return secrets.token_urlsafe(32).replace("_", "-")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
