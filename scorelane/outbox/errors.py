"""What can be wrong with a destination."""


class OutboxError(Exception):
    """Root of this room's errors; its text is one line for a person."""


class Rejected(OutboxError):
    """A destination that cannot be; the text says what would be right."""


class Forbidden(OutboxError):
    """A destination whose address is not one that the outside world may be called at."""
