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

    from db.session import Connection

app = typer.Typer(help="Verdicts of messages, with every revision and its reasons.", no_args_is_help=True)

PAGE_MESSAGES = 500
REASONS = 8
STATES = ("accepted", "scored", "observed", "dead", "cancelled")


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    mailbox: Annotated[str | None, typer.Option(help="Only this address.")] = None,
    verdict: Annotated[str | None, typer.Option(help="attack, suspicious, spam or clean.")] = None,
    category: Annotated[str | None, typer.Option(help="Only this kind of attack.")] = None,
    state: Annotated[str | None, typer.Option(help="accepted, scored, observed, dead or cancelled.")] = None,
    sender: Annotated[str | None, typer.Option(help="Only this From address.")] = None,
    sender_domain: Annotated[str | None, typer.Option(help="Only this From domain and those below it.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only subjects with all these words.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only received at or after this time, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only received before this time, UTC.")] = None,
    min_score: Annotated[float | None, typer.Option(help="Only scored at least this, 0 to 1.")] = None,
    max_score: Annotated[float | None, typer.Option(help="Only scored at most this, 0 to 1.")] = None,
    link_domain: Annotated[str | None, typer.Option(help="Only with a link to this registrable domain.")] = None,
    attachment: Annotated[str | None, typer.Option(help="Only with the attachment of this SHA-256.")] = None,
    header_id: Annotated[str | None, typer.Option(help="Only with this Message-ID header.")] = None,
    before: Annotated[str | None, typer.Option(help="Go on after this message id, as the last page says.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many; 50 in a table, all in JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List messages with their verdicts, the last accepted first."""
    from datetime import UTC

    from db.session import connect
    from scorelane.choosing import Asked, ChoiceError, chosen
    from scorelane.cli.tenants import tenant_id
    from scorelane.settings import Settings

    if state not in (None, *STATES):
        raise Misused(f"--state {state!r} is not one of {', '.join(STATES)}")
    asked = Asked(
        (mailbox,) if mailbox else (), since and since.replace(tzinfo=UTC), until and until.replace(tzinfo=UTC), sender,
        sender_domain, subject, (verdict,) if verdict else (), min_score, max_score, link_domain, attachment,
        category=category, header_message_id=header_id,
    )  # fmt: skip
    with connect(Settings().database_url, application="scorelane-cli") as connection:
        owner = tenant_id(connection, tenant) if tenant else None
        try:
            wanted = {**chosen(connection, owner, asked, known_only=False), "state": state, "tenant": owner}
        except ChoiceError as fault:
            raise Misused(f"{fault}; see: scorelane messages list --help") from None
        last = message_id(before) if before else None
        if as_json:
            output.json_array(_pages(connection, wanted, limit, last))
            return
        most = limit or 50
        rows = list(_pages(connection, wanted, most, last))
    columns = ("id", "received_at", "verdict", "category", "log_odds", "sender", "subject")
    cells = [[row["verdict"] or row["state"] if name == "verdict" else row[name] for name in columns] for row in rows]
    output.table("", columns, cells, numbers=("log_odds",), spare=("category", "received_at", "log_odds"))
    if len(rows) == most:
        output.note(f"more with: --before {rows[-1]['id']}")


@app.command()
def show(
    message: Annotated[str, typer.Argument(metavar="ID", help="The message's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Show one message: what it is, every revision of its score, and why."""
    from db import messages
    from db.session import connect, engine
    from scorelane.settings import Settings

    wanted = message_id(message)
    url = Settings().database_url
    with engine(url).connect() as sql, connect(url, application="scorelane-cli") as connection:
        found = messages.find(connection, wanted)
        if found is None:
            raise CommandError(f"there is no message {wanted}")
        revisions = [
            {
                **revision,
                **_told(connection, wanted, revision["revision"], revision["category"]),
                "changes": changes(connection, wanted, revision["revision"]),
            }
            for revision in messages.revisions(sql, wanted)
        ]
    if as_json:
        output.json_array([{**found, "revisions": revisions}])
        return
    output.table("", ("field", "value"), [(name, value) for name, value in found.items() if value is not None])
    for revision in revisions:
        title = (
            f"\nrevision {revision['revision']} ({revision['cause']}): {revision['verdict']}, "
            f"log-odds {revision['log_odds']:.2f}, known {revision['known_at']:%Y-%m-%d %H:%M:%S}\n"
            f"by {revision['rule']}, policy {revision['policy_version']}, bundle {revision['bundle'][:12]}"
        )
        output.table(title, ("reasons",), [(reason,) for reason in revision["reasons"]])
        if revision["evidence"]:
            output.table("", (f"evidence of {revision['category']}",), [(one,) for one in revision["evidence"]])
        if revision["changes"]:
            output.table("", ("changed since the revision before",), [(change,) for change in revision["changes"]])


def _told(connection: Connection, message_id: UUID, revision: int, category: str | None) -> dict[str, list[str]]:
    """The reasons of a revision's score, and the evidence of its category."""
    from scorelane import explanations

    try:
        found = explanations.read(connection, message_id, revision)
    except explanations.Gone as gone:
        return {"reasons": [f"the reasons are gone: {gone}"], "evidence": []}
    evidence = list(found.evidence) if category is not None and category == found.category else []
    return {"reasons": found.reasons(REASONS), "evidence": evidence}


def reasons(connection: Connection, message_id: UUID, revision: int) -> list[str]:
    """Sentences of one revision, strongest first; one that says so where vector or bundle are gone."""
    return _told(connection, message_id, revision, None)["reasons"]


def changes(connection: Connection, message_id: UUID, revision: int) -> list[str]:
    """What a revision changed and the new facts that it used; empty for the first and where a part is gone."""
    from scorelane import changes as change
    from scorelane import explanations

    try:
        return change.read(connection, message_id, revision).sentences() if revision > 1 else []
    except explanations.Gone:
        return []


def _pages(
    connection: Connection, wanted: dict[str, Any], limit: int | None, last: UUID | None
) -> Iterator[dict[str, Any]]:
    """Rows of as many pages as it takes, below the id `last`; each page is one short read."""
    from db import messages

    left = limit
    while left is None or left > 0:
        size = PAGE_MESSAGES if left is None else min(left, PAGE_MESSAGES)
        page = messages.listing(connection, wanted, size, before=last)
        yield from page
        if len(page) < size:
            return
        last = page[-1]["id"]
        left = None if left is None else left - size


def message_id(text: str) -> UUID:
    """An id that a person gave. Raises Misused."""
    try:
        return UUID(text)
    except ValueError:
        raise Misused(f"{text!r} is not a message id; take one from: scorelane messages list") from None
