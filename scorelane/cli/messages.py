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
            {**revision, "reasons": reasons(connection, wanted, revision["revision"], revision["bundle"])}
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


def reasons(connection: Connection, message_id: UUID, revision: int, digest: str) -> list[str]:
    """Sentences of one revision, strongest first; one that says so where vector or bundle are gone."""
    import numpy as np
    import zstandard

    from db import bases, bundles, messages
    from scorelane.mail import parse
    from scorelane.scoring import explain, own_columns, read_by_model

    stored = messages.vector(connection, message_id, revision)
    pointer = bundles.current(connection)
    if stored is None or pointer is None:
        return ["the reasons are gone: the vector of this revision is no longer stored"]
    if pointer.live != digest:
        return [f"the reasons need bundle {digest[:12]}, which is not the live one"]
    raw = messages.raw(connection, message_id)
    text = ""
    if raw is not None:
        content = zstandard.ZstdDecompressor().decompress(raw[0], max_output_size=1 << 26)
        text = read_by_model(parse(content, received_at=raw[1]))
    vector, _, text_log_odds, digest_of_set = stored
    bundle = _bundle(pointer.live_path)
    known = bases.signals(connection, digest_of_set)
    names = bundle.signal_set.names if known is None else known[0]
    row = own_columns(bundle, np.frombuffer(vector, "<f4")[np.newaxis, :], names)[0]
    wording = float("nan") if text_log_odds is None else text_log_odds
    return explain(bundle, row, wording, text).reasons(REASONS)


def _bundle(path: str, _loaded: dict[str, Any] = {}) -> Any:  # noqa: B006 - a bundle is loaded once a command
    from scorelane.scoring import Bundle

    if path not in _loaded:
        _loaded[path] = Bundle.load(path)
    return _loaded[path]


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
