"""``scorelane policy``: a tenant's thresholds, allow and block lists, in versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scorelane.cli import output
from scorelane.cli.directory import author
from scorelane.cli.errors import CommandError, Misused

if TYPE_CHECKING:
    from collections.abc import Callable

    from scorelane.scoring import TenantPolicy

app = typer.Typer(help="Thresholds, allow and block lists of a tenant.", no_args_is_help=True)
Tenant = Annotated[str, typer.Option(help="The organisation.")]
Value = Annotated[str, typer.Argument(metavar="ADDRESS|DOMAIN", help="A From address, or a domain and all below it.")]
Days = Annotated[float | None, typer.Option(help="The entry ends after so many days; else never.")]
Note = Annotated[str, typer.Option(help="Why, for the record.")]
TRIES = 5


@app.command()
def show(
    tenant: Tenant,
    version: Annotated[int | None, typer.Option(min=1, help="An older version; else the one in force.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Show thresholds and overrides. Scores never change by them: verdicts do, and say by which rule."""
    from db import policies
    from db.session import connect
    from scorelane.cli.tenants import tenant_id
    from scorelane.scoring.policy import read_policy
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        found, body = policies.body(connection, tenant_id(connection, tenant), version)
    if version is not None and found != version:
        raise CommandError(f"{tenant} has no policy {version}")
    policy = read_policy(body)
    columns = ("action", "kind", "value", "expires_at", "author", "added_at", "note")
    rows = [[getattr(override, name) for name in columns] for override in policy.overrides]
    if as_json:
        overrides = [dict(zip(columns, row, strict=True)) for row in rows]
        output.json_array([{"version": found, "flag": policy.flag, "suspect": policy.suspect, "overrides": overrides}])
        return
    levels = [("version", found), ("flag", _level(policy.flag)), ("suspect", _level(policy.suspect))]
    output.table("", ("field", "value"), levels)
    output.table("", columns, rows)


def _level(value: float | None) -> str:
    return "the bundle's" if value is None else f"{value:g} log-odds"


@app.command("set")
def set_(
    tenant: Tenant,
    flag: Annotated[str | None, typer.Option(help="Log-odds from which mail is an attack or spam; or: bundle.")] = None,
    suspect: Annotated[str | None, typer.Option(help="Log-odds from which mail is suspicious; or: bundle.")] = None,
) -> None:
    """Set thresholds for mail scored from now on; `bundle` goes back to the bundle's own."""
    import msgspec

    if flag is None and suspect is None:
        raise Misused("nothing to set: give --flag, --suspect or both")
    changes = {name: _log_odds(name, text) for name, text in (("flag", flag), ("suspect", suspect)) if text is not None}

    def change(old: TenantPolicy) -> TenantPolicy:
        new = msgspec.structs.replace(old, **changes)
        if new.flag is not None and new.suspect is not None and new.suspect > new.flag:
            raise CommandError(f"suspect {new.suspect:g} is above flag {new.flag:g}; it must not be")
        return new

    _change(tenant, change)


def _log_odds(name: str, text: str) -> float | None:
    import math

    if text == "bundle":
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Misused(f"--{name}: {text!r} is neither a number of log-odds nor `bundle`")
    return value


@app.command()
def allow(value: Value, tenant: Tenant, days: Days = None, note: Note = "") -> None:
    """Call a sender's or domain's mail clean whatever its score."""
    _override("allow", value, tenant, days, note)


@app.command()
def block(value: Value, tenant: Tenant, days: Days = None, note: Note = "") -> None:
    """Call a sender's or domain's mail spam, or an attack where its category says so, whatever its score."""
    _override("block", value, tenant, days, note)


@app.command()
def remove(value: Value, tenant: Tenant) -> None:
    """Take a sender or domain off both lists."""
    import msgspec

    wanted = value.strip().lower()

    def change(old: TenantPolicy) -> TenantPolicy:
        kept = tuple(override for override in old.overrides if override.value != wanted)
        if len(kept) == len(old.overrides):
            raise CommandError(f"{wanted} is on no list; see: scorelane policy show --tenant {tenant}")
        return msgspec.structs.replace(old, overrides=kept)

    _change(tenant, change)


def _override(action: str, value: str, tenant: str, days: float | None, note: str) -> None:
    import msgspec

    from scorelane.scoring.policy import override

    if days is not None and not 0 < days <= 36_500:  # noqa: PLR2004 - a century
        raise Misused(f"--days: {days:g} is not between 0 and 36500")
    now = datetime.now(UTC)
    try:
        entry = override(
            action,
            value,
            author=author(),
            at=now,
            expires_at=None if days is None else now + timedelta(days=days),
            note=note,
        )
    except ValueError as fault:
        raise Misused(str(fault)) from None

    def change(old: TenantPolicy) -> TenantPolicy:
        kept = [o for o in old.overrides if (o.kind, o.value) != (entry.kind, entry.value)]
        return msgspec.structs.replace(old, overrides=(*kept, entry))

    _change(tenant, change)


def _change(tenant: str, change: Callable[[TenantPolicy], TenantPolicy]) -> None:
    """Append a version made from the newest one; again from the start where somebody else was faster."""
    import msgspec

    from db import policies
    from db.session import connect
    from scorelane.cli.tenants import tenant_id
    from scorelane.scoring.policy import read_policy
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        owner = tenant_id(connection, tenant)
        for _ in range(TRIES):
            version, body = policies.body(connection, owner)
            new: dict[str, Any] = msgspec.to_builtins(change(read_policy(body)))
            made = policies.add(connection, owner, author=author(), body=new, after=version)
            if made is not None:
                output.note(f"policy {made} of {tenant} is in force for mail scored from now on")
                return
    raise CommandError("others change this policy at the same time; try again")
