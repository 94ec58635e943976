"""``scorelane jobs``: what was asked for and how far it is; pause, resume, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError, Misused

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(help="Jobs and their progress; pause, resume and cancel them.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option(help="Of one tenant.")] = None,
    state: Annotated[str | None, typer.Option(help="open, paused, cancelled or done.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, newest first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List jobs, newest first, with their counts of messages."""
    from db import jobs
    from db.session import connect
    from scorelane.settings import Settings

    if state not in (None, "open", "paused", "cancelled", "done"):
        raise Misused(f"{state!r} is not a job's state; use open, paused, cancelled or done")
    with connect(Settings().database_url, application="scorelane-cli") as connection:
        found = jobs.listing(connection, tenant=tenant, state=state, limit=limit)
    if as_json:
        output.json_array(job._asdict() for job in found)
        return
    columns = ("job", "tenant", "kind", "lane", "actor", "state", "messages", "scored", "dead", "cancelled", "created")
    output.table(
        "",
        columns,
        [job[:11] for job in found],
        numbers=columns[6:10],
        spare=("actor", "cancelled", "dead", "created", "kind"),
    )


@app.command()
def pause(job: JobId) -> None:
    """Stop feeding a job; chunks in hand are finished."""
    from db import jobs

    _switch(job, jobs.pause, "paused", "open")


@app.command()
def resume(job: JobId) -> None:
    """Feed a paused job again."""
    from db import jobs

    _switch(job, jobs.resume, "open", "paused")


@app.command()
def cancel(job: JobId) -> None:
    """Give up what a job has not finished; mail that it accepted may then be accepted again."""
    from db import jobs

    _switch(job, jobs.cancel, "cancelled", "open or paused")


def _switch(job: str, act: Callable[..., bool], done: str, needed: str) -> None:
    from db import jobs
    from db.session import connect
    from scorelane.settings import Settings

    try:
        job_id = UUID(job)
    except ValueError:
        raise Misused(f"{job!r} is not a job's id; see: scorelane jobs list") from None
    with connect(Settings().database_url, application="scorelane-cli") as connection:
        if not act(connection, job_id):
            found = jobs.find(connection, job_id)
            raise CommandError(
                f"there is no job {job_id}" if found is None else f"job {job_id} is {found.state}, not {needed}"
            )
    output.note(f"job {job_id} is {done}")
