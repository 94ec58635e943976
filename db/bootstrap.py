"""What only a superuser may do, once a server: the three roles and the database. deploy/roles.sql says the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.session import Connection

RIGHTS = {"owner": "LOGIN", "worker": "LOGIN BYPASSRLS", "api": "LOGIN"}
"""The owner migrates; the worker passes row-level security (COPY FROM fails under it); the API is held by it."""


def ensure_roles(admin: Connection, passwords: Mapping[str, str]) -> None:
    """Make the roles and the database `scorelane` where they are missing, and set the roles' passwords."""
    for role, rights in RIGHTS.items():
        name = f"scorelane_{role}"
        if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
            admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        admin.execute(
            sql.SQL("ALTER ROLE {} {} PASSWORD {}").format(
                sql.Identifier(name), sql.SQL(rights), sql.Literal(passwords[role])
            )
        )
    if admin.execute("SELECT 1 FROM pg_database WHERE datname = 'scorelane'").fetchone() is None:
        admin.execute("CREATE DATABASE scorelane OWNER scorelane_owner")
