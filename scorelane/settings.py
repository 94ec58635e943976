"""The only reader of the environment. Everything else takes arguments.

Where no server is named, the embedded stack's of `home` are used while it runs.
"""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

PREFIX = "SCORELANE_"
_KINDS = {
    "dict": 'a table of options a provider, as JSON like {"dns": {}}',
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "Path": "a path",
}


class NotRunning(Exception):
    """No server is named and no embedded stack runs; its text is one line for a person."""


class BadSetting(Exception):
    """A variable holds what it cannot; its text is one line that names the variable and says what would be right."""


def _server(*schemes: str, like: str) -> AfterValidator:
    """Of a URL: what is wrong with it is not shown, as it may hold a password."""

    def check(url: str) -> str:
        scheme, rest, _ = url.partition("://")
        if scheme not in schemes or not rest:
            raise ValueError(like)
        return url

    return AfterValidator(check)


def _one_of(text: str, *known: str) -> str:
    if text.upper() not in known:
        raise ValueError(f"{text[:40]!r} is not one of {', '.join(known)}")
    return text.upper()


DatabaseUrl = Annotated[
    str,
    _server("postgresql", "postgres", like="is not a database's URL like postgresql://user:password@host:5432/name"),
]
BrokerUrl = Annotated[
    str,
    _server(
        "redis", "rediss", "unix", "redis+socket", "sentinel",
        like="is not a broker's URL like redis://:password@host:6379/0",
    ),
]  # fmt: skip
LogLevel = Annotated[str, AfterValidator(lambda level: _one_of(level, "DEBUG", "INFO", "WARNING", "ERROR"))]


class Settings(BaseSettings):
    """Settings from variables named SCORELANE_*. Raises BadSetting.

    The text below a setting, its range and its default are what docs/settings.md says of it.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", use_attribute_docstrings=True)

    home: Path = Path(".scorelane")
    """Folder of the embedded stack; where the path is relative, below the folder that the command is called in."""
    database: DatabaseUrl | None = Field(default=None, validation_alias="SCORELANE_DATABASE_URL")
    """PostgreSQL 15 or newer as the workers' role; unset, the embedded stack's of `SCORELANE_HOME` while that runs."""
    owner_database: DatabaseUrl | None = Field(default=None, validation_alias="SCORELANE_OWNER_DATABASE_URL")
    """The same database under the role that owns the tables; `scorelane migrate` alone uses it."""
    api_database: DatabaseUrl | None = Field(default=None, validation_alias="SCORELANE_API_DATABASE_URL")
    """The same database under the role that row-level security holds; API and console use it."""
    broker: BrokerUrl | None = Field(default=None, validation_alias="SCORELANE_BROKER_URL")
    """Redis or Valkey; unset, the embedded stack's of `SCORELANE_HOME` while that runs."""
    bundle: Path | None = None
    """Bundle to use instead of the shipped one; `scorelane up` and `migrate` make it the live one."""
    lists: Path | None = None
    """Folder of reference lists that replace the shipped ones; unset, `lists` of `SCORELANE_HOME` if there is one."""
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
    """Metrics and health; unset, a free one under `scorelane up`, 9808 elsewhere."""
    exporter_host: str = "127.0.0.1"
    """Address that metrics and health listen on."""
    enrichment: dict[str, dict[str, Any]] = {}
    """Providers that are on, each with its options, as JSON; none of them asks the outside unless it stands here."""
    enrichment_deadline_s: float = Field(default=900.0, gt=0)
    """A provisional score is made final after so long, whatever facts have come."""
    enrichment_in_flight: int = Field(default=64, ge=1, le=512)
    """Lookups that one worker has under way together."""
    retro_days: int = Field(default=30, ge=1)
    """How old messages may be that are scored again when something they carry turns bad."""
    log_level: LogLevel = "INFO"
    """What the processes' logs hold at least: DEBUG, INFO, WARNING or ERROR."""
    flower_port: int | None = Field(default=None, ge=1, le=65535)
    """Flower under `scorelane up`; unset, a free one."""
    console_host: str = "127.0.0.1"
    """Address that the console listens on."""
    console_port: int = Field(default=8025, ge=1, le=65535)
    """The console; `scorelane up` takes a free one unless this is set."""
    console_https: bool = False
    """The console stands behind a proxy that speaks HTTPS: cookies go over HTTPS only."""
    api_host: str = "127.0.0.1"
    """Address that the API listens on."""
    api_port: int | None = Field(default=None, ge=1, le=65535)
    """The API; unset, a free one under `scorelane up`, 8026 elsewhere."""
    outbox_allow_private: bool = False
    """Webhooks may go to loopback and private addresses; else only to the outside world."""
    api_processes: int = Field(default=1, ge=1, le=64)
    """Processes that serve the API together."""
    concurrency: int | None = Field(default=None, ge=1)
    """Processes of each worker group; unset, one a core for bulk work."""

    def __init__(self) -> None:
        try:
            super().__init__()
        except ValidationError as fault:
            raise BadSetting("; ".join(_line(error) for error in fault.errors())) from None
        except SettingsError:
            raise BadSetting(f"SCORELANE_ENRICHMENT is not {_KINDS['dict']}") from None

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
        except PermissionError as fault:
            raise NotRunning(
                f"{self.home} is another user's and may not be read: call this as the user that called "
                "`scorelane up`, or name servers in SCORELANE_DATABASE_URL and SCORELANE_BROKER_URL"
            ) from fault
        except (OSError, ValueError) as fault:
            raise NotRunning(
                f"Scorelane does not run in {self.home}: start it with `scorelane up`, "
                "or name servers in SCORELANE_DATABASE_URL and SCORELANE_BROKER_URL"
            ) from fault
        return str(state[name])


def variable(field: str) -> str:
    """The name of a setting's variable."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


def wanted(field: FieldInfo) -> str:
    """What a setting may be, for a person: "a whole number from 1 to 65535"."""
    kind = next((words for name, words in _KINDS.items() if name in str(field.annotation)), "text")
    limits = {
        name: value
        for limit in field.metadata
        for name in ("ge", "gt", "le")
        if (value := getattr(limit, name, None)) is not None
    }
    if "le" in limits:
        return f"{kind} from {limits['ge']} to {limits['le']}"
    if "ge" in limits:
        return f"{kind} of at least {limits['ge']}"
    return f"{kind} above {limits['gt']:g}" if "gt" in limits else kind


def _line(error: ErrorDetails) -> str:
    place = str(error["loc"][0])
    name = place if place.startswith(PREFIX) else variable(place)
    said = error.get("ctx", {}).get("error")
    if isinstance(said, ValueError):
        return f"{name} {said}"
    return f"{name} {str(error['input'])[:80]!r} is not {wanted(Settings.model_fields[place])}"


def unknown() -> list[str]:
    """A line for each variable that is named like a setting and is none."""
    known = [variable(field).removeprefix(PREFIX) for field in Settings.model_fields]
    lines = []
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in known:
            near = difflib.get_close_matches(name.removeprefix(PREFIX), known, 1)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else "docs/settings.md names all of them"
            lines.append(f"{name} is no setting and does nothing; {hint}")
    return lines
