"""What can keep the front door from accepting."""

from __future__ import annotations


class EnqueuerError(Exception):
    """Root of this room's errors; its text is one line for a person."""


class Rejected(EnqueuerError):
    """The request can never be accepted as it is: recorded, not retried."""


class Unavailable(EnqueuerError):
    """The database cannot take anything now; nothing of the batch was stored. Retry with backoff."""


class Busy(EnqueuerError):
    """The lane takes nothing more for now; nothing of the batch was stored."""

    def __init__(self, lane: str, reason: str, retry_after_s: float) -> None:
        super().__init__(f"lane {lane} {reason}; try again in {retry_after_s:.0f} s")
        self.lane = lane
        self.retry_after_s = retry_after_s
