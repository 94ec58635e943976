"""``scorelane labels``: what people say of messages. A ledger: taking back is a row of its own."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError, Misused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from db.session import Connection

app = typer.Typer(help="What people say of messages: an append-only ledger.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="The tenant whose messages these are.")]
Author = Annotated[str | None, typer.Option(help="Who says so; else this user.")]
BATCH = 1000
SHA256_CHARS = 64


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    label: Annotated[str | None, typer.Option(help="attack, spam or legitimate.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List the ledger, newest first."""
    from db import labels
    from db.session import connect
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        tenant_id = None if tenant is None else _tenant(connection, tenant)
        rows = labels.listing(connection, tenant_id=tenant_id, label=label, limit=limit)
    if as_json:
        output.json_array(rows)
        return
    columns = ("id", "message_id", "label", "origin", "author", "retracts", "retracted", "labelled_at")
    output.table("", columns, [[row[name] for name in columns] for row in rows])


@app.command()
def add(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="The message's id.")],
    label: Annotated[str, typer.Argument(help="attack, spam or legitimate.")],
    tenant: Tenant,
    author: Author = None,
) -> None:
    """Label one message."""
    from db import labels
    from db.session import connect
    from scorelane.settings import Settings

    wanted = _message_id(message_id, "ID")
    _check(label, "LABEL")
    with connect(Settings().database_url, application="scorelane-cli") as connection:
        tenant_id = _tenant(connection, tenant)
        if not labels.existing(connection, tenant_id, [wanted]):
            raise CommandError(f"tenant {tenant} has no message {wanted}")
        added = labels.add(
            connection,
            tenant_id,
            message_ids=[wanted],
            labels=[label],
            origin="analyst",
            author=author or getpass.getuser(),
        )
    output.note(f"message {wanted} is labelled {label}" if added else f"message {wanted} had this label from you")


@app.command()
def retract(
    label_id: Annotated[int, typer.Argument(metavar="LABEL_ID", min=1, help="The row's id, as the listing says.")],
    author: Author = None,
) -> None:
    """Take a label back."""
    from db import labels
    from db.session import connect
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        if labels.retract(connection, label_id, author or getpass.getuser()) is None:
            raise CommandError(f"there is no label {label_id}, or it is taken back already")
    output.note(f"label {label_id} is taken back")


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="CSV: the first column message id or SHA-256, the second the label.")],
    tenant: Tenant,
    author: Author = None,
) -> None:
    """Label many messages. A file with a line that cannot be is refused whole; run again, nothing is added twice."""
    from db import labels
    from db.session import connect
    from scorelane.settings import Settings

    said = list(_lines(path))
    with connect(Settings().database_url, application="scorelane-cli") as connection, connection.transaction():
        tenant_id = _tenant(connection, tenant)
        added = unknown = 0
        for start in range(0, len(said), BATCH):
            batch = said[start : start + BATCH]
            pairs, missing = _resolved(connection, tenant_id, batch)
            unknown += missing
            added += len(
                labels.add(
                    connection,
                    tenant_id,
                    message_ids=[pair[0] for pair in pairs],
                    labels=[pair[1] for pair in pairs],
                    origin="import",
                    author=author or getpass.getuser(),
                )
            )
    output.note(f"{added} labels added; {unknown} of {len(said)} lines name no message of tenant {tenant}")


def _lines(path: Path) -> Iterator[tuple[UUID | bytes, str]]:
    """(message id or digest, label) of each line; a header line is skipped."""
    import csv

    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if not row or (number == 1 and row[0].strip().lower() in ("message_id", "sha256", "id")):
                continue
            where = f"{path}: line {number}"
            if len(row) < 2:  # noqa: PLR2004 - a name and a label
                raise Misused(f"{where}: needs two columns, a message id or SHA-256 and a label")
            name, label = row[0].strip(), row[1].strip()
            _check(label, where)
            if len(name) == SHA256_CHARS and set(name.lower()) <= set("0123456789abcdef"):
                yield bytes.fromhex(name), label
            else:
                yield _message_id(name, where), label


def _resolved(
    connection: Connection, tenant_id: int, said: Sequence[tuple[UUID | bytes, str]]
) -> tuple[list[tuple[UUID, str]], int]:
    """((message id, label), lines that name no message)."""
    from db import labels

    by_digest = labels.by_digest(connection, tenant_id, [name for name, _ in said if isinstance(name, bytes)])
    known = labels.existing(connection, tenant_id, [name for name, _ in said if isinstance(name, UUID)])
    pairs: list[tuple[UUID, str]] = []
    missing = 0
    for name, label in said:
        found = by_digest.get(name, []) if isinstance(name, bytes) else [name] if name in known else []
        missing += not found
        pairs += [(message_id, label) for message_id in found]
    return pairs, missing


def _tenant(connection: Connection, name: str) -> int:
    from db import tenants

    tenant_id = tenants.find(connection, name)
    if tenant_id is None:
        raise CommandError(f"there is no tenant {name!r}; see: scorelane tenants list")
    return tenant_id


def _check(label: str, where: str) -> None:
    from db.labels import LABELS

    if label not in LABELS:
        raise Misused(f"{where}: {label[:80]!r} is not one of {', '.join(LABELS)}")


def _message_id(text: str, where: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Misused(f"{where}: {text[:80]!r} is not a message id or SHA-256") from None
