"""Gives the wheel the dependencies that requirements.in names, so that they stand in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Dependencies(MetadataHookInterface):
    """Fills ``project.dependencies`` from requirements.in."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the dependency list in place."""
        lines = (Path(self.root) / "requirements.in").read_text().splitlines()
        wanted = (line.split("#")[0].strip() for line in lines)
        metadata["dependencies"] = [line for line in wanted if line]
