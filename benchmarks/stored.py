"""Many stored messages for little: copies in SQL of some that went through the lanes, sharing their raw mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from db.session import Connection

SIGHTED = 20
"""Of so many copies one has sightings, so that an entity's history is long but no message's is all the mail."""
STEP = 20_000


def multiply(sql: Connection, tenant_id: int, wanted: int) -> int:
    """Copy a tenant's scored messages until there are at least `wanted`; how many there are.

    A copy has its own rows of messages, message_state, scores and vectors, as a rescan reads them, and was received
    at its own second of the last month.
    """
    row = sql.execute("SELECT count(*) FROM message_state WHERE tenant_id = %s AND state = 'scored'", (tenant_id,))
    have = int(str(row.fetchone()[0]))  # type: ignore[index]
    copies = -(-wanted // have) - 1
    for first in range(1, copies + 1, max(1, STEP // have)):
        last = min(copies, first + max(1, STEP // have) - 1)
        with sql.transaction():
            sql.execute(
                """CREATE TEMPORARY TABLE copies ON COMMIT DROP AS
                   SELECT m.id AS of, (left(m.id::text, 15) || substr(gen_random_uuid()::text, 16))::uuid AS id, n,
                          now() - random() * interval '30 days' AS received_at
                   FROM messages m JOIN message_state s ON s.message_id = m.id AND s.state = 'scored',
                        generate_series(%s::integer, %s::integer) AS n
                   WHERE m.tenant_id = %s AND m.source IS DISTINCT FROM 'copy'""",
                (first, last, tenant_id),
            )
            sql.execute("ANALYZE copies")
            for table, key, own in (
                ("messages", "id", {"received_at": "c.received_at", "source": "'copy'"}),
                ("message_state", "message_id", {}),
                ("scores", "message_id", {}),
                ("vectors", "message_id", {}),
                ("sightings", "message_id", {"received_at": "c.received_at"}),
            ):
                columns = _columns(sql, table)
                values = [own.get(name, "c.id" if name == key else f"t.{name}") for name in columns]
                some = f"WHERE c.n % {SIGHTED} = 0" if table == "sightings" else ""
                sql.execute(
                    f"INSERT INTO {table} ({', '.join(columns)}) "  # type: ignore[arg-type]
                    f"SELECT {', '.join(values)} FROM copies c JOIN {table} t ON t.{key} = c.of {some}"
                )
    sql.execute("ANALYZE")
    return have * (copies + 1)


def _columns(sql: Connection, table: str) -> list[str]:
    rows = sql.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped", (table,)
    ).fetchall()
    return [str(row[0]) for row in rows]
