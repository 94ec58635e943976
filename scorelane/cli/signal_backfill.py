"""``scorelane signals backfill``: new signals for mail that was scored before they were there."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError, Misused
from scorelane.cli.output import utc
from scorelane.cli.signal_authoring import named

if TYPE_CHECKING:
    from db.session import Connection

POLL_S = 0.2
HISTORIES = ("logged", "rebuilt")


def backfill(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Only these; else every one.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this organisation's messages.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only received at or after this time, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only received before this time, UTC.")] = None,
    history: Annotated[
        str, typer.Option(help="logged: as each score saw it; rebuilt: as sightings tell it now.")
    ] = HISTORIES[0],
    preview: Annotated[bool, typer.Option("--preview", help="Only say what it would take.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Start it however large it is.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it has ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Compute signals that stored vectors lack, from raw mail and the context of then; scores stay as they are.

    One job a tenant, in the backfill lane, beside other work; a vector gains every signal that it lacks.
    """
    from db import tenants
    from db.session import connect
    from scorelane import rescans
    from scorelane.cli.directory import author
    from scorelane.cli.tenants import tenant_id
    from scorelane.settings import Settings
    from scorelane.signals import all_signals

    if history not in HISTORIES:
        raise Misused(f"--history is {' or '.join(HISTORIES)}, not {history[:40]!r}")
    wanted = {signal.name: signal.version for signal in (named(names) if names else all_signals())}
    with connect(Settings().database_url, application="scorelane-cli") as connection:
        every = tenants.listing(connection) if tenant is None else [(tenant,)]
        rows: list[dict[str, Any]] = []
        for name in (str(row[0]) for row in every):
            owner = tenant_id(connection, name)
            try:
                found = rescans.lacking(connection, owner, wanted, since=utc(since), until=utc(until))
                job = None
                if found.messages and not preview:
                    job = rescans.start_fill(
                        connection, owner, found, actor=author(), rebuilds_history=history == "rebuilt", yes=yes
                    )
            except rescans.ChoiceError as fault:
                raise CommandError(f"{fault}; see: scorelane signals backfill --help") from None
            counts = {field: getattr(found, field) for field in ("messages", "gone", "seconds")}
            rows.append({"tenant": name, "job": job, **counts})
        _say(rows, as_json=as_json)
        if wait:
            _wait(connection, [row["job"] for row in rows if row["job"] is not None])


def _say(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.json_array(rows)
        return
    for row in rows:
        if row["job"] is not None:
            sys.stdout.write(f"{row['job']}\n")
        without = f", {row['gone']:,} of them without raw mail" if row["gone"] else ""
        takes = f"{row['seconds']:,.1f} s of work"
        output.note(f"{row['tenant']}: {row['messages']:,} messages lack signals{without}, {takes}")
    if any(row["job"] is not None for row in rows):
        output.note("watch it with: scorelane jobs list")


def _wait(connection: Connection, ids: list[UUID]) -> None:
    from db import rescans

    if not ids:
        return
    with output.progress("backfilling") as done:
        while True:
            found = [job for one in ids for job in rescans.listing(connection, rescan_id=one, kind="backfill")]
            done(sum(job.done for job in found))
            if all(job.state in ("done", "cancelled") for job in found):
                break
            time.sleep(POLL_S)
    states = ", ".join(sorted({job.state for job in found}))
    dead = sum(job.dead for job in found)
    more = f", {dead} could not be computed; see scorelane dead-letters" if dead else ""
    output.note(f"{states}: {sum(job.done for job in found):,} messages{more}")
