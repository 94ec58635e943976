"""What this room raises: declarations that cannot stand. Computing never raises."""

from __future__ import annotations


class SignalError(Exception):
    """Root of this room's errors. A declaration is wrong: a bug, found at import or in `make check`."""


class DuplicateName(SignalError):
    """Two functions in different places carry one name; vectors could not tell them apart."""


class UnknownDependency(SignalError):
    """A parameter names neither a context value, nor a derived value, nor a signal."""


class DependencyCycle(SignalError):
    """Signals or derived values need each other in a circle."""


class UnknownSignal(SignalError):
    """A wanted signal is not registered, for example because a bundle is newer than the code."""


class LockMismatch(SignalError):
    """A signal's code changed without its version, or the lock file is out of date."""


class ListRefused(SignalError):
    """An operator's reference list cannot be what its name promises; its text names file and line."""


class NotExported(SignalError):
    """A file is not one that the export of labelled vectors wrote, or lacks what is wanted."""
