"""The work of ``scorelane model compare``: the live bundle beside the one in shadow, over what both scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from db import bundles, comparison
from scorelane.cli import output, pointer
from scorelane.cli.errors import CommandError
from scorelane.scoring.agreement import Agreement, Flips, Pair, agreement, told
from scorelane.scoring.policy import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from db.comparison import Bin, Cell, Scope
    from db.session import Connection


def compare(
    *,
    live: str | None,
    shadow: str | None,
    tenant: str | None,
    since: datetime | None,
    differing: int,
    as_json: bool,
) -> None:
    """Print agreement, flips both ways and the stability of the scores."""
    from scorelane.cli.tenants import tenant_id

    with pointer.open_database() as connection:
        owner = None if tenant is None else tenant_id(connection, tenant)
        scope, names = _scope(connection, live, shadow)
        scope = scope._replace(tenant_id=owner, since=since)
        cells = comparison.cells(connection, scope)
        bins = comparison.bins(connection, scope)
        apart = comparison.disagreements(connection, scope, differing) if differing else []
    found = agreement([Pair(*cell) for cell in cells], bins)
    if as_json:
        output.json_array([_fields(scope, names, found, cells, bins, apart)])
        return
    output.note(f"live {names[0]} ({scope.live[:12]}), shadow {names[1]} ({scope.shadow[:12]})")
    if not found.messages:
        output.note("no message was scored by both yet")
        return
    _tables(found, cells, apart)


def _scope(connection: Connection, live: str | None, shadow: str | None) -> tuple[Scope, tuple[str, str]]:
    """The two bundles that were named, or those of the pointer in force, and their names."""
    now = bundles.current(connection)
    known = {one.digest: one.name for one in comparison.listing(connection, pointer.MOST_LISTED)}
    digests = []
    for named, place, pointed in (("live", live, now and now.live), ("shadow", shadow, now and now.shadow)):
        digest = pointer.find(connection, place)[0] if place is not None else pointed
        if digest is None:
            raise CommandError(
                f"no bundle is {'live' if named == 'live' else 'in shadow'}; name one with --{named}, or first: "
                f"scorelane model {'promote' if named == 'live' else 'shadow'} BUNDLE"
            )
        digests.append(digest)
    if digests[0] == digests[1]:
        raise CommandError("a bundle compared with itself agrees; name two")
    return comparison.Scope(digests[0], digests[1]), (
        known.get(digests[0], "unnamed"),
        known.get(digests[1], "unnamed"),
    )


def _fields(
    scope: Scope,
    names: tuple[str, str],
    found: Agreement,
    cells: Sequence[Cell],
    bins: Sequence[Bin],
    apart: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "live": names[0],
        "live_digest": scope.live,
        "shadow": names[1],
        "shadow_digest": scope.shadow,
        "messages": found.messages,
        "agreed": found.agreed,
        "agreement": found.share,
        "only_shadow": found.only_shadow._asdict(),
        "only_live": found.only_live._asdict(),
        "mean_shift": found.mean_shift,
        "psi": found.stability,
        "cells": [cell._asdict() for cell in cells],
        "bins": [one._asdict() for one in bins],
        "differing": list(apart),
    }


def _tables(found: Agreement, cells: Sequence[Cell], apart: Sequence[dict[str, Any]]) -> None:
    by_pair = {(cell.live, cell.shadow): cell.messages for cell in cells}
    rows = [(live, *(by_pair.get((live, shadow), 0) for shadow in VERDICTS)) for live in VERDICTS]
    output.table("Messages by verdict, live in rows and shadow in columns", ("", *VERDICTS), rows, numbers=VERDICTS)
    assert found.share is not None
    assert found.stability is not None
    assert found.mean_shift is not None
    lines = [
        ("agreement", f"{100 * found.share:.2f} % of {found.messages} messages"),
        ("flagged by the shadow alone", _flips(found.only_shadow)),
        ("flagged by the live alone", _flips(found.only_live)),
        ("mean shift", f"{found.mean_shift:+.3f} log-odds"),
        ("PSI", f"{found.stability:.4f}: {told(found.stability)}"),
    ]
    output.table("", ("over what both scored", ""), lines)
    if apart:
        columns = ("message_id", "live", "live_log_odds", "shadow", "shadow_log_odds", "sender", "subject")
        output.table("", columns, [[row[name] for name in columns] for row in apart])


def _flips(found: Flips) -> str:
    said = f"; labelled unwanted {found.unwanted}, legitimate {found.legitimate}"
    return f"{found.messages}{said if found.unwanted or found.legitimate else ''}"
