"""One short transaction that sees one tenant's rows and no others, whatever a query forgets to say."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection as SqlConnection
    from sqlalchemy import Engine

    from db.session import Connection


class Scope(NamedTuple):
    """One transaction, as SQLAlchemy and as psycopg see it."""

    sql: SqlConnection
    raw: Connection


def look_at(connection: Connection, tenant_id: int) -> None:
    """Let the rest of a transaction see another tenant; whoever calls has made sure that the user may."""
    connection.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant_id),))


@contextlib.contextmanager
def scope(
    engine: Engine, tenant_id: int | None, *, user_id: int | None = None, read_only: bool = False
) -> Iterator[Scope]:
    """A transaction under row-level security; committed at the end, rolled back by an exception.

    The engine's role must be one that row-level security holds (scorelane_api). Without a tenant no tenant's row is
    seen; a user sees the roles that he has and the names of the tenants that they are for.
    """
    with engine.begin() as sql:
        raw: Connection = sql.connection.driver_connection  # type: ignore[assignment]
        if read_only:
            raw.execute("SET TRANSACTION READ ONLY")
        raw.execute(
            "SELECT set_config('app.tenant', %s, true), set_config('app.user', %s, true)",
            tuple("" if number is None else str(number) for number in (tenant_id, user_id)),
        )
        yield Scope(sql, raw)
