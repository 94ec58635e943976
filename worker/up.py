"""The whole system on one machine: embedded servers, migrations, the shipped bundle, processes."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from typing import TYPE_CHECKING, NamedTuple

from db import bundles, migrate
from db.session import connect
from scorelane import accounts, stored_bundles
from scorelane.scoring import Bundle, default_bundle_path
from worker.errors import StartFailed
from worker.processes import Group, Processes, lane_groups
from worker.servers import ServerKeeper
from worker.stack import EmbeddedStack
from worker.valkey import free_port
from worker.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


SERVICES = ("flower", "console", "api", "metrics")
"""What people and other programs talk to, beside the lanes themselves; all of them run under `scorelane up`."""
PORT_SETTINGS = {
    "flower": "SCORELANE_FLOWER_PORT",
    "console": "SCORELANE_CONSOLE_PORT",
    "api": "SCORELANE_API_PORT",
    "metrics": "SCORELANE_EXPORTER_PORT",
}


class Address(NamedTuple):
    """Where a service is reached, and who may log in."""

    url: str
    user: str | None = None
    password: str | None = None
    """None where a person chose it."""


class System(NamedTuple):
    """A running system; `addresses` by the name of the service."""

    stack: EmbeddedStack
    processes: Processes
    addresses: Mapping[str, Address]


@contextlib.contextmanager
def run_system(
    home: Path,
    *,
    groups: Sequence[Group] | None = None,
    services: Sequence[str] = (),
    ports: Mapping[str, int | None] | None = None,
    stall_s: float = 75.0,
    bundle: Path | None = None,
    given_up: Callable[[str], None] | None = None,
    starting: Callable[[], None] | None = None,
) -> Iterator[System]:
    """Servers, dispatcher, workers and the named services while the context is open; nothing is left after it.

    A service without a port in `ports` takes a free one. `given_up` hears why when a server dies again and again;
    `starting` is called when the home is held and the ports are free, before the first server starts.
    Raises AlreadyRunning, or StartFailed for a port that is taken or a server that does not come up.
    """

    def when_held() -> None:
        check_ports(ports or {})
        if starting is not None:
            starting()

    with EmbeddedStack(home, when_held=when_held) as stack, ServerKeeper(stack, given_up):
        migrate.upgrade(stack.owner_url)
        ensure_bundle(stack.worker_url, bundle)
        with Processes(stack.home, environment(stack)) as processes, contextlib.ExitStack() as until_the_end:
            processes.add_dispatcher()
            served = lane_groups() if groups is None else groups
            for group in served:
                processes.add_group(group)
            addresses = {
                name: _add(name, stack, processes, (ports or {}).get(name) or free_port()) for name in services
            }
            processes.start()
            until_the_end.enter_context(
                Watchdog(processes, served, stack.worker_url, stack.broker_url, stall_s=stall_s)
            )
            yield System(stack, processes, addresses)


def check_ports(ports: Mapping[str, int | None]) -> None:
    """Raises StartFailed where a service's port cannot be listened on, or two have the same."""
    with contextlib.ExitStack() as held:
        for service, port in ports.items():
            if port is None:
                continue
            probe = held.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                probe.listen(1)
            except OSError as fault:
                why = "may not be opened by this user" if isinstance(fault, PermissionError) else "is taken"
                raise StartFailed(
                    f"port {port} ({PORT_SETTINGS[service]}) {why}; set another, or none for a free one"
                ) from fault


def _add(service: str, stack: EmbeddedStack, processes: Processes, port: int) -> Address:
    url = f"http://127.0.0.1:{port}"
    match service:
        case "flower":
            processes.add_flower(port, stack.passwords["flower"])
            return Address(url, "scorelane", stack.passwords["flower"])
        case "console":
            password = ensure_first_admin(stack)
            processes.add_console(port, stack.api_url)
            return Address(url, accounts.FIRST_ADMIN, password)
        case "api":
            processes.add_api(port)
            processes.add_outbox()  # what the API promises: deliveries, erasures, retention
            return Address(url)
        case "metrics":
            processes.add_exporter(port)
            return Address(f"{url}/metrics")
    raise ValueError(f"no service is called {service!r}")


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
        stored_bundles.store(connection, bundle)
        pointer = bundles.current(connection)
        if pointer is None or (path is not None and pointer.live != bundle.digest):
            bundles.flip(connection, live=bundle.digest, shadow=None, author="scorelane up")


def run_until_stopped(home: Path, announce: Callable[[System], None], **options: object) -> None:
    """Run in the foreground until SIGINT or SIGTERM. Raises StartFailed when a server cannot be kept running."""
    stopped = threading.Event()
    faults: list[str] = []

    def give_up(line: str) -> None:
        faults.append(line)
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with run_system(home, given_up=give_up, **options) as system:  # type: ignore[arg-type]
        announce(system)
        stopped.wait()
    if faults:
        raise StartFailed(faults[0])
