"""What the command says when it cannot do its work: one line, and an exit code that scripts can read."""

from __future__ import annotations

FAILED, MISUSED, BUG, INTERRUPTED = 1, 2, 70, 130


class CommandError(Exception):
    """Root of this room's errors; its text is one line for a person."""

    exit_code = FAILED


class Misused(CommandError):
    """The arguments cannot be what was meant."""

    exit_code = MISUSED


# By name, so that the module of a room that a command did not use is not loaded to compare with.
_SPOKEN = {
    "scorelane.access.errors.AccessError",
    "scorelane.outbox.errors.OutboxError",
    "scorelane.doors.errors.DoorError",
    "scorelane.settings.NotRunning",
    "scorelane.enqueuer.errors.EnqueuerError",
    "scorelane.enrichment.errors.EnrichmentError",
    "scorelane.scoring.errors.ScoringError",
    "scorelane.signals.errors.SignalError",
    "worker.errors.WorkerError",
}
_DATABASE = {"psycopg.OperationalError", "sqlalchemy.exc.OperationalError"}
_SCHEMA = {"psycopg.errors.UndefinedTable", "psycopg.errors.UndefinedColumn", "psycopg.errors.UndefinedFunction"}
_SETTINGS = {"scorelane.settings.BadSetting"}
_BROKER = {"redis.exceptions.RedisError", "kombu.exceptions.KombuError"}


def spoken(error: BaseException) -> tuple[str, int] | None:  # noqa: PLR0911 - one return a kind
    """One line and the exit code of an error that a person can act on; None for a bug."""
    if isinstance(error, CommandError):
        return str(error), error.exit_code
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    line = " ".join(str(error).split())
    if names & _SPOKEN:
        return line, FAILED
    if names & _DATABASE:
        return f"the database is not available: {_first_line(error)}", FAILED
    if names & _BROKER:
        return f"the broker is not available: {line}", FAILED
    if names & _SETTINGS:
        return line, MISUSED
    if names & _SCHEMA:
        return "the database does not have this version's schema; run: scorelane migrate", FAILED
    if type(error).__module__ == "psycopg" and type(error).__name__ == "ProgrammingError":  # before it connected
        return "SCORELANE_DATABASE_URL is no URL that PostgreSQL's client can read", MISUSED
    if isinstance(error, MemoryError):
        return "the machine is out of memory; give fewer or smaller messages at once", FAILED
    if isinstance(error, OSError):
        where = f" {error.filename}" if error.filename else ""
        return f"the system refused{where}: {error.strerror or line}", FAILED
    return None


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
