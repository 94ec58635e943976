"""The only reader of the environment. Everything else takes arguments.

Where no server is named, the embedded stack's of `home` are used while it runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class NotRunning(Exception):
    """No server is named and no embedded stack runs; its text is one line for a person."""


class Settings(BaseSettings):
    """Settings from variables named SCORELANE_*."""

    model_config = SettingsConfigDict(env_prefix="SCORELANE_", extra="ignore")

    home: Path = Path(".scorelane")
    """Folder of the embedded stack."""
    database: str | None = Field(default=None, validation_alias="SCORELANE_DATABASE_URL")
    owner_database: str | None = Field(default=None, validation_alias="SCORELANE_OWNER_DATABASE_URL")
    api_database: str | None = Field(default=None, validation_alias="SCORELANE_API_DATABASE_URL")
    broker: str | None = Field(default=None, validation_alias="SCORELANE_BROKER_URL")
    bundle: Path | None = None
    """Bundle to use instead of the shipped one."""
    lists: Path | None = None
    """Folder of reference lists that replace the shipped ones; None takes `lists` of `home`, where there is one."""
    worker_group: str = "worker"
    """Name of the lane group that a worker process serves."""
    task_time_limit_s: int = Field(default=60, ge=1)
    """A task that runs longer loses its process; shorter than the lanes' leases."""
    visibility_timeout_s: int = Field(default=120, ge=1)
    """A task that a worker took and did not acknowledge is delivered again after this; longer than a task may run."""
    dispatcher_lease_s: float = Field(default=5.0, gt=0)
    """A dispatcher that is not heard of for so long is no longer the leader."""
    suspect_s: float = Field(default=3.0, gt=0)
    """A publication that is unclaimed for so long is looked for in the broker, and repeated when it is not there."""
    stall_s: float = Field(default=75.0, gt=0)
    """Workers that take nothing for so long while their lanes have work are replaced; longer than a task may run."""
    exporter_port: int | None = Field(default=None, ge=1, le=65535)
    """Metrics and health; None takes a free one."""
    exporter_host: str = "127.0.0.1"
    enrichment: dict[str, dict[str, Any]] = {}
    """Providers that are on, each with its options, as JSON; none of them asks the outside unless it stands here."""
    enrichment_deadline_s: float = Field(default=900.0, gt=0)
    """A provisional score is made final after so long, whatever facts have come."""
    enrichment_in_flight: int = Field(default=64, ge=1, le=512)
    """Lookups that one worker has under way together."""
    retro_days: int = Field(default=30, ge=1)
    """How old messages may be that are scored again when something they carry turns bad."""
    log_level: str = "INFO"
    flower_port: int | None = Field(default=None, ge=1, le=65535)
    """None takes a free one."""
    console_host: str = "127.0.0.1"
    console_port: int = Field(default=8025, ge=1, le=65535)
    console_https: bool = False
    """The console stands behind a proxy that speaks HTTPS: cookies go over HTTPS only."""
    api_host: str = "127.0.0.1"
    api_port: int | None = Field(default=None, ge=1, le=65535)
    """None takes a free one under `scorelane up`, 8026 elsewhere."""
    outbox_allow_private: bool = False
    """Webhooks may go to loopback and private addresses; else only to the outside world."""
    api_processes: int = Field(default=1, ge=1, le=64)
    concurrency: int | None = Field(default=None, ge=1)
    """Processes of each worker group; None takes one a core for bulk work."""

    @property
    def database_url(self) -> str:
        """Database under the worker role."""
        return self.database or self._embedded("worker_url")

    @property
    def owner_database_url(self) -> str:
        """Database under the role that migrates."""
        return self.owner_database or self._embedded("owner_url")

    @property
    def api_database_url(self) -> str:
        """Database under the role that row-level security holds."""
        return self.api_database or self._embedded("api_url")

    @property
    def lists_folder(self) -> Path:
        """Where the operator's reference lists are, or would be."""
        return self.lists or self.home / "lists"

    @property
    def broker_url(self) -> str:
        """The Redis-protocol broker."""
        return self.broker or self._embedded("broker_url")

    def _embedded(self, name: str) -> str:
        try:
            state: dict[str, Any] = json.loads((self.home / "stack.json").read_text())
        except (OSError, ValueError) as fault:
            raise NotRunning(
                f"Scorelane does not run in {self.home}: start it with `scorelane up`, "
                "or name servers in SCORELANE_DATABASE_URL and SCORELANE_BROKER_URL"
            ) from fault
        return str(state[name])
