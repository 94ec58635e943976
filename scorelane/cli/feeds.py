"""``scorelane feeds``: lists of bad URLs, domains, hashes and addresses, and of popular domains."""

from __future__ import annotations

import contextlib
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from db.session import Connection

app = typer.Typer(help="Lists of what is bad, and of popular domains.", no_args_is_help=True)

AT_ONCE = 1_000_000
IDLE_S = 20.0
"""Without any progress for so long, nobody seems to work."""


class Kind(StrEnum):
    """What a list names."""

    url = "url"
    domain = "domain"
    hash = "hash"
    ip = "ip"
    popularity = "popularity"


@app.command("import")
def import_(
    path: Annotated[str, typer.Argument(metavar="PATH", help="One entry a line; - reads standard input.")],
    kind: Annotated[Kind, typer.Option(help="What the list names.")],
    name: Annotated[str | None, typer.Option(help="Name of the list; else the file's.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the messages that carry it are scored again.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Make a list the given one. Messages that carry what is new on it are scored again; their number is printed."""
    from db import carriers, facts
    from db.session import connect
    from scorelane.enrichment.feeds import KINDS, Entry, read_entries
    from scorelane.settings import Settings
    from scorelane.signals.sightings import carrier_entities

    settings = Settings()
    feed = name or ("stdin" if path == "-" else Path(path).name.partition(".")[0])
    unread: list[str] = []

    def entries() -> Iterator[Entry]:
        with _lines(path) as lines:
            for item in read_entries(lines, kind.value):
                if isinstance(item, Entry):
                    yield item
                else:
                    unread.append(f"line {item.line}: {item.reason}")

    with connect(settings.database_url, application="scorelane-feeds") as connection:
        with connection.transaction():
            done = facts.import_list(
                connection, feed=feed, kind=KINDS[kind.value], author="scorelane feeds", entries=entries()
            )
            if not done.entries:
                raise CommandError(f"{path} names no {kind.value}; nothing was changed ({_sample(unread)})")
            source = f"feed {feed} import {done.id}"
            bad = done.bad if kind is not Kind.popularity else []
            carriers.turned(
                connection, [pair for one in bad for pair in carrier_entities(KINDS[kind.value], one)], source
            )
        while (
            carriers.plan(connection, lane="rescan", days=settings.retro_days, source=source, most=AT_ONCE) is not None
        ):
            pass
        messages, scored, dead, flips = _finished(connection, source) if wait else carriers.report(connection, source)
    result = {
        "feed": feed, "kind": kind.value, "entries": done.entries, "new": len(done.bad), "changed": done.added,
        "gone": done.removed, "unread": len(unread), "messages": messages, "scored": scored + dead, "flips": flips,
    }  # fmt: skip
    if as_json:
        output.json_array([result])
        return
    typer.echo(
        f"feed {feed}: {done.entries:,} {kind.value} entries, {len(done.bad):,} new, {done.removed:,} gone"
        + (f"; {len(unread):,} lines could not be read ({_sample(unread)})" if unread else "")
    )
    typer.echo(f"{messages:,} messages carry what is new, {scored:,} scored again, {flips:,} verdicts changed")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List the lists with their entries and last import."""
    from db import facts
    from db.session import connect
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        rows = facts.feeds(connection)
    columns = ("feed", "kind", "entries", "imported_at", "imports")
    if as_json:
        output.json_array(dict(zip(columns, row, strict=True)) for row in rows)
    else:
        output.table("", columns, rows, numbers=("entries", "imports"))


@contextlib.contextmanager
def _lines(path: str) -> Iterator[Iterator[str]]:
    if path == "-":
        yield iter(sys.stdin)
        return
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            yield iter(file)
    except OSError as fault:
        raise CommandError(f"{path} cannot be read: {fault.strerror}") from fault


def _sample(unread: list[str]) -> str:
    return f"first: {unread[0]}" if unread else "it is empty"


def _finished(connection: Connection, source: str) -> tuple[int, int, int, int]:
    """The report once every carrier is scored again, or when nothing moves any more."""
    from db import carriers

    report = carriers.report(connection, source)
    moved = time.monotonic()
    while report[1] + report[2] < report[0]:
        if time.monotonic() - moved > IDLE_S:
            output.note("nobody scores the messages now: is `scorelane up` running? They stay queued.")
            break
        time.sleep(0.1)
        now = carriers.report(connection, source)
        if now != report:
            report, moved = now, time.monotonic()
    return report
