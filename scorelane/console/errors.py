"""Why a page cannot be shown as asked. Each text is one line for a person."""

from __future__ import annotations


class ConsoleError(Exception):
    """Root of this room's errors, with the HTTP status it becomes."""

    status = 500
    title = "Something went wrong"


class Misused(ConsoleError):
    """A field cannot be what was meant; the text names it and says what would be right."""

    status = 400
    title = "That cannot be read"

    def __init__(self, field: str, line: str) -> None:
        super().__init__(f"{field}: {line}")
        self.field = field


class Forged(ConsoleError):
    """A form did not come from a page of this session."""

    status = 403
    title = "This form has expired"


class NotAllowed(ConsoleError):
    """The user's role does not reach this page."""

    status = 403
    title = "Not yours to see"


class NotFound(ConsoleError):
    """There is no such thing in the tenant that the session looks at."""

    status = 404
    title = "Not here"


class Unavailable(ConsoleError):
    """The database does not answer, or not in time."""

    status = 503
    title = "Not available right now"
