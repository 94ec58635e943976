"""Time partitions: made ahead, dropped when nobody's retention needs them, and rows that fell into none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from datetime import date

    from db.session import Connection

PARENTS = ("messages", "message_state", "scores", "vectors", "sightings", "raw_mail", "shadow_scores")


def ensure(connection: Connection) -> int:
    """Make this month's and the next three months' partitions; how many were missing."""
    row = connection.execute(
        "SELECT ensure_partitions(date_trunc('month', now() AT TIME ZONE 'UTC')::date, 4)"
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def months_ahead(connection: Connection) -> int:
    """Months after this one that every table has a partition for."""
    row = connection.execute(
        """SELECT coalesce(min(ahead), 0) FROM (
               SELECT count(*) FILTER (WHERE right(c.relname, 6) > to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')) AS ahead
               FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = ANY (%s::text[]::regclass[]) AND c.relname ~ '_p[0-9]{6}$'
               GROUP BY i.inhparent) every""",
        (list(PARENTS),),
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def drop_expired(connection: Connection) -> list[str]:
    """Drop the partitions of months that are past the longest retention of any tenant; their names."""
    row = connection.execute(
        """SELECT drop_partitions(
               (now() AT TIME ZONE 'UTC' - make_interval(days => coalesce(max(score_days), 400)))::date,
               (now() AT TIME ZONE 'UTC' - make_interval(days => coalesce(max(raw_days), 30)))::date) FROM tenants"""
    ).fetchone()
    assert row is not None
    return [str(name) for name in row[0]]  # type: ignore[attr-defined]


def forget_dropped(connection: Connection, most: int = 20_000) -> int:
    """Delete receipts and explanations of messages that stood in dropped partitions; how many, at most `most` each."""
    floor = connection.execute(
        """SELECT min(to_date(right(c.relname, 6), 'YYYYMM')) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
           WHERE i.inhparent = 'messages'::regclass AND c.relname ~ '_p[0-9]{6}$'"""
    ).fetchone()
    oldest: date | None = None if floor is None else floor[0]  # type: ignore[assignment]
    if oldest is None:
        return 0
    receipts = connection.execute(
        """DELETE FROM receipts WHERE (tenant_id, mailbox_id, sha256) IN (
               SELECT tenant_id, mailbox_id, sha256 FROM receipts
               WHERE message_id < uuid_floor(%s::date::timestamp AT TIME ZONE 'UTC')
                 AND NOT EXISTS (SELECT FROM messages_default m WHERE m.id = receipts.message_id) LIMIT %s)""",
        (oldest, most),
    )
    explanations = connection.execute(
        """DELETE FROM explanations WHERE (message_id, revision) IN (
               SELECT message_id, revision FROM explanations
               WHERE message_id < uuid_floor(%s::date::timestamp AT TIME ZONE 'UTC') LIMIT %s)""",
        (oldest, most),
    )
    return receipts.rowcount + explanations.rowcount


def strays(connection: Connection) -> dict[str, int]:
    """Rows in default partitions by table, counted up to 1,000: they belong to a month without a partition."""
    found: dict[str, int] = {}
    for parent in PARENTS:
        table = sql.Identifier(f"{parent}_default")
        row = connection.execute(
            sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT 1000) stray").format(table)
        ).fetchone()
        assert row is not None
        if row[0]:
            found[parent] = int(str(row[0]))
    return found


def sweep_chunks(connection: Connection, keep_days: int, most: int = 5_000) -> int:
    """Delete chunks that ended more than `keep_days` ago, and ended jobs without a key that have none left."""
    cursor = connection.execute(
        """DELETE FROM chunks WHERE id IN (
               SELECT id FROM chunks WHERE state IN ('done', 'cancelled')
                 AND finished_at < clock_timestamp() - make_interval(days => %s)
               ORDER BY finished_at LIMIT %s FOR UPDATE SKIP LOCKED)""",
        (keep_days, most),
    )
    connection.execute(
        """DELETE FROM jobs WHERE id IN (
               SELECT j.id FROM jobs j
               WHERE j.idempotency_key IS NULL AND j.state = 'done' AND j.kind = 'intake' AND j.dead = 0
                 AND j.finished_at < now() - make_interval(days => %s)
                 AND NOT EXISTS (SELECT FROM chunks c WHERE c.job_id = j.id)
               ORDER BY j.id LIMIT %s FOR UPDATE SKIP LOCKED)""",
        (keep_days, most),
    )
    return cursor.rowcount
