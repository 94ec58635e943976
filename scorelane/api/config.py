"""What the API needs to know; entry points fill it from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True)
class ApiConfig:
    """Addresses and limits of one API process."""

    database_url: str
    """Under the role that row-level security holds: everything but intake."""
    intake_database_url: str
    """Under the worker's role: the front door alone, with the tenant that the key fixes."""
    broker_url: str
    connections: int = 8
    """Database connections of one process."""
    batch_bytes: int = 64 * MIB
    """Largest body of a batch."""
    body_bytes: int = MIB
    """Largest body of every other call."""
    intake_bytes: int = 256 * MIB
    """Bodies of intake in memory at once; beyond it callers are asked to come back."""
    processes: int = 1
    """How many processes share the rate of a key."""
    lists: Path | None = None
    """Folder of the operator's reference lists, where there is one."""
