"""Rows written together: by COPY where they are many, in a pipeline of statements where they are few."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from psycopg import sql
from psycopg.pq import PipelineStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from db.session import Connection

FEW = 64
"""Most messages of a chunk that is saved in one pipeline: every realtime chunk."""


def exchange(connection: Connection, messages: int) -> AbstractContextManager[object]:
    """What the save of so many messages stands in: a pipeline where they are few.

    A small chunk's time is its exchanges with the server, on a busy machine above all, and in a pipeline hardly a
    statement is waited for. A large one's is its rows, and COPY, which writes these fastest, cannot be in a pipeline.
    """
    return connection.pipeline() if messages <= FEW else nullcontext()


def insert(connection: Connection, table: str, columns: str, types: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Write rows whose values stand in the order of the columns: by COPY, or within a pipeline by one INSERT."""
    if not rows:
        return
    into = sql.SQL("{} ({})").format(
        sql.Identifier(table), sql.SQL(", ").join(sql.Identifier(name) for name in columns.split())
    )
    if connection.info.pipeline_status == PipelineStatus.OFF:
        with (
            connection.cursor() as cursor,
            cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(into)) as copy,
        ):
            copy.set_types(types.split())
            for row in rows:
                copy.write_row(row)
        return
    arrays = sql.SQL(", ").join(sql.SQL("%b::{}[]").format(sql.Identifier(name)) for name in types.split())
    connection.execute(
        sql.SQL("INSERT INTO {} SELECT * FROM unnest({})").format(into, arrays),
        [list(column) for column in zip(*rows, strict=True)],
    )
