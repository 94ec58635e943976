"""What the worker room raises: one root, and the kinds that a person can act on."""


class WorkerError(Exception):
    """The root of what this room raises; its text is one line for a person."""


class AlreadyRunning(WorkerError):
    """Another supervisor holds this home."""


class StartFailed(WorkerError):
    """A server or process of the stack did not come up; the text names its log."""
