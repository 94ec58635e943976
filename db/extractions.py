"""What attachments hold, per tenant, content, true type and extractor version. Written once, never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from uuid import UUID

    from db.session import Connection

ATTACHMENT = 5
"""Kind of a sighting whose entity is the first 16 bytes of an attachment's SHA-256."""
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


def expire(connection: Connection, tenant_id: int, before: datetime, newer_than: UUID, *, most: int = 10_000) -> int:
    """Forget a tenant's results made before a time that no message needs any more, at most so many; how many went.

    A message with an id from `newer_than` on needs those of its attachments. A vector that consumed one that is gone
    cannot be computed again, as without its raw mail.
    """
    return connection.execute(
        """DELETE FROM extractions e USING (
               SELECT o.ctid FROM extractions o
               WHERE o.tenant_id = %s AND o.made_at < %s
                 AND NOT EXISTS (SELECT FROM sightings s WHERE s.tenant_id = o.tenant_id AND s.kind = %s
                                   AND s.entity = substring(o.sha256 FROM 1 FOR 16) AND s.message_id >= %s)
               ORDER BY o.made_at LIMIT %s) old
           WHERE e.ctid = old.ctid""",
        (tenant_id, before, ATTACHMENT, newer_than, most),
    ).rowcount
