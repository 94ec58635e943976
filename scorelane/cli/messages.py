"""``scorelane messages``: verdicts with every revision and its reasons."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError, Misused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection as SqlConnection

    from db.messages import Filter
    from db.session import Connection

app = typer.Typer(help="Verdicts of messages, with every revision and its reasons.", no_args_is_help=True)

PAGE_MESSAGES = 500
REASONS = 8


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    mailbox: Annotated[str | None, typer.Option(help="Only this address.")] = None,
    verdict: Annotated[str | None, typer.Option(help="attack, suspicious, spam or clean.")] = None,
    category: Annotated[str | None, typer.Option(help="Only this kind of attack.")] = None,
    state: Annotated[str | None, typer.Option(help="accepted, scored, observed or dead.")] = None,
    sender: Annotated[str | None, typer.Option(help="Only this From address.")] = None,
    sender_domain: Annotated[str | None, typer.Option(help="Only this From domain.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only subjects that contain this.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only received at or after this time, UTC.")] = None,
    before: Annotated[str | None, typer.Option(help="Go on after this message id, as the last page says.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many; 50 in a table, all in JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List messages with their verdicts, newest first."""
    from datetime import UTC

    from db import messages
    from db.session import engine
    from scorelane.settings import Settings

    wanted = messages.Filter(
        tenant, mailbox, verdict, category, state, sender, sender_domain, subject,
        since.replace(tzinfo=UTC) if since else None, _message_id(before) if before else None,
    )  # fmt: skip
    with engine(Settings().database_url).connect() as connection:
        if as_json:
            output.json_array(_pages(connection, wanted, limit))
            return
        most = limit or 50
        rows = list(_pages(connection, wanted, most))
    columns = ("id", "received_at", "verdict", "category", "log_odds", "sender", "subject")
    cells = [[row["verdict"] or row["state"] if name == "verdict" else row[name] for name in columns] for row in rows]
    output.table("", columns, cells, numbers=("log_odds",))
    if len(rows) == most:
        output.note(f"more with: --before {rows[-1]['id']}")


@app.command()
def show(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="The message's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Show one message: what it is, every revision of its score, and why."""
    from db import messages
    from db.session import connect, engine
    from scorelane.settings import Settings

    wanted = _message_id(message_id)
    url = Settings().database_url
    with engine(url).connect() as sql, connect(url, application="scorelane-cli") as connection:
        found = messages.listing(sql, messages.Filter(before=UUID(int=wanted.int + 1)), 1)
        if not found or found[0]["id"] != wanted:
            raise CommandError(f"there is no message {wanted}")
        revisions = [
            {
                **revision,
                "reasons": reasons(connection, wanted, revision["revision"]),
                "changes": changes(connection, wanted, revision["revision"]),
            }
            for revision in messages.revisions(sql, wanted)
        ]
    if as_json:
        output.json_array([{**found[0], "revisions": revisions}])
        return
    output.table("", ("field", "value"), [(name, value) for name, value in found[0].items() if value is not None])
    for revision in revisions:
        title = (
            f"\nrevision {revision['revision']} ({revision['cause']}): {revision['verdict']}, "
            f"log-odds {revision['log_odds']:.2f}, known {revision['known_at']:%Y-%m-%d %H:%M:%S}"
        )
        output.table(title, ("reasons",), [(reason,) for reason in revision["reasons"]])
        if revision["changes"]:
            output.table("", ("changed since the revision before",), [(change,) for change in revision["changes"]])


def reasons(connection: Connection, message_id: UUID, revision: int) -> list[str]:
    """Sentences of one revision, strongest first; one that says so where vector or bundle are gone."""
    from scorelane import explanations

    try:
        return explanations.read(connection, message_id, revision).reasons(REASONS)
    except explanations.Gone as gone:
        return [f"the reasons are gone: {gone}"]


def changes(connection: Connection, message_id: UUID, revision: int) -> list[str]:
    """What a revision changed and the new facts that it used; empty for the first and where a part is gone."""
    from scorelane import changes as change
    from scorelane import explanations

    try:
        return change.read(connection, message_id, revision).sentences() if revision > 1 else []
    except explanations.Gone:
        return []


def _pages(connection: SqlConnection, wanted: Filter, limit: int | None) -> Iterator[dict[str, Any]]:
    """Rows of as many pages as it takes; each page is one short read."""
    from dataclasses import replace

    from db import messages

    left = limit
    while left is None or left > 0:
        size = PAGE_MESSAGES if left is None else min(left, PAGE_MESSAGES)
        page = messages.listing(connection, wanted, size)
        yield from page
        if len(page) < size:
            return
        wanted = replace(wanted, before=page[-1]["id"])
        left = None if left is None else left - size


def _message_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Misused(f"{text!r} is not a message id; take one from: scorelane messages list") from None
