"""``scorelane tenants``: the organisations whose mail is scored."""

from __future__ import annotations

from typing import Annotated

import typer

from scorelane.cli import output, privacy

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
