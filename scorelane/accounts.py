"""People who log in: passwords hashed with argon2id, users made with a role, the first administrator.

Call `create`, `set_password`, `verify` and `ensure_first_admin`; the rows stand in `db.users`.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import TYPE_CHECKING

import psycopg
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from db import logins, users

if TYPE_CHECKING:
    from db.session import Connection

LEAST_CHARS, MOST_CHARS = 12, 200
FIRST_ADMIN = "admin"

_hasher = PasswordHasher()  # argon2id with the parameters of RFC 9106, section 4, second choice


class AccountError(Exception):
    """What was asked cannot be done; its text is one line that names the field."""


def make_password() -> str:
    """A password of 144 random bits."""
    return secrets.token_urlsafe(18)


def hash_password(password: str) -> str:
    """The text to store. Raises AccountError for one that is too short or too long."""
    if not LEAST_CHARS <= len(password) <= MOST_CHARS:
        raise AccountError(f"password: must have {LEAST_CHARS} to {MOST_CHARS} characters, not {len(password)}")
    return _hasher.hash(password)


def verify(password_hash: str | None, password: str) -> bool:
    """Whether a password is the hashed one. An unknown user (None) takes as long as a known one, and is never right."""
    nobody = _nobody()  # the first of a process makes it, and waits for it whoever is asked for
    try:
        return _hasher.verify(password_hash or nobody, password[:MOST_CHARS]) and password_hash is not None
    except (Argon2Error, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _nobody() -> str:
    return _hasher.hash(make_password())


def create(connection: Connection, name: str, password: str, *, tenant_id: int | None, role: str) -> int:
    """Id of a new user with one role in a tenant, or in every tenant where `tenant_id` is None."""
    if role not in users.ROLES:
        raise AccountError(f"role: {role!r} is not one of {', '.join(users.ROLES)}")
    hashed = hash_password(password)
    try:
        with connection.transaction():
            user_id = users.create(connection, name.lower(), hashed)
            if user_id is None:
                raise AccountError(f"name: {name.lower()!r} is taken")
            users.grant(connection, user_id, tenant_id, role)
    except psycopg.errors.CheckViolation:
        raise AccountError(
            f"name: {name!r} must be 1 to 100 of a-z 0-9 . _ @ + - and begin with one of a-z 0-9"
        ) from None
    return user_id


def set_password(connection: Connection, name: str, password: str) -> None:
    """Replace a user's password; it ends the user's sessions and locks."""
    found = users.for_login(connection, name.lower())
    if found is None:
        raise AccountError(f"name: there is no user {name!r}")
    with connection.transaction():
        users.set_password(connection, found.id, hash_password(password))
        users.end_sessions(connection, found.id)
        logins.forget(connection, name.lower())


def ensure_first_admin(connection: Connection, password: str) -> bool:
    """Make an administrator of every tenant where nobody can log in yet; whether this password is the one in force."""
    if not users.any_exist(connection):
        create(connection, FIRST_ADMIN, password, tenant_id=None, role="admin")
        return True
    found = users.for_login(connection, FIRST_ADMIN)
    return found is not None and not found.disabled and verify(found.password_hash, password)
