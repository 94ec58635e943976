"""People who log in: their password's hash and their role in each tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from db.session import Connection

ROLES = ("analyst", "ops", "admin")


class Login(NamedTuple):
    """What a login needs to know of a user."""

    id: int
    name: str
    password_hash: str
    disabled: bool


class Listed(NamedTuple):
    """One user as listed; `roles` are "tenant:role", a tenant of "*" standing for every one.

    `locked_until` is when the last of the locks at any address ends.
    """

    name: str
    roles: list[str]
    created_at: datetime
    last_login_at: datetime | None
    disabled_at: datetime | None
    locked_until: datetime | None


def create(connection: Connection, name: str, password_hash: str) -> int | None:
    """Id of a new user, or None when the name is taken.

    Raises psycopg.errors.CheckViolation when the name is not 1 to 100 of ``a-z 0-9 . _ @ + -``.
    """
    row = connection.execute(
        "INSERT INTO users (name, password_hash) VALUES (%s, %s) ON CONFLICT (name) DO NOTHING RETURNING id",
        (name, password_hash),
    ).fetchone()
    return None if row is None else int(str(row[0]))


def grant(connection: Connection, user_id: int, tenant_id: int | None, role: str) -> None:
    """Give a user one role in a tenant (None: in every tenant), in place of the one it had there."""
    connection.execute(
        "INSERT INTO user_roles (user_id, tenant_id, role) VALUES (%s, %s, %s) "
        "ON CONFLICT (user_id, tenant_id) DO UPDATE SET role = excluded.role",
        (user_id, tenant_id, role),
    )


def for_login(connection: Connection, name: str) -> Login | None:
    """A user by name, or None."""
    row = connection.execute(
        "SELECT id, name, password_hash, disabled_at IS NOT NULL FROM users WHERE name = %s", (name,)
    ).fetchone()
    return None if row is None else Login(*row)  # type: ignore[arg-type]


def record_login(connection: Connection, user_id: int) -> None:
    """Note when a user logged in last."""
    connection.execute("UPDATE users SET last_login_at = now() WHERE id = %s", (user_id,))


def set_password(connection: Connection, user_id: int, password_hash: str) -> None:
    """Replace a password; the user's sessions and locks are the caller's matter."""
    connection.execute("UPDATE users SET password_hash = %s WHERE id = %s", (password_hash, user_id))


def set_disabled(connection: Connection, name: str, *, disabled: bool) -> bool:
    """Disable a user and end all sessions, or enable again; False for an unknown name."""
    row = connection.execute(
        "UPDATE users SET disabled_at = CASE WHEN %s THEN coalesce(disabled_at, now()) END "
        "WHERE name = %s RETURNING id",
        (disabled, name),
    ).fetchone()
    if row is not None and disabled:
        end_sessions(connection, int(str(row[0])))
    return row is not None


def end_sessions(connection: Connection, user_id: int) -> None:
    """Log a user out everywhere."""
    connection.execute("DELETE FROM console_sessions WHERE user_id = %s", (user_id,))


def listing(connection: Connection) -> list[Listed]:
    """Every user by name, with roles."""
    rows = connection.execute(
        """SELECT u.name,
                  coalesce(array_agg(coalesce(t.name, '*') || ':' || r.role ORDER BY t.name NULLS FIRST)
                           FILTER (WHERE r.role IS NOT NULL), '{}'),
                  u.created_at, u.last_login_at, u.disabled_at,
                  (SELECT max(a.locked_until) FROM login_attempts a
                   WHERE a.name_hash = sha256(convert_to(u.name, 'UTF8')) AND a.locked_until > now())
           FROM users u LEFT JOIN user_roles r ON r.user_id = u.id LEFT JOIN tenants t ON t.id = r.tenant_id
           GROUP BY u.id ORDER BY u.name"""
    ).fetchall()
    return [Listed(*row) for row in rows]  # type: ignore[arg-type]


def any_exist(connection: Connection) -> bool:
    """Whether anybody could log in."""
    return connection.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None


def tenants_of(connection: Connection, user_id: int) -> list[tuple[int, str, str]]:
    """(tenant id, name, role) of every tenant that a user may see, by name; at most 1,000."""
    return connection.execute(
        """SELECT t.id, t.name,
                  (SELECT r.role FROM user_roles r
                   WHERE r.user_id = %(user)s AND (r.tenant_id = t.id OR r.tenant_id IS NULL)
                   ORDER BY r.tenant_id NULLS LAST LIMIT 1)
           FROM tenants t
           WHERE EXISTS (SELECT FROM user_roles r
                         WHERE r.user_id = %(user)s AND (r.tenant_id = t.id OR r.tenant_id IS NULL))
           ORDER BY t.name LIMIT 1000""",
        {"user": user_id},
    ).fetchall()  # type: ignore[return-value]
