"""What attachments hold, per tenant, content, true type and extractor version. Written once, never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from db.session import Connection

Key = tuple[bytes, str]
"""(SHA-256, true type)."""


class Kept(NamedTuple):
    """A result to be kept."""

    status: str
    body: bytes


def load(connection: Connection, tenant_id: int, version: str, keys: Collection[Key]) -> dict[Key, bytes]:
    """Bodies of the results that are there, by key."""
    if not keys:
        return {}
    rows = connection.execute(
        """SELECT e.sha256, e.kind, e.body
           FROM unnest(%b::bytea[], %b::text[]) AS wanted (sha256, kind)
           JOIN extractions e ON e.tenant_id = %b AND e.version = %b
                AND e.sha256 = wanted.sha256 AND e.kind = wanted.kind""",
        ([key[0] for key in keys], [key[1] for key in keys], tenant_id, version),
        binary=True,
    ).fetchall()
    return {(sha256, kind): body for sha256, kind, body in rows}  # type: ignore[misc]


def store(connection: Connection, tenant_id: int, version: str, results: Mapping[Key, Kept]) -> dict[Key, bytes]:
    """Keep results; gives the bodies of others that were kept first meanwhile, which are then the truth.

    Rows go in key order, so that two workers with the same attachments do not lock each other out.
    """
    if not results:
        return {}
    ordered = sorted(results.items())
    kept = connection.execute(
        """INSERT INTO extractions (tenant_id, version, sha256, kind, status, body)
           SELECT %b, %b, new.sha256, new.kind, new.status, new.body
           FROM unnest(%b::bytea[], %b::text[], %b::text[], %b::bytea[]) AS new (sha256, kind, status, body)
           ON CONFLICT DO NOTHING RETURNING sha256, kind""",
        (
            tenant_id,
            version,
            [key[0] for key, _ in ordered],
            [key[1] for key, _ in ordered],
            [result.status for _, result in ordered],
            [result.body for _, result in ordered],
        ),
        binary=True,
    ).fetchall()
    return load(connection, tenant_id, version, results.keys() - set(kept))


def erase(connection: Connection, tenant_id: int, hashes: Sequence[bytes]) -> int:
    """Forget all that is kept of a tenant's attachments, as when their messages are erased; how many rows went."""
    return connection.execute(
        "DELETE FROM extractions WHERE tenant_id = %s AND sha256 = ANY (%s)", (tenant_id, list(hashes))
    ).rowcount


def expire(connection: Connection, before: datetime, *, most: int = 10_000) -> int:
    """Forget results made before a time, at most so many; how many rows went.

    A vector that consumed one of them can then no longer be computed again, as with raw mail past its retention.
    """
    return connection.execute(
        """DELETE FROM extractions e USING
               (SELECT ctid FROM extractions WHERE made_at < %s ORDER BY made_at LIMIT %s) old
           WHERE e.ctid = old.ctid""",
        (before, most),
    ).rowcount
