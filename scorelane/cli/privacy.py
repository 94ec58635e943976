"""Parts of ``scorelane tenants``: how long what is kept, erasing a mailbox with proof, what is held of an address."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError, Misused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from db.session import Connection

AUTHOR = "scorelane tenants"
Name = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's name.")]
Mailbox = Annotated[str, typer.Argument(metavar="ADDRESS", help="The address.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")]
Days = Annotated[int | None, typer.Option(min=1, max=36_500, help="Days from acceptance.")]


def retention(
    name: Name, raw_days: Days = None, vector_days: Days = None, score_days: Days = None, as_json: AsJson = False
) -> None:
    """Show or set how many days a tenant keeps raw mail, vectors and scores."""
    from db import audit
    from db import retention as queries

    with _tenant(name) as (connection, tenant_id), connection.transaction():
        kept = queries.periods(connection, tenant_id)
        assert kept is not None
        asked = {"raw_days": raw_days, "vector_days": vector_days, "score_days": score_days}
        changes = {field: days for field, days in asked.items() if days is not None}
        if changes:
            kept = kept._replace(**changes)
            queries.set_periods(connection, tenant_id, kept)
            audit.record(connection, tenant_id, actor=AUTHOR, action="retention.set", detail=kept._asdict())
    if as_json:
        output.json_array([kept._asdict()])
    else:
        output.table("", ("kept", "days"), list(kept._asdict().items()), numbers=("days",))


def retain(name: Name) -> None:
    """Let go of what is past its period, now; the running system does so by itself."""
    from db import retention as queries

    total: dict[str, int] = {}
    with _tenant(name) as (connection, tenant_id):
        while found := queries.retain(connection, tenant_id):
            total = {kind: total.get(kind, 0) + found.get(kind, 0) for kind in {*total, *found}}
    rows = ", ".join(f"{number} of kind {kind}" for kind, number in sorted(total.items()) if number)
    output.note(f"rows deleted: {rows or 'none, nothing is past its period'}")


def erase(
    name: Name,
    address: Mailbox,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; there is no way back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a mailbox with all that was written about its messages; prints the record that proves it."""
    from db import erasures

    if not yes:
        raise Misused(f"this deletes mailbox {address} of tenant {name} for good; say --yes to do it")
    with _tenant(name) as (connection, tenant_id):
        erasure_id = erasures.request(connection, tenant_id, address, author=AUTHOR)
        if erasure_id is None:
            raise CommandError(f"tenant {name} has no mailbox {address}")
        while (record := erasures.find(connection, erasure_id)) and record["finished_at"] is None:
            erasures.step(connection, erasure_id)
    assert record is not None
    _print([record], as_json=as_json)


def list_erasures(
    name: Name,
    address: Annotated[str | None, typer.Option(help="Only those of this address.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the records of erasures; fails where their chain was broken."""
    from db import erasures

    with _tenant(name) as (connection, tenant_id):
        wrong = erasures.broken(erasures.listing(connection, tenant_id))
        rows = erasures.listing(connection, tenant_id, address=address)
    _print(rows, as_json=as_json)
    if wrong:
        raise CommandError(f"the record {wrong[0]} is not what it was when the mailbox was erased")


def export(
    name: Name,
    address: Mailbox,
    raw: Annotated[bool, typer.Option("--raw", help="With each message as it was received, base64.")] = False,
) -> None:
    """Print all that is held about an address, a JSON line each: its mailbox, what it received and what it sent."""
    from db import audit, erasures
    from scorelane import exporting

    with _tenant(name) as (connection, tenant_id):
        digest = erasures.address_digest(address).hex()
        audit.record(connection, tenant_id, actor=AUTHOR, action="address.export", object_=digest, detail={"raw": raw})
        lines = 0
        for record in _records(connection, tenant_id, address, with_raw=raw):
            sys.stdout.buffer.write(exporting.line(record))
            lines += 1
    output.note(f"{lines} records are held about {address}")


def _records(connection: Connection, tenant_id: int, address: str, *, with_raw: bool) -> Iterator[dict[str, Any]]:
    from db import exports

    mailbox = exports.mailbox(connection, tenant_id, address)
    if mailbox is not None:
        yield mailbox
    after = None
    while True:
        records, after = exports.page(connection, tenant_id, address, after=after, with_raw=with_raw)
        yield from records
        if after is None:
            return


def _print(records: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.json_array(records)
        return
    for record in records:
        cells = [(field, bytes(value).hex() if isinstance(value, bytes) else value) for field, value in record.items()]
        output.table("", ("field", "value"), cells)


def _tenant(name: str) -> AbstractContextManager[tuple[Connection, int]]:
    import contextlib

    from db import tenants
    from db.session import connect
    from scorelane.settings import Settings

    @contextlib.contextmanager
    def opened() -> Iterator[tuple[Connection, int]]:
        with connect(Settings().database_url, application="scorelane-cli") as connection:
            tenant_id = tenants.find(connection, name)
            if tenant_id is None:
                raise CommandError(f"there is no tenant {name!r}; see: scorelane tenants list")
            yield connection, tenant_id

    return opened()


def install(app: typer.Typer) -> None:
    """Add these to ``scorelane tenants``."""
    app.command()(retention)
    app.command()(retain)
    app.command()(erase)
    app.command("erasures")(list_erasures)
    app.command()(export)
