"""``scorelane users``: who may log in to the console, and as what."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError, Misused

if TYPE_CHECKING:
    from db.session import Connection

app = typer.Typer(help="Who may log in to the console, and as what.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="1 to 100 of a-z 0-9 . _ @ + -; an address will do.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input; else one is made and printed.")
]


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List users with their roles ("tenant:role", * for every tenant)."""
    from db import users

    with _connect() as connection:
        rows = users.listing(connection)
    if as_json:
        output.json_array(row._asdict() for row in rows)
    else:
        output.table("", users.Listed._fields, rows)


@app.command()
def create(
    name: Name,
    tenant: Annotated[str | None, typer.Option(help="The tenant whose mail the user sees.")] = None,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Every tenant, also those to come.")] = False,
    role: Annotated[str, typer.Option(help="analyst, ops or admin.")] = "analyst",
    password_stdin: FromStdin = False,
) -> None:
    """Make a user with one role."""
    from scorelane import accounts

    if (tenant is None) == (not all_tenants):
        raise Misused("give either --tenant NAME or --all-tenants")
    with _connect() as connection:
        password, made = _password(password_stdin)
        try:
            accounts.create(connection, name, password, tenant_id=_tenant(connection, tenant), role=role)
        except accounts.AccountError as refused:
            raise Misused(str(refused)) from None
    output.note(f"user {name.lower()} may log in as {role} of {tenant or 'every tenant'}")
    if made:
        sys.stdout.write(f"{password}\n")


@app.command()
def grant(
    name: Name,
    role: Annotated[str, typer.Option(help="analyst, ops or admin.")],
    tenant: Annotated[str | None, typer.Option(help="In this tenant.")] = None,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="In every tenant.")] = False,
) -> None:
    """Give a user a role in a tenant, in place of the one held there."""
    from db import users

    if (tenant is None) == (not all_tenants):
        raise Misused("give either --tenant NAME or --all-tenants")
    if role not in users.ROLES:
        raise Misused(f"--role: {role!r} is not one of {', '.join(users.ROLES)}")
    with _connect() as connection:
        found = users.for_login(connection, name.lower())
        if found is None:
            raise CommandError(f"there is no user {name!r}")
        users.grant(connection, found.id, _tenant(connection, tenant), role)
    output.note(f"user {name.lower()} is {role} of {tenant or 'every tenant'}")


@app.command()
def password(name: Name, password_stdin: FromStdin = False) -> None:
    """Set a new password; it ends the user's sessions and a lock."""
    from scorelane import accounts

    with _connect() as connection:
        new, made = _password(password_stdin)
        try:
            accounts.set_password(connection, name, new)
        except accounts.AccountError as refused:
            raise CommandError(str(refused)) from None
    if made:
        sys.stdout.write(f"{new}\n")


@app.command()
def disable(name: Name) -> None:
    """Let a user log in no more; open sessions end at once."""
    _set_disabled(name, disabled=True)


@app.command()
def enable(name: Name) -> None:
    """Let a disabled user log in again."""
    _set_disabled(name, disabled=False)


def _set_disabled(name: str, *, disabled: bool) -> None:
    from db import users

    with _connect() as connection:
        if not users.set_disabled(connection, name.lower(), disabled=disabled):
            raise CommandError(f"there is no user {name!r}")
    output.note(f"user {name.lower()} is {'disabled' if disabled else 'enabled'}")


def _connect() -> Connection:
    from db.session import connect
    from scorelane.settings import Settings

    return connect(Settings().database_url, application="scorelane-cli")


def _tenant(connection: Connection, name: str | None) -> int | None:
    from db import tenants

    if name is None:
        return None
    found = tenants.find(connection, name)
    if found is None:
        raise CommandError(f"there is no tenant {name!r}; scorelane tenants list shows them")
    return found


def _password(from_stdin: bool) -> tuple[str, bool]:
    from scorelane.accounts import make_password

    return (sys.stdin.readline().rstrip("\r\n"), False) if from_stdin else (make_password(), True)
