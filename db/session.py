"""Connections. Every session has time limits, so that a lost server is noticed and nothing waits for ever."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

Connection = psycopg.Connection[tuple[object, ...]]

# Plans cached while tables were empty cost dearly once they are full; just-in-time compilation and parallel
# processes cost more than the short statements here, and the latter would not share their session's niceness.
WORKER_SETTINGS: Mapping[str, str] = {
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
}


def connect(url: str, *, application: str, autocommit: bool = True) -> Connection:
    """An open connection that commits each statement unless a `transaction()` block is open.

    Raises psycopg.OperationalError when the server cannot be reached within 5 s.
    """
    options = " ".join(f"-c {name}={value}" for name, value in WORKER_SETTINGS.items())
    return psycopg.connect(
        url,
        autocommit=autocommit,
        application_name=application,
        connect_timeout=5,
        options=options,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=30_000,
    )


def limit_statements(connection: Connection, seconds: float) -> None:
    """Let each statement of this session take so long, in place of the workers' limit."""
    connection.execute("SELECT set_config('statement_timeout', %s, false)", (f"{seconds:.0f}s",))


def share_niceness(connection: Connection) -> None:
    """Have this session's server process yield the processor as much as this process does, where it runs here, too.

    Else the server's share of bulk work, half of it, would compete with urgent work as an equal. Only over a unix
    socket, and only a process that is PostgreSQL's by its name; elsewhere nothing happens.
    """
    import psutil  # noqa: PLC0415 - keeps the enqueuer's import light

    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    if niceness <= 0 or not connection.info.host.startswith("/"):
        return
    with contextlib.suppress(psutil.Error, OSError, IndexError):
        if psutil.Process(connection.info.backend_pid).cmdline()[0].startswith("postgres: "):
            os.setpriority(os.PRIO_PROCESS, connection.info.backend_pid, niceness)


def engine(url: str) -> Engine:
    """A SQLAlchemy engine for reads that are composed of optional filters."""
    from sqlalchemy import create_engine  # noqa: PLC0415 - keeps the enqueuer's import light
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    target = make_url(url).set(drivername="postgresql+psycopg")
    return create_engine(target, poolclass=NullPool)


def answers(target: Engine) -> None:
    """Return when the server answers; raises what SQLAlchemy raises when it does not."""
    with target.connect() as connection:
        connection.exec_driver_sql("SELECT 1")


def pooled_engine(url: str, *, application: str, connections: int, statement_timeout_s: int = 20) -> Engine:
    """A SQLAlchemy engine that keeps connections, each checked before it is lent; for servers of many short reads."""
    from sqlalchemy import create_engine  # noqa: PLC0415 - keeps the enqueuer's import light
    from sqlalchemy.engine import make_url  # noqa: PLC0415

    settings = {**WORKER_SETTINGS, "statement_timeout": f"{statement_timeout_s}s"}
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args={
            "application_name": application,
            "connect_timeout": 5,
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        },
    )
