"""``scorelane directory``: what a tenant says of itself, in versions."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError

if TYPE_CHECKING:
    from scorelane.signals.context import Directory

app = typer.Typer(help="Own domains, people, partners and trusted servers of a tenant.", no_args_is_help=True)
Tenant = Annotated[str, typer.Option(help="The organisation.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")]
FAULTS = 20


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="A .csv or .json file; - reads CSV from standard input.")],
    tenant: Tenant,
) -> None:
    """Make a file the tenant's directory, as its next version. Nothing changes when a row is wrong."""
    from db import directories
    from db.session import connect
    from scorelane import directory
    from scorelane.cli.tenants import tenant_id
    from scorelane.settings import Settings

    held = read_file(path)
    with connect(Settings().database_url, application="scorelane-cli") as connection:
        version = directories.add(
            connection, tenant_id(connection, tenant), author=author(), body=directory.encode(held)
        )
    output.note(
        f"directory {version} of {tenant}: {len(held.domains)} domains, {len(held.people)} people, "
        f"{len(held.partners)} partners, {len(held.authserv_ids)} authserv-ids"
    )


@app.command()
def show(
    tenant: Tenant,
    version: Annotated[int | None, typer.Option(min=1, help="An older version; else the one in force.")] = None,
    as_json: Json = False,
) -> None:
    """Show the entries of a version, as `import` takes them."""
    from db import directories
    from db.session import connect
    from scorelane import directory
    from scorelane.cli.tenants import tenant_id
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        owner = tenant_id(connection, tenant)
        wanted = directories.latest(connection, owner) if version is None else version
        body = directories.body(connection, owner, wanted)
    if body is None and version is not None:
        raise CommandError(f"{tenant} has no directory {version}; see: scorelane directory list --tenant {tenant}")
    rows = directory.rows_of(directory.decode(body, wanted))
    if as_json:
        output.json_array(dict(zip(directory.COLUMNS, row, strict=True)) for row in rows)
    else:
        output.table(f"Directory {wanted} of {tenant}", directory.COLUMNS, rows)


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option(help="Only this organisation.")] = None, as_json: Json = False
) -> None:
    """List the versions, newest first."""
    from db import directories
    from db.session import connect
    from scorelane import directory
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        stored = directories.listing(connection, tenant)
    columns = ("tenant", "version", "valid_from", "author", "domains", "people", "partners", "authserv_ids")
    rows = []
    for name, version, valid_from, who, body in stored:
        held = directory.decode(body, version)
        sizes = (len(held.domains), len(held.people), len(held.partners), len(held.authserv_ids))
        rows.append((name, version, valid_from, who, *sizes))
    if as_json:
        output.json_array(dict(zip(columns, row, strict=True)) for row in rows)
    else:
        output.table("", columns, rows, numbers=columns[4:])


def read_file(path: Path) -> Directory:
    """The directory of a file; every wrong row gets a line, and then nothing of it is used."""
    from scorelane import directory

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except OSError as fault:
        raise CommandError(f"{path} cannot be read: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not UTF-8 text") from None
    found = directory.read(text, is_json=path.suffix == ".json")
    for line in found.faults[:FAULTS]:
        output.note(f"{path}: {line}")
    if found.faults:
        raise CommandError(f"{path}: {len(found.faults)} of its entries are wrong; nothing of it is used")
    return found.directory


def author() -> str:
    """Who is at the keyboard, as versions record it."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):
        return "cli"
