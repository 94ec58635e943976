"""``scorelane dead-letters``: messages that no attempt could score; look at them, replay or discard them."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError, Misused

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.session import Connection

app = typer.Typer(help="Messages that no attempt could score.", no_args_is_help=True)

ERROR_CHARS = 70
Tenant = Annotated[str | None, typer.Option(help="Of one tenant.")]
Lane = Annotated[str | None, typer.Option(help="Of one lane.")]
Error = Annotated[str | None, typer.Option(help="Whose error contains this text.")]
Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID...]", help="Numbers of dead letters.")]
All = Annotated[bool, typer.Option("--all", help="Every open one that the filters leave.")]
By = Annotated[str | None, typer.Option(help="Who decides; else the name of the logged-in user.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")]


@app.command("list")
def list_(
    tenant: Tenant = None,
    lane: Lane = None,
    error: Error = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="With those replayed and discarded.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, newest first.")] = 100,
    as_json: Json = False,
) -> None:
    """List dead letters, newest first."""
    from db import dead_letters

    with _connect() as connection:
        _known(connection, tenant=tenant, lane=lane)
        letters = dead_letters.listing(
            connection, tenant=tenant, lane=lane, error=error, resolved=resolved, limit=limit
        )
    if as_json:
        output.json_array(letter._asdict() for letter in letters)
        return
    columns = ("id", "tenant", "message", "lane", "attempts", "died", "error", "resolution")
    rows = [
        (one.id, one.tenant, one.message_id, one.lane, one.attempts, one.died_at, one.error[:ERROR_CHARS],
         "open" if one.resolution is None else f"{one.resolution} by {one.resolved_by}")
        for one in letters
    ]  # fmt: skip
    output.table("", columns, rows, numbers=("id", "attempts"))


@app.command()
def show(letter: Annotated[int, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Show one dead letter with its whole error."""
    from db import dead_letters

    with _connect() as connection:
        found = dead_letters.listing(connection, letter_id=letter, resolved=True, limit=1)
    if not found:
        raise CommandError(f"there is no dead letter {letter}")
    if as_json:
        output.json_array(one._asdict() for one in found)
        return
    output.table("", ("field", "value"), list(found[0]._asdict().items()))


def _offer(name: str, done: str, sentence: str) -> None:
    """A command that decides on dead letters by `db.dead_letters`' function of the same name."""

    @app.command(name, help=sentence)
    def decide(
        ids: Ids = None,
        tenant: Tenant = None,
        lane: Lane = None,
        error: Error = None,
        everything: All = False,
        by: By = None,
    ) -> None:
        from db import dead_letters

        act = getattr(dead_letters, name)
        _resolve(ids, act, done, everything, by, tenant=tenant, lane=lane, error=error)


_offer("replay", "replayed", "Try again, after a fix: each message gets a fresh chunk in its lane.")
_offer("discard", "discarded", "Close without another attempt; the message stays without a score.")


def _resolve(
    ids: list[int] | None,
    act: Callable[[Connection, int, str], bool],
    done: str,
    everything: bool,
    by: str | None,
    **filters: Any,
) -> None:
    from db import dead_letters

    if bool(ids) == everything:
        raise Misused("name dead letters by number, or say --all with filters")
    author = by or getpass.getuser()
    with _connect() as connection:
        _known(connection, tenant=filters["tenant"], lane=filters["lane"])
        letters = ids or [letter.id for letter in dead_letters.listing(connection, limit=100_000, **filters)]
        missing = [letter for letter in letters if not act(connection, letter, author)]
    output.note(f"{len(letters) - len(missing)} {done}")
    if missing:
        raise CommandError(f"not open: {', '.join(map(str, missing))}")


def _known(connection: Connection, *, tenant: str | None, lane: str | None) -> None:
    """A filter that names nothing is a slip, not an empty list."""
    from db import tenants
    from scorelane.enqueuer.lanes import LANES

    if lane is not None and lane not in LANES:
        raise CommandError(f"there is no lane {lane!r}; the lanes are {', '.join(LANES)}")
    if tenant is not None and tenants.find(connection, tenant) is None:
        raise CommandError(f"there is no tenant {tenant!r}; see: scorelane tenants list")


def _connect() -> Connection:
    from db.session import connect
    from scorelane.settings import Settings

    return connect(Settings().database_url, application="scorelane-cli")
