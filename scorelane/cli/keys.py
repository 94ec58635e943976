"""``scorelane keys``: who may call the API, for which tenant and with which role."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError

if TYPE_CHECKING:
    from scorelane.access import Minted

app = typer.Typer(help="Who may call the API, for which tenant and role.", no_args_is_help=True)

AUTHOR = "scorelane keys"
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as the listing says.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")]


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    as_json: AsJson = False,
) -> None:
    """List keys, oldest first. Secrets are shown once, when they are made."""
    from db import api_keys
    from db.session import connect
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        rows = api_keys.listing(connection, tenant=tenant)
    if as_json:
        output.json_array(rows)
        return
    columns = ("id", "tenant", "role", "name", "rate_per_s", "created_at", "last_used_at", "revoked_at")
    output.table("", columns, [[row[name] for name in columns] for row in rows], numbers=("rate_per_s",))


@app.command()
def create(
    tenant: Annotated[str, typer.Option(help="The organisation whose rows the key sees; it must exist.")],
    role: Annotated[str, typer.Option(help="ingest, analyst, ops or admin.")],
    name: Annotated[str, typer.Option(help="What holds the key, for people.")] = "key",
    rate: Annotated[int | None, typer.Option(help="Calls a second; else what its role gets.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; else it does not.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it: it is shown this once and kept as a hash."""
    from db import tenants
    from db.session import connect
    from scorelane import access
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection, connection.transaction():
        tenant_id = tenants.find(connection, tenant)
        if tenant_id is None:
            raise CommandError(f"there is no tenant {tenant!r}; make it with: scorelane tenants create {tenant}")
        expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
        made = access.create(
            connection, tenant_id, name=name, role=role, author=AUTHOR, rate_per_s=rate, expires_at=expires_at
        )
    _print(made, as_json=as_json)


@app.command()
def rotate(
    key_id: KeyId,
    grace_hours: Annotated[float, typer.Option(min=0, help="How long the old secret works beside the new.")] = 24,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret and print it."""
    from db.session import connect
    from scorelane import access
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection, connection.transaction():
        made = access.rotate(connection, key_id, author=AUTHOR, grace=timedelta(hours=grace_hours))
    _print(made, as_json=as_json)


@app.command()
def revoke(key_id: KeyId) -> None:
    """End a key for good; callers are refused within seconds."""
    from db.session import connect
    from scorelane import access
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection, connection.transaction():
        access.revoke(connection, key_id, author=AUTHOR)
    output.note(f"key {key_id} is revoked")


def _print(made: Minted, *, as_json: bool) -> None:
    import sys

    if as_json:
        output.json_array([made._asdict()])
        return
    output.note(f"key {made.id}; this is the only time that its secret is shown")
    sys.stdout.write(f"{made.key}\n")
