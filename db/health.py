"""What tells a sound system from an ailing one, in single facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from db.session import Connection


class LastScore(NamedTuple):
    """The newest message's newest score."""

    bundle: str
    pointer: int
    known_at: datetime


def server(connection: Connection) -> tuple[int, str]:
    """(version number such as 180004, role) of the database."""
    row = connection.execute("SELECT current_setting('server_version_num')::integer, current_user").fetchone()
    assert row is not None
    return int(str(row[0])), str(row[1])


def schema(connection: Connection) -> str | None:
    """The migration that the database stands at; None before the first."""
    found = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
    if found != (True,):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def dispatcher(connection: Connection) -> str | None:
    """Holder of the dispatcher's lease; None where nobody leads."""
    row = connection.execute("SELECT holder FROM dispatcher_lease WHERE lease_until > now()").fetchone()
    return None if row is None else str(row[0])


def last_score(connection: Connection) -> LastScore | None:
    """Of the newest message that was scored first, by id; None before any."""
    row = connection.execute(
        """SELECT bundle, basis_pointer, known_at FROM scores
           ORDER BY message_id DESC, revision DESC LIMIT 1"""
    ).fetchone()
    return None if row is None else LastScore(*row)  # type: ignore[arg-type]
