"""``scorelane outbox``: where events go, what became of each delivery, and another try."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError, Misused

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from db.session import Connection

app = typer.Typer(help="Where events go, what became of each delivery, and another try.", no_args_is_help=True)

AUTHOR = "scorelane outbox"
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")]
DeliveryId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The delivery's id, as the listing says.")]
DestinationId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The destination's id.")]


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="waiting, delivered or dead.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first."""
    from db import outbox

    if state not in (None, "waiting", "delivered", "dead"):
        raise Misused(f"--state {state!r} is not waiting, delivered or dead")
    with _database() as connection:
        rows = outbox.listing(connection, state=state, tenant=tenant, limit=limit)
    if as_json:
        output.json_array(rows)
        return
    columns = ("id", "destination", "kind", "state", "attempts", "next_attempt_at", "status", "error")
    output.table("", columns, [[row[name] for name in columns] for row in rows], numbers=("attempts", "status"))


@app.command()
def show(delivery_id: DeliveryId, as_json: AsJson = False) -> None:
    """Show one delivery with what it carries."""
    from db import outbox

    with _database() as connection:
        row = outbox.event(connection, delivery_id)
    if row is None:
        raise CommandError(f"there is no delivery {delivery_id}; see: scorelane outbox list")
    if as_json:
        output.json_array([row])
        return
    cells: list[tuple[str, Any]] = [(name, value) for name, value in row.items() if value is not None]
    output.table("", ("field", "value"), cells)


@app.command()
def replay(
    delivery_id: Annotated[int | None, typer.Argument(metavar="[ID]", min=1, help="The delivery's id.")] = None,
    dead_of: Annotated[int | None, typer.Option(min=1, help="Every dead delivery of this destination.")] = None,
) -> None:
    """Deliver again: one delivery, or all dead ones of a destination."""
    from db import outbox

    if (delivery_id is None) == (dead_of is None):
        raise Misused("say one delivery's id, or --dead-of DESTINATION_ID")
    with _database() as connection:
        if dead_of is not None:
            output.note(f"{outbox.replay_dead(connection, dead_of)} deliveries wait for another try")
        elif outbox.replay(connection, delivery_id or 0) is None:
            raise CommandError(f"there is no ended delivery {delivery_id} of a destination that is still there")
        else:
            output.note(f"delivery {delivery_id} waits for another try")


@app.command()
def destinations(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None, as_json: AsJson = False
) -> None:
    """List where events go."""
    from db import outbox

    with _database() as connection:
        rows = outbox.list_destinations(connection, tenant)
    if as_json:
        output.json_array(rows)
        return
    columns = ("id", "tenant", "name", "kind", "target", "verdicts", "waiting", "dead", "failures")
    output.table("", columns, [[row[name] for name in columns] for row in rows], numbers=columns[-3:])


@app.command()
def add(
    tenant: Annotated[str, typer.Option(help="Whose events.")],
    name: Annotated[str, typer.Option(help="What people call it.")],
    webhook: Annotated[str | None, typer.Option(help="Address to POST to.")] = None,
    file: Annotated[str | None, typer.Option(help="Absolute path of a file of JSON lines.")] = None,
    verdict: Annotated[list[str] | None, typer.Option(help="Only these verdicts; may be given again.")] = None,
) -> None:
    """Send a tenant's events somewhere; prints the secret that signs a webhook's calls, this once."""
    from db import tenants
    from scorelane import outbox

    if (webhook is None) == (file is None):
        raise Misused("say --webhook URL or --file PATH")
    with _database() as connection, connection.transaction():
        tenant_id = tenants.find(connection, tenant)
        if tenant_id is None:
            raise CommandError(f"there is no tenant {tenant!r}; make it with: scorelane tenants create {tenant}")
        made = outbox.add(
            connection,
            tenant_id,
            name=name,
            kind="webhook" if webhook else "file",
            target=webhook or file or "",
            verdicts=verdict or None,
            author=AUTHOR,
        )
    output.note(f"destination {made.id} gets the events of tenant {tenant} from now on")
    if made.secret:
        sys.stdout.write(f"{made.secret}\n")


@app.command()
def remove(destination_id: DestinationId) -> None:
    """Send nothing more to a destination; what waits for it is dead."""
    from db import audit, outbox

    with _database() as connection, connection.transaction():
        tenant_id = outbox.remove_destination(connection, destination_id)
        if tenant_id is None:
            raise CommandError(f"there is no destination {destination_id}; see: scorelane outbox destinations")
        audit.record(connection, tenant_id, actor=AUTHOR, action="destination.remove", object_=destination_id)
    output.note(f"destination {destination_id} gets nothing more")


def _database() -> AbstractContextManager[Connection]:
    from db.session import connect
    from scorelane.settings import Settings

    return connect(Settings().database_url, application="scorelane-cli")
