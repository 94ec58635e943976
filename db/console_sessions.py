"""Logins that are open: kept on the server by the hash of their token, with an end and an idle limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from db.session import Connection


class Session(NamedTuple):
    """An open login."""

    user_id: int
    user: str
    tenant_id: int | None
    csrf_token: str
    created_at: datetime


def open_(
    connection: Connection, token_hash: bytes, *, user_id: int, tenant_id: int | None, csrf_token: str, lasts_s: int
) -> None:
    """Remember a login; what has ended is cleared away on the way."""
    connection.execute("DELETE FROM console_sessions WHERE expires_at < now()")
    connection.execute(
        "INSERT INTO console_sessions (token_hash, user_id, tenant_id, csrf_token, expires_at) "
        "VALUES (%s, %s, %s, %s, now() + make_interval(secs => %s))",
        (token_hash, user_id, tenant_id, csrf_token, lasts_s),
    )


def find(connection: Connection, token_hash: bytes, *, idle_s: int) -> Session | None:
    """The open session of a token, or None when it ended, was idle too long or its user is disabled."""
    row = connection.execute(
        """SELECT s.user_id, u.name, s.tenant_id, s.csrf_token, s.created_at
           FROM console_sessions s JOIN users u ON u.id = s.user_id
           WHERE s.token_hash = %s AND s.expires_at > now() AND u.disabled_at IS NULL
             AND s.seen_at > now() - make_interval(secs => %s)""",
        (token_hash, idle_s),
    ).fetchone()
    return None if row is None else Session(*row)  # type: ignore[arg-type]


def touch(connection: Connection, token_hash: bytes, *, after_s: int) -> None:
    """Note that a session was used, at most once in `after_s`."""
    connection.execute(
        "UPDATE console_sessions SET seen_at = now() "
        "WHERE token_hash = %s AND seen_at < now() - make_interval(secs => %s)",
        (token_hash, after_s),
    )


def choose_tenant(connection: Connection, token_hash: bytes, tenant_id: int) -> None:
    """Make a tenant the one that a session looks at."""
    connection.execute("UPDATE console_sessions SET tenant_id = %s WHERE token_hash = %s", (tenant_id, token_hash))


def close(connection: Connection, token_hash: bytes) -> None:
    """End a session."""
    connection.execute("DELETE FROM console_sessions WHERE token_hash = %s", (token_hash,))


def close_others(connection: Connection, user_id: int, keep: bytes) -> int:
    """End all sessions of a user but one; how many there were."""
    return connection.execute(
        "DELETE FROM console_sessions WHERE user_id = %s AND token_hash <> %s", (user_id, keep)
    ).rowcount
