"""What can keep a lookup from giving facts."""

from __future__ import annotations


class EnrichmentError(Exception):
    """Root of this room's errors; its text is one line for a person."""


class Misconfigured(EnrichmentError):
    """The settings name a provider or an option that does not exist."""


class Rejected(EnrichmentError):
    """The provider can never answer this: recorded with status `failed`, not retried."""


class Refused(Rejected):
    """The address to connect to is not one of the public internet; no packet was sent there."""


class Unavailable(EnrichmentError):
    """No answer now. Retried with backoff, no sooner than `retry_after_s` where the provider said so."""

    status = "failed"

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.elsewhere = False
        """The registry answered and sent us on to a server that anybody may own: its circuit stays as it is."""


class TimedOut(Unavailable):
    """No answer within the provider's time."""

    status = "timeout"


class Blocked(Unavailable):
    """The provider says that it does not serve us: its circuit opens at once."""

    def __init__(self, reason: str, *, retry_after_s: float = 3600.0) -> None:
        super().__init__(reason, retry_after_s=retry_after_s)
