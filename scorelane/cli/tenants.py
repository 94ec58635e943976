"""``scorelane tenants``: the organisations whose mail is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scorelane.cli import output, privacy
from scorelane.cli.errors import CommandError

if TYPE_CHECKING:
    from db.session import Connection

app = typer.Typer(help="The organisations whose mail is scored.", no_args_is_help=True)
privacy.install(app)


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List tenants with their mailboxes and messages."""
    from db import tenants
    from db.session import connect
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        rows = tenants.listing(connection)
    columns = ("name", "created_at", "mailboxes", "messages")
    if as_json:
        output.json_array(dict(zip(columns, row, strict=True)) for row in rows)
    else:
        output.table("", columns, rows, numbers=columns[2:])


@app.command()
def create(name: Annotated[str, typer.Argument(help="1 to 63 of a-z 0-9 . _ -")]) -> None:
    """Make a tenant; nothing happens when it is there already."""
    from scorelane.cli.enqueue import make_tenant
    from scorelane.settings import Settings

    make_tenant(Settings().database_url, name)


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="A tenant whose mail was enqueued already.")],
    yes: Annotated[bool, typer.Option("--yes", help="Make the proposal the next version of its directory.")] = False,
    sample: Annotated[int, typer.Option(min=1, max=20_000, help="Newest messages to look at.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Propose own domains and trusted authserv-ids from mail that was already seen."""
    import msgspec

    from db import directories, tenants
    from db.session import connect
    from scorelane import directory
    from scorelane.cli.directory import author
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        owner = tenant_id(connection, name)
        found = directory.propose(tenants.mailboxes(connection, owner), tenants.sample(connection, owner, sample))
        if as_json:
            output.json_array(proposal._asdict() for proposal in found)
        else:
            output.table("", directory.Proposal._fields, found, numbers=("seen", "of"))
        if not found:
            raise CommandError(f"no mail of {name} speaks for anything yet; enqueue some first")
        if not yes:
            output.note(f"nothing was changed; accept with: scorelane tenants init {name} --yes")
            return
        version = directories.latest(connection, owner)
        held = directory.decode(directories.body(connection, owner, version), version)
        new = msgspec.structs.replace(
            held,
            domains=held.domains | {p.value for p in found if p.kind == "domain"},
            authserv_ids=held.authserv_ids | {p.value for p in found if p.kind == "authserv_id"},
        )
        made = directories.add(connection, owner, author=author(), body=directory.encode(new))
    output.note(f"directory {made} of {name} is in force for mail scored from now on")


def tenant_id(connection: Connection, name: str) -> int:
    """Id of a tenant that must be there."""
    from db import tenants

    found = tenants.find(connection, name)
    if found is None:
        raise CommandError(f"there is no tenant {name!r}; see: scorelane tenants list")
    return found
