"""The embedded stack: PostgreSQL and Valkey from their wheels, everything private under one home folder."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from worker.errors import AlreadyRunning
from worker.postgres import Postgres
from worker.valkey import Valkey

if TYPE_CHECKING:
    from collections.abc import Callable

SECRETS = ("admin", "owner", "worker", "api", "broker", "flower", "console")


class EmbeddedStack:
    """Two servers while the context is open; the addresses stand in `stack.json` for others of this user."""

    def __init__(self, home: Path, *, when_held: Callable[[], None] | None = None) -> None:
        """`when_held` is called once no other run can use the home, and before anything starts; it may raise."""
        self._when_held = when_held
        self.home = Path(os.path.abspath(home))  # noqa: PTH100 - links are kept as the user wrote them
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start both servers. Raises AlreadyRunning or StartFailed, each with one clear line."""
        self.home.mkdir(parents=True, exist_ok=True)
        # As root, PostgreSQL runs as another user, who must be able to pass through this folder of ours.
        self.home.chmod(0o711 if os.geteuid() == 0 else 0o700)
        (self.home / "log").mkdir(mode=0o700, exist_ok=True)
        self._lock = self._take_lock()
        self.passwords = self._secrets()
        self.postgres = Postgres(self.home, self.passwords)
        self.valkey = Valkey(self.home, self.passwords["broker"])
        try:
            if self._when_held is not None:
                self._when_held()
            self.postgres.start()
            self.valkey.start()
            self._announce()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both servers and let go of the home folder."""
        (self.home / "stack.json").unlink(missing_ok=True)
        self.valkey.stop()
        self.postgres.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def admin_url(self) -> str:
        """Superuser, for starting and testing only."""
        return self.postgres.url("admin", "postgres")

    @property
    def owner_url(self) -> str:
        """The role that migrates."""
        return self.postgres.url("owner")

    @property
    def worker_url(self) -> str:
        """The role of workers, dispatcher and enqueuer."""
        return self.postgres.url("worker")

    @property
    def api_url(self) -> str:
        """The role that row-level security holds."""
        return self.postgres.url("api")

    @property
    def broker_url(self) -> str:
        """The dispatch buffer."""
        return self.valkey.url

    def _take_lock(self) -> IO[str]:
        """The kernel frees this lock when its holder dies, so a killed run leaves none."""
        lock = (self.home / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise AlreadyRunning(
                f"Scorelane runs already in {self.home} (process {holder}); stop it, or set SCORELANE_HOME elsewhere"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        return lock

    def _secrets(self) -> dict[str, str]:
        """Generated once a home; readable by this user alone."""
        file = self.home / "secrets.json"
        try:
            known: dict[str, str] = json.loads(file.read_text())
        except (OSError, ValueError):
            known = {}
        if set(SECRETS) - set(known):
            known = {name: known.get(name) or secrets.token_urlsafe(18) for name in SECRETS}
            _write_private(file, known)
        return known

    def _announce(self) -> None:
        _write_private(
            self.home / "stack.json",
            {
                "pid": os.getpid(),
                "worker_url": self.worker_url,
                "owner_url": self.owner_url,
                "api_url": self.api_url,
                "broker_url": self.broker_url,
            },
        )


def _write_private(file: Path, content: dict[str, object] | dict[str, str]) -> None:
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(content, indent=1))
    fresh.rename(file)
