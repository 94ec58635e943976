"""The whole system on one machine: embedded servers, migrations, the shipped bundle, processes."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, NamedTuple

from db import bundles, migrate
from db.session import connect
from scorelane import accounts
from scorelane.scoring import Bundle, default_bundle_path
from worker.processes import Group, Processes, lane_groups
from worker.stack import EmbeddedStack
from worker.valkey import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


class System(NamedTuple):
    """A running system."""

    stack: EmbeddedStack
    processes: Processes
    flower_url: str | None
    flower_password: str
    console_url: str | None = None
    console_password: str | None = None
    """Of the user `admin`, while it is still the one that was generated."""
    api_url: str | None = None


@contextlib.contextmanager
def run_system(
    home: Path,
    *,
    groups: Sequence[Group] | None = None,
    flower_port: int | None = None,
    flower: bool = True,
    console_port: int | None = None,
    console: bool = True,
    api_port: int | None = None,
    api: bool = True,
    bundle: Path | None = None,
) -> Iterator[System]:
    """Everything while the context is open; nothing is left running after it."""
    with EmbeddedStack(home) as stack:
        migrate.upgrade(stack.owner_url)
        ensure_bundle(stack.worker_url, bundle)
        with Processes(stack.home, environment(stack)) as processes:
            processes.add_dispatcher()
            for group in lane_groups() if groups is None else groups:
                processes.add_group(group)
            port = flower_port or free_port()
            if flower:
                processes.add_flower(port, stack.passwords["flower"])
            password = None
            door = console_port or free_port()
            if console:
                password = ensure_first_admin(stack)
                processes.add_console(door, stack.api_url)
            desk = api_port or free_port()
            if api:
                processes.add_api(desk)
            processes.start()
            yield System(
                stack,
                processes,
                f"http://127.0.0.1:{port}" if flower else None,
                stack.passwords["flower"],
                f"http://127.0.0.1:{door}" if console else None,
                password,
                f"http://127.0.0.1:{desk}" if api else None,
            )


def environment(stack: EmbeddedStack) -> dict[str, str]:
    """Settings that tell a process of the system where its servers are."""
    return {
        "SCORELANE_HOME": str(stack.home),
        "SCORELANE_DATABASE_URL": stack.worker_url,
        "SCORELANE_BROKER_URL": stack.broker_url,
    }


def ensure_first_admin(stack: EmbeddedStack) -> str | None:
    """Password of the console's first administrator, made when nobody can log in; None once it was changed."""
    password = stack.passwords["console"]
    with connect(stack.worker_url, application="scorelane-up") as connection:
        return password if accounts.ensure_first_admin(connection, password) else None


def ensure_bundle(database_url: str, path: Path | None = None) -> None:
    """Register the given or shipped bundle; make it live when none is, or when one was given."""
    bundle = Bundle.load(path or default_bundle_path())
    with connect(database_url, application="scorelane-up") as connection:
        bundles.register(
            connection,
            digest=bundle.digest,
            name=bundle.name,
            path=str(bundle.path),
            signal_set=bundle.signal_set.hash,
        )
        pointer = bundles.current(connection)
        if pointer is None or (path is not None and pointer.live != bundle.digest):
            bundles.flip(connection, live=bundle.digest, shadow=None, author="scorelane up")


def run_until_stopped(home: Path, announce: Callable[[System], None], **options: object) -> None:
    """Run in the foreground until SIGINT or SIGTERM."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with run_system(home, **options) as system:  # type: ignore[arg-type]
        announce(system)
        stopped.wait()
