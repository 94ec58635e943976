"""``scorelane rescan``: score mail again, and report whose verdict would flip."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError, Misused
from scorelane.cli.messages import message_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.session import Connection
    from scorelane.rescans import Preview

app = typer.Typer(help="Score mail again and report whose verdict would flip.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(metavar="ID", help="The rescan's id.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")]
POLL_S = 0.2


@app.command()
def start(
    tenant: Annotated[str, typer.Option(help="The organisation.")],
    mailbox: Annotated[list[str] | None, typer.Option(help="Only this address; may be given again.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only received at or after this time, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only received before this time, UTC.")] = None,
    sender: Annotated[str | None, typer.Option(help="Only this From address.")] = None,
    sender_domain: Annotated[str | None, typer.Option(help="Only this From domain.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only subjects with all these words.")] = None,
    verdict: Annotated[list[str] | None, typer.Option(help="Only this verdict; may be given again.")] = None,
    min_score: Annotated[float | None, typer.Option(help="Only scored at least this, 0 to 1.")] = None,
    max_score: Annotated[float | None, typer.Option(help="Only scored at most this, 0 to 1.")] = None,
    link_domain: Annotated[str | None, typer.Option(help="Only with a link to this registrable domain.")] = None,
    attachment: Annotated[str | None, typer.Option(help="Only with the attachment of this SHA-256.")] = None,
    scored_by: Annotated[str | None, typer.Option(help="Only whose current score is of this bundle.")] = None,
    signal_set: Annotated[str | None, typer.Option(help="Only whose vector has this signal set's hash.")] = None,
    category: Annotated[str | None, typer.Option(help="Only of this kind of attack.")] = None,
    header_id: Annotated[str | None, typer.Option(help="Only with this Message-ID header.")] = None,
    like: Annotated[str | None, typer.Option(help="Only whose text is nearly that of this message id.")] = None,
    labelled: Annotated[
        bool | None, typer.Option("--labelled/--unlabelled", help="Only with a standing label, or without.")
    ] = None,
    message: Annotated[list[str] | None, typer.Option(help="Only this message id; may be given again.")] = None,
    bundle: Annotated[str | None, typer.Option(help="Bundle to score with, by name or digest; else live.")] = None,
    as_of: Annotated[str, typer.Option(help="received, final, now, or a time: what a score may know.")] = "received",
    applies: Annotated[bool, typer.Option("--apply", help="Make the results revisions.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what it would take.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Start it however large it is.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Start a rescan and say what it will take; nothing is written but its report, unless --apply."""
    from db import audit, bundles
    from db.session import connect
    from scorelane import rescans
    from scorelane.cli.directory import author
    from scorelane.cli.tenants import tenant_id
    from scorelane.settings import Settings
    from scorelane.signals.reference import read_reference

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        owner = tenant_id(connection, tenant)
        asked = rescans.Asked(
            tuple(mailbox or ()), since and since.replace(tzinfo=UTC), until and until.replace(tzinfo=UTC), sender,
            sender_domain, subject, tuple(verdict or ()), min_score, max_score, link_domain, attachment,
            scored_by, signal_set, category, header_id, message_id(like) if like else None, labelled,
            [message_id(one) for one in message or ()],
        )  # fmt: skip
        pointer = bundles.current(connection)
        try:
            if scored_by:
                asked = asked._replace(scored_by=rescans.digest_of(connection, scored_by)[0])
            wanted = rescans.wanted_by(connection, bundle, read_reference(Settings().lists_folder).digest)
            if preview:
                _say(rescans.preview(connection, owner, asked, wanted, as_of), as_json=as_json)
                return
            rescan_id, found = rescans.start(
                connection,
                owner,
                asked,
                wanted,
                as_of=as_of,
                applies=applies,
                actor=author(),
                yes=yes,
                live=pointer.live if pointer else None,
            )
        except rescans.ChoiceError as fault:
            raise CommandError(f"{fault}; see: scorelane rescan start --help") from None
        detail = {"messages": found.messages, "apply": applies}
        audit.record(connection, owner, actor=author(), action="rescan.start", object_=rescan_id, detail=detail)
        _say(found, as_json=as_json, rescan_id=rescan_id)
        if wait:
            _wait(connection, rescan_id)


def _say(found: Preview, *, as_json: bool, rescan_id: UUID | None = None) -> None:
    if as_json:
        output.json_array([{"id": rescan_id, **found._asdict()}])
        return
    works = ", ".join(f"{count:,} {work}" for work, count in found.works.items()) or "none"
    output.note(f"{found.messages:,} messages ({works}), about {found.seconds:,.1f} s of work")
    if rescan_id is not None:
        sys.stdout.write(f"{rescan_id}\n")
        output.note(f"watch it with: scorelane rescan show {rescan_id}")


def _wait(connection: Connection, rescan_id: UUID) -> None:
    from scorelane import rescans

    with output.progress("rescanning") as done:
        while True:
            found = rescans.progress(connection, rescan_id)
            assert found is not None
            done(found.rescan.done)
            if found.rescan.state in ("done", "cancelled"):
                break
            time.sleep(POLL_S)
    output.note(f"{found.rescan.state}: {found.rescan.done:,} messages, {found.rescan.flips:,} flips")


@app.command()
def show(
    rescan_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One rescan; else the newest ones.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this organisation's.")] = None,
    as_json: Json = False,
) -> None:
    """Show how far rescans are, at which rate, what is left, and how many verdicts flipped."""
    from db import rescans as queries
    from db.session import connect
    from scorelane import rescans
    from scorelane.cli.tenants import tenant_id
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        owner = tenant_id(connection, tenant) if tenant else None
        wanted = _id(rescan_id) if rescan_id else None
        found = queries.listing(connection, tenant_id=owner, rescan_id=wanted)
        if wanted is not None and not found:
            raise CommandError(f"there is no rescan {wanted}")
        rows = []
        for rescan in found:
            at = rescans.progress(connection, rescan.id)
            assert at is not None
            rows.append({**rescan._asdict(), "left": at.left, "seconds_left": at.seconds_left})
    if as_json:
        output.json_array(rows)
        return
    columns = ("id", "tenant", "state", "messages", "done", "dead", "left", "rate", "seconds_left", "flips", "applies")
    output.table("", columns, [[row[name] for name in columns] for row in rows], numbers=columns[3:10])


@app.command()
def pause(rescan_id: Id) -> None:
    """Stop feeding a rescan; the chunks in hand are finished."""
    from db import jobs

    _control(rescan_id, "pause", jobs.pause, "paused", "it is not running")


@app.command()
def resume(rescan_id: Id) -> None:
    """Go on with a paused rescan."""
    from db import jobs

    _control(rescan_id, "resume", jobs.resume, "resumed", "it is not paused")


@app.command()
def cancel(rescan_id: Id) -> None:
    """Give up what a rescan has not finished; what it found so far stays."""
    from db import jobs

    _control(rescan_id, "cancel", jobs.cancel, "cancelled", "it has ended already")


def _control(rescan_id: str, name: str, act: Callable[[Connection, UUID], bool], done: str, why_not: str) -> None:
    from db import audit, rescans
    from db.session import connect
    from scorelane.cli.directory import author
    from scorelane.settings import Settings

    wanted = _id(rescan_id)
    with connect(Settings().database_url, application="scorelane-cli") as connection:
        if rescans.find(connection, wanted) is None:
            raise CommandError(f"there is no rescan {wanted}")
        if not act(connection, wanted):
            raise CommandError(f"rescan {wanted}: {why_not}")
        audit.record_of_job(connection, wanted, actor=author(), action=f"rescan.{name}")
    output.note(f"{done} {wanted}")


@app.command()
def flips(
    rescan_id: Id,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many; 50 in the table.")] = None,
    as_json: Json = False,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header line.")] = False,
) -> None:
    """List the messages whose verdict differs, with before, after and the reasons that moved."""
    from db import rescans as queries
    from db.session import connect
    from scorelane import rescans
    from scorelane.settings import Settings

    if as_json + as_jsonl + as_csv > 1:
        raise Misused("give one of --json, --jsonl and --csv")
    wanted = _id(rescan_id)
    with connect(Settings().database_url, application="scorelane-cli") as connection:
        asked = queries.find(connection, wanted)
        if asked is None:
            raise CommandError(f"there is no rescan {wanted}")
        most = limit if limit is not None or as_json or as_jsonl or as_csv else 50
        rows = rescans.flips(connection, wanted, limit=most, reasons=rescans.reader(connection, asked[0]))
        if as_json:
            output.json_array(rows)
        elif as_jsonl or as_csv:
            sys.stdout.writelines(rescans.sheet([rows], rescans.CSV if as_csv else rescans.JSON_LINES))
        else:
            _tables(connection, wanted, list(rows))


def _tables(connection: Connection, rescan_id: UUID, rows: list[dict[str, Any]]) -> None:
    from db import rescans
    from scorelane.rescans import told

    counts = rescans.summary(connection, rescan_id)
    output.table("Flips", ("mailbox", "before", "after", "category", "messages"), counts, numbers=("messages",))
    columns = ("message", "before", "after", "log-odds", "sender", "subject", "reasons that moved")
    cells = [
        (
            row["message_id"], row["before_verdict"], row["verdict"],
            f"{row['before_log_odds']:.2f} > {row['log_odds']:.2f}", row["sender"], (row["subject"] or "")[:40],
            [told(reason) for reason in (row["reasons"] or [])[:3]],
        )
        for row in rows
    ]  # fmt: skip
    output.table("\nMessages", columns, cells, numbers=("log-odds",))


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Misused(f"{text!r} is not a rescan's id; take one from: scorelane rescan show") from None
