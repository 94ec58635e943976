"""Entry point of ``scorelane``: the commands and their options; the work stands in a module a command."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scorelane.cli import (
    dead_letters,
    directory,
    feeds,
    jobs,
    keys,
    labels,
    lanes,
    lists,
    messages,
    outbox,
    output,
    policy,
    rescan,
    signals,
    tenants,
    users,
)
from scorelane.cli.errors import BUG, FAILED, INTERRUPTED, MISUSED, spoken
from scorelane.cli.sources import ReceivedAt  # noqa: TC001 - Typer reads annotations at run time
from scorelane.garbage import collect_seldom

if TYPE_CHECKING:
    from types import FrameType

app = typer.Typer(
    name="scorelane",
    help=(
        "Scores e-mail for attacks, near-line and in batch. `scorelane up` keeps its data, and every other command "
        "looks for it, in the folder that SCORELANE_HOME names, else .scorelane below the folder that you are in; "
        "SCORELANE_DATABASE_URL and SCORELANE_BROKER_URL name servers of your own. All settings: docs/settings.md."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(messages.app, name="messages")
app.add_typer(lanes.app, name="lanes")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(jobs.app, name="jobs")
app.add_typer(tenants.app, name="tenants")
app.add_typer(feeds.app, name="feeds")
app.add_typer(directory.app, name="directory")
app.add_typer(policy.app, name="policy")
app.add_typer(rescan.app, name="rescan")
app.add_typer(keys.app, name="keys")
app.add_typer(labels.app, name="labels")
app.add_typer(lists.app, name="lists")
app.add_typer(outbox.app, name="outbox")
app.add_typer(signals.app, name="signals")
app.add_typer(users.app, name="users")
if importlib.util.find_spec("scorelane.cli.model") is not None:
    app.add_typer(importlib.import_module("scorelane.cli.model").app, name="model")

PATHS = (
    "Message files, mboxes, Maildirs, folders of those, tars of those, plain or compressed (.gz, .bz2, .xz, .zst); "
    "- reads paths from standard input, one a line."
)
Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help=PATHS)]


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"scorelane {importlib.metadata.version('scorelane')}\n")
        raise typer.Exit


@app.callback()
def settings_checked(
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", help="Print the version and end.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Say which variables are named like settings and are none: a mistyped one would do nothing in silence."""
    from scorelane.settings import unknown

    for line in unknown():
        output.note(f"scorelane: {line}")


@app.command()
def up() -> None:
    """Run the whole system in the foreground and print its addresses.

    Its data stay in SCORELANE_HOME (.scorelane below the folder that you are in); ports are free ones unless
    SCORELANE_FLOWER_PORT, _CONSOLE_PORT, _API_PORT and _EXPORTER_PORT name some. Ctrl-C stops everything.
    """
    from scorelane.cli import system

    system.up()


@app.command()
def demo() -> None:
    """Score a generated mailbox through the lanes, print the verdicts, leave nothing running."""
    from scorelane.cli import system

    system.demo()


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema and make the shipped bundle known; run before workers start."""
    from scorelane.cli import system

    system.migrate()


@app.command()
def enqueue(
    paths: Paths,
    tenant: Annotated[str, typer.Option(help="The organisation; made with its first message when it is new.")],
    mailbox: Annotated[str, typer.Option(help="The address whose mail this is.")],
    lane: Annotated[str, typer.Option(help="interactive, realtime, rescan or backfill.")] = "backfill",
    received_at: Annotated[ReceivedAt, typer.Option(help="Where the time of receipt comes from.")] = "header",
    wait: Annotated[bool, typer.Option("--wait", help="Return when every message is scored.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array of receipts on standard output.")] = False,
) -> None:
    """Put mail into the lanes. Interrupted and run again, every message ends there once.

    Exit code 1 when anything was rejected or could not be read (each has its line, all else was accepted), or, with
    --wait, could not be scored; 2 when the options are wrong, and nothing was accepted.
    """
    from scorelane.cli import enqueue as command

    code = command.enqueue(
        paths, tenant=tenant, mailbox=mailbox, lane=lane, received_at=received_at, wait=wait, as_json=as_json
    )
    raise typer.Exit(code)


@app.command()
def score(
    paths: Paths,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a message, as they come.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="With the strongest reasons.")] = False,
    bundle: Annotated[Path | None, typer.Option(help="Folder of a model bundle; else the shipped one.")] = None,
    tenant: Annotated[
        str | None, typer.Option(help="With this organisation's directory and policy, and the live bundle.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option(help="With the directory of a .csv or .json file, as `directory import` takes it.")
    ] = None,
) -> None:
    """Score mail without a queue; without a database, too, unless --tenant names what stands there.

    Exit code 1 when anything was rejected or could not be read: each has its line, and all else was scored.
    """
    from scorelane.cli import score as command

    code = command.score(paths, jsonl=jsonl, explain=explain, bundle=bundle, tenant=tenant, directory=directory)
    raise typer.Exit(code)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Check servers, schema, dispatcher, lanes and bundles; exit code 1 where something stops work."""
    from scorelane.cli import doctor as command

    raise typer.Exit(command.doctor(as_json=as_json))


@app.command()
def lmtp(
    listen: Annotated[str, typer.Option(help="host:port or unix:/path.")] = "127.0.0.1:2424",
    tenant: Annotated[str | None, typer.Option(help="Whose mail it is, whatever the domain.")] = None,
    route: Annotated[list[str] | None, typer.Option(help="DOMAIN=TENANT; may be given again.")] = None,
    lane: Annotated[str, typer.Option(help="interactive, realtime or backfill.")] = "realtime",
) -> None:
    """Take mail from a mail server by LMTP, until told to stop."""
    from scorelane.cli import doors

    doors.lmtp(listen, tenant, route or [], lane)


@app.command()
def watch(
    path: Annotated[Path, typer.Argument(help="The Maildir: a folder with new and cur.")],
    tenant: Annotated[str, typer.Option(help="The organisation; it must exist.")],
    mailbox: Annotated[str, typer.Option(help="The address whose mail this is.")],
    lane: Annotated[str, typer.Option(help="interactive, realtime or backfill.")] = "realtime",
) -> None:
    """Take mail from a Maildir as it arrives, until told to stop."""
    from scorelane.cli import doors

    doors.watch(path, tenant, mailbox, lane)


def main() -> None:
    """Run the command; whatever happens, a person gets one line and a script an exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    collect_seldom()
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader went away, as `head` does: nothing is wrong, and nothing more can be said there.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence between a bug and a person's screen
        sys.exit(_explain(error))
    if code == INTERRUPTED:
        output.note("interrupted; nothing that was accepted is lost, run the same command again for the rest")
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: Exception) -> int:
    """Say what was wrong in one line; the exit code."""
    if hasattr(error, "format_message"):  # what Typer raises for arguments that do not parse
        if not error.format_message():  # no command at all: its help was the answer
            return MISUSED
        command = getattr(getattr(error, "ctx", None), "command_path", "scorelane")
        output.note(f"{command}: {error.format_message()} (see {command} --help)")
        return int(getattr(error, "exit_code", MISUSED))
    known = spoken(error)
    if known is not None:
        output.note(f"scorelane: {known[0]}")
        return known[1]
    with tempfile.NamedTemporaryFile("w", prefix="scorelane-", suffix=".txt", delete=False) as report:
        report.write("".join(traceback.format_exception(error)))
    output.note(f"scorelane: a bug stopped this command ({type(error).__name__}); please report {report.name}")
    return BUG


def _terminated(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM unwinds like Ctrl-C, so that a demo stops what it started."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
