"""Names of the lanes and how much work one chunk of each carries. Names are permanent: they are queue names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lane:
    """A lane's unit of work."""

    name: str
    chunk_messages: int
    """Most messages of one chunk."""
    publishes_at_once: bool
    """The enqueuer publishes after its commit; otherwise the dispatcher does."""


LANES = {
    lane.name: lane
    for lane in (
        Lane("interactive", chunk_messages=16, publishes_at_once=True),
        Lane("realtime", chunk_messages=64, publishes_at_once=True),
        Lane("rescan", chunk_messages=256, publishes_at_once=False),
        Lane("backfill", chunk_messages=512, publishes_at_once=False),
        Lane("enrich", chunk_messages=64, publishes_at_once=False),
    )
}

INTAKE_LANES = tuple(name for name in LANES if name != "enrich")
"""Those that mail may be put into; slow lookups have the other to themselves."""

CHUNK_MESSAGES = {lane.name: lane.chunk_messages for lane in LANES.values()}

CHUNK_BYTES = 16 * 1024 * 1024
"""Most raw bytes of one chunk, so that a worker's memory is bounded whatever the mail is."""

MESSAGE_BYTES = 50 * 1024 * 1024
"""Largest message that is accepted."""
