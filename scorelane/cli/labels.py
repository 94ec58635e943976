"""``scorelane labels``: what people say of messages. A ledger: taking back is a row of its own."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple
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
Weight = Annotated[float, typer.Option(help="How much it counts in training: more than 0, at most 1.")]
BATCH = 1000
SHA256_CHARS = 64


class Line(NamedTuple):
    """One line of a file of labels."""

    name: UUID | bytes
    """Message id or SHA-256."""
    label: str
    weight: float


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    label: Annotated[str | None, typer.Option(help="attack, spam or legitimate.")] = None,
    author: Annotated[str | None, typer.Option(help="Only what this author said.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List the ledger, newest first."""
    from db import labels
    from db.session import connect
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        tenant_id = None if tenant is None else _tenant(connection, tenant)
        rows = labels.listing(connection, tenant_id=tenant_id, label=label, author=author, limit=limit)
    if as_json:
        output.json_array(rows)
        return
    columns = ("id", "message_id", "label", "origin", "weight", "author", "retracts", "retracted", "labelled_at")
    output.table("", columns, [[row[name] for name in columns] for row in rows])


@app.command()
def add(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="The message's id.")],
    label: Annotated[str, typer.Argument(help="attack, spam or legitimate.")],
    tenant: Tenant,
    author: Author = None,
    origin: Annotated[str, typer.Option(help="analyst, or user_report for what a recipient said.")] = "analyst",
    weight: Weight = 1.0,
) -> None:
    """Label one message."""
    from db import labels
    from db.session import connect
    from scorelane.settings import Settings

    wanted = _message_id(message_id, "ID")
    _check(label, "LABEL")
    _check_weight(weight, "--weight")
    if origin not in ("analyst", "user_report"):
        raise Misused(f"--origin: {origin[:80]!r} is not analyst or user_report")
    with connect(Settings().database_url, application="scorelane-cli") as connection:
        tenant_id = _tenant(connection, tenant)
        if not labels.existing(connection, tenant_id, [wanted]):
            raise CommandError(f"tenant {tenant} has no message {wanted}")
        added = labels.add(
            connection,
            tenant_id,
            message_ids=[wanted],
            labels=[label],
            origin=origin,
            author=author or getpass.getuser(),
            weights=[weight],
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
    path: Annotated[
        Path, typer.Argument(help="CSV: message id or SHA-256, label, and where wanted the label's own weight.")
    ],
    tenant: Tenant,
    author: Author = None,
    weight: Weight = 1.0,
) -> None:
    """Label many messages. A file with a line that cannot be is refused whole; run again, nothing is added twice."""
    from db import labels
    from db.session import connect
    from scorelane.settings import Settings

    _check_weight(weight, "--weight")
    said = list(_lines(path, weight))
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
                    message_ids=[message_id for message_id, _ in pairs],
                    labels=[line.label for _, line in pairs],
                    origin="import",
                    author=author or getpass.getuser(),
                    weights=[line.weight for _, line in pairs],
                )
            )
    output.note(f"{added} labels added; {unknown} of {len(said)} lines name no message of tenant {tenant}")


def _lines(path: Path, weight: float) -> Iterator[Line]:
    """Each line of a file; a header line is skipped, and a line without a weight has the given one."""
    import csv

    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if not row or (number == 1 and row[0].strip().lower() in ("message_id", "sha256", "id")):
                continue
            where = f"{path}: line {number}"
            if len(row) < 2:  # noqa: PLR2004 - a name and a label
                raise Misused(f"{where}: needs two columns, a message id or SHA-256 and a label")
            name, label, own, *_ = (*(cell.strip() for cell in row), "")
            _check(label, where)
            counts = _weight(own, where) if own else weight
            if len(name) == SHA256_CHARS and set(name.lower()) <= set("0123456789abcdef"):
                yield Line(bytes.fromhex(name), label, counts)
            else:
                yield Line(_message_id(name, where), label, counts)


def _resolved(connection: Connection, tenant_id: int, said: Sequence[Line]) -> tuple[list[tuple[UUID, Line]], int]:
    """((message id, its line), lines that name no message)."""
    from db import labels

    by_digest = labels.by_digest(connection, tenant_id, [one.name for one in said if isinstance(one.name, bytes)])
    known = labels.existing(connection, tenant_id, [one.name for one in said if isinstance(one.name, UUID)])
    pairs: list[tuple[UUID, Line]] = []
    missing = 0
    for one in said:
        found = by_digest.get(one.name, []) if isinstance(one.name, bytes) else [one.name] if one.name in known else []
        missing += not found
        pairs += [(message_id, one) for message_id in found]
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


def _weight(text: str, where: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        raise Misused(f"{where}: {text[:80]!r} is no weight: a number of more than 0 and at most 1") from None
    _check_weight(weight, where)
    return weight


def _check_weight(weight: float, where: str) -> None:
    if not 0 < weight <= 1:
        raise Misused(f"{where}: a weight of {weight:g} is not more than 0 and at most 1")


def _message_id(text: str, where: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Misused(f"{where}: {text[:80]!r} is not a message id or SHA-256") from None
