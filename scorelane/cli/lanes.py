"""``scorelane lanes``: what waits, how old the oldest is, how full the windows are; pause and resume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError

if TYPE_CHECKING:
    from db.lanes import LaneState

app = typer.Typer(help="Backlog, oldest age and windows of the lanes; pause, resume and drain them.")


@app.callback(invoke_without_command=True)
def lanes(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Show every lane by urgency: messages ready, published and claimed, ages in seconds."""
    if context.invoked_subcommand is not None:
        return
    from db import lanes as queries
    from db.session import connect
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        states = queries.states(connection)
    if as_json:
        output.json_array(state._asdict() for state in states)
        return
    columns = (
        "lane",
        "state",
        "ready",
        "published",
        "claimed",
        "held",
        "window",
        "limit",
        "oldest s",
        "wait s",
        "run s",
        "done 1 min",
    )
    rows = [
        (
            state.name, _state(state), state.ready, state.published, state.claimed, state.held,
            state.window_messages, state.backlog_limit, state.oldest_s, state.wait_s, state.run_s, state.finished_1m,
        )
        for state in states
    ]  # fmt: skip
    output.table("", columns, rows, numbers=columns[2:], spare=("limit", "held", "run s", "wait s", "window"))


@app.command()
def pause(lane: Annotated[str, typer.Argument(help="The lane's name.")]) -> None:
    """Stop feeding a lane; what is in hand is finished."""
    _switch(lane, paused=True)


@app.command()
def resume(lane: Annotated[str, typer.Argument(help="The lane's name.")]) -> None:
    """Feed a paused lane again."""
    _switch(lane, paused=False)


@app.command()
def drain(
    lane: Annotated[str, typer.Argument(help="The lane's name.")],
    end: Annotated[bool, typer.Option("--end", help="Take new work again.")] = False,
) -> None:
    """Take nothing new into a lane while it works off what it has; accepting answers Busy."""
    from db import lanes as queries
    from db.session import connect
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        _known(lane, queries.drain(connection, lane, draining=not end))
    output.note(f"lane {lane} {'takes new work' if end else 'is draining'}")


def _state(lane: LaneState) -> str:
    words = [word for word, on in (("paused", lane.paused), ("draining", lane.draining)) if on]
    return ", ".join(words) or "open"


def _known(lane: str, found: bool) -> None:
    from scorelane.enqueuer.lanes import LANES

    if not found:
        raise CommandError(f"there is no lane {lane!r}; the lanes are {', '.join(LANES)}")


def _switch(lane: str, *, paused: bool) -> None:
    from db import lanes as queries
    from db.session import connect
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        _known(lane, queries.pause(connection, lane, paused=paused))
    output.note(f"lane {lane} is {'paused' if paused else 'open'}")
