"""``scorelane signals export`` and ``board``: stored vectors beside what people said of their messages."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError, Misused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import numpy.typing as npt

    from db.labelled import Span, Vector
    from db.session import Connection
    from scorelane.signals import SignalSet
    from scorelane.signals.board import Standing
    from scorelane.signals.columns import Columns

UNWANTED = ("attack", "spam")

Tenant = Annotated[str | None, typer.Option(help="Only this organisation's messages.")]
Since = Annotated[datetime | None, typer.Option(help="Only received at or after this time, UTC.")]
Until = Annotated[datetime | None, typer.Option(help="Only received before this time, UTC.")]


def export(
    path: Annotated[Path, typer.Argument(metavar="PATH.parquet", help="The file to write; one that is there goes.")],
    tenant: Tenant = None,
    since: Since = None,
    until: Until = None,
    revision: Annotated[str, typer.Option(help="first, as scored before anything was known later, or last.")] = "first",
    words: Annotated[
        bool, typer.Option("--words", help="Also hashed words and campaigns, as model train reads them.")
    ] = False,
) -> None:
    """Write labelled vectors as Parquet: a float32 column a signal, with statuses, label, weight and signal set.

    With --words the file is all that `scorelane model train` needs; words are hashes, never text.
    """
    from db.session import connect
    from scorelane.cli import labelled_vectors
    from scorelane.scoring import tokens
    from scorelane.settings import Settings
    from scorelane.signals import signal_set
    from scorelane.signals.parquet import Writer

    if not path.parent.is_dir() or path.is_dir():
        raise Misused(f"{path} cannot be written: name a file in a folder that is there")
    every = signal_set()
    part = path.with_name(f".{path.name}.part")
    try:
        with connect(Settings().database_url, application="scorelane-cli") as connection:
            span = span_of(connection, tenant, since, until, revision)
            edition = tokens.EDITION if words else None
            with Writer(part, every, edition) as writer, output.progress("writing") as done:
                for page in labelled_vectors.pages(connection, span, every):
                    about = page.about()
                    if words:
                        said = labelled_vectors.texts(connection, page)
                        about |= {"campaign": [one.campaign for one in said], "words": [one.words for one in said]}
                    writer.add(about, page.values, page.statuses)
                    done(writer.rows)
        if not writer.rows:
            raise CommandError("no labelled message has a stored vector; see: scorelane labels list")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    output.note(f"{path}: {writer.rows} labelled vectors of {len(every)} signals")


def board(
    tenant: Tenant = None,
    since: Since = None,
    until: Until = None,
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    revision: Annotated[str, typer.Option(help="first, as scored before anything was known later, or last.")] = "last",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Show how signals do on stored vectors: fired, right (by labels) and missing how often, and what they cost."""
    from db import labelled
    from db.session import connect
    from scorelane.cli.labelled_vectors import columns
    from scorelane.cli.signal_authoring import sample_costs
    from scorelane.settings import Settings
    from scorelane.signals import signal_set
    from scorelane.signals.board import Board
    from scorelane.signals.registry import FAMILIES

    if family is not None and family not in FAMILIES:
        raise Misused(f"there is no family {family!r}; choose one of {', '.join(FAMILIES)}")
    every = signal_set()
    counted = Board(every)
    with connect(Settings().database_url, application="scorelane-cli") as connection:
        span = span_of(connection, tenant, since, until, revision)
        columns_of = columns(connection)
        count = 0
        with output.progress("counting") as done:
            for count, rows in _counted(labelled.stored(connection, span)):
                counted.add(*_aligned(rows, every, columns_of), *_said(rows))
                done(count)
    if not count:
        raise CommandError("no vector is stored for these messages yet")
    costs = sample_costs()
    found = [(one, costs[one.signal]) for one in counted.standings() if family in (None, one.family)]
    found.sort(key=lambda pair: (-(pair[0].right_share or 0), -pair[0].fired, pair[0].signal))
    if as_json:
        output.json_array(_fields(*pair) for pair in found)
        return
    numbers = ("fired %", "right %", "of labelled", "missing %", "us")
    cells = [
        (one.family, one.signal, one.speaks_for, _percent(one.fired_share), _percent(one.right_share),
         one.labelled_fired, _percent(one.missing_share), f"{cost:.1f}")
        for one, cost in found
    ]  # fmt: skip
    output.table("", ("family", "signal", "speaks for", *numbers), cells, numbers=numbers)


def _fields(one: Standing, cost_us: float) -> dict[str, Any]:
    shares = {name: getattr(one, name) for name in ("fired_share", "right_share", "missing_share")}
    return {**one._asdict(), **shares, "cost_us": round(cost_us, 2)}


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def span_of(
    connection: Connection, tenant: str | None, since: datetime | None, until: datetime | None, revision: str
) -> Span:
    """Which messages are meant. Raises Misused or CommandError for a revision or tenant that is not there."""
    from db import labelled, tenants

    if revision not in labelled.REVISIONS:
        raise Misused(f"--revision is {' or '.join(labelled.REVISIONS)}, not {revision[:80]!r}")
    owner = tenants.find(connection, tenant) if tenant else None
    if tenant and owner is None:
        raise CommandError(f"there is no tenant {tenant!r}; see: scorelane tenants list")
    return labelled.Span(owner, output.utc(since), output.utc(until), revision)


def _counted(pages: Iterator[list[Vector]]) -> Iterator[tuple[int, list[Vector]]]:
    """Each page with how many rows there were by its end."""
    count = 0
    for rows in pages:
        count += len(rows)
        yield count, rows


def _aligned(
    rows: list[Vector], every: SignalSet, columns_of: Callable[[str], Columns]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    from scorelane.signals.columns import aligned

    return aligned(
        [row.signal_set for row in rows], [row.vector for row in rows], [row.statuses for row in rows],
        every, columns_of,
    )  # fmt: skip


def _said(rows: list[Vector]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(unwanted, labelled) of each row."""
    import numpy as np

    labels = [row.label for row in rows]
    return np.array([label in UNWANTED for label in labels]), np.array([label is not None for label in labels])
