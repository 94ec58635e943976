"""``scorelane model``: train a bundle, say what one is worth, say which one scores."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scorelane.cli import output
from scorelane.cli.errors import Misused

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(help="Train bundles, say what they are worth, and choose the one that scores.", no_args_is_help=True)

Paths = Annotated[
    list[str],
    typer.Argument(help="Folders with INDEX.tsv and SOURCE.tar.zst, or mail under folders named ham, spam, phish …"),
]
Labels = Annotated[
    Path | None, typer.Option(help="Lines of name or SHA-256, a tab, and a class; for mail without one.")
]
Sources = Annotated[
    str | None, typer.Option(help="Of a folder with INDEX.tsv: only these sources, separated by commas.")
]

NAMED = "Folder of a bundle, or a known one's name or first digits of its digest."
Named = Annotated[str, typer.Argument(metavar="BUNDLE", help=NAMED)]
Json = Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")]


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="New folder of the bundle; its name is the bundle's.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Folders with INDEX.tsv and SOURCE.tar.zst, mail under folders named ham, spam, phish …, "
            "or a .parquet file of: scorelane signals export --words."
        ),
    ] = None,
    labels: Labels = None,
    sources: Sources = None,
    generated: Annotated[
        int, typer.Option(min=0, help="Wanted messages of the sample that join, and half as many attacks.")
    ] = 0,
    signals: Annotated[Path | None, typer.Option(help="A signal a line; every signal unless given.")] = None,
    from_labels: Annotated[
        bool, typer.Option("--from-labels", help="Labels of the database, with the vectors logged at scoring time.")
    ] = False,
    tenant: Annotated[str | None, typer.Option(help="Of --from-labels: only this organisation's.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Of --from-labels: received at or after, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Of --from-labels: received before, UTC.")] = None,
    revision: Annotated[
        str, typer.Option(help="Of --from-labels: the first vector, or the last, with the facts that came later.")
    ] = "last",
    everything: Annotated[
        bool | None,
        typer.Option(
            "--everything/--public",
            help="Whether trees read authentication, history, facts and what tells sources apart, too; so they do "
            "where all data are logged vectors.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Of the recipe, as the card lists them.")
    ] = None,
) -> None:
    """Train a bundle and print what each source scored while it was left out."""
    from scorelane.cli import train as command
    from scorelane.cli.output import utc

    logged = command.Logged(tenant, utc(since), utc(until), revision) if from_labels else None
    asked = command.Asked(paths or [], labels, sources, generated, signals, logged, everything, option or [])
    command.train(asked, out)


@app.command()
def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    paths: Paths,
    labels: Labels = None,
    sources: Sources = None,
    as_json: Json = False,
) -> None:
    """What a bundle says of labelled mail, by source and class, at its own thresholds."""
    from scorelane.cli import training_mail
    from scorelane.scoring import Bundle
    from scorelane.scoring.training import evaluate as evaluation

    rows = evaluation.evaluate(Bundle.load(bundle), training_mail.read(paths, labels=labels, sources=sources))
    if as_json:
        output.json_array(rows)
        return
    _table(rows)


@app.command("list")
def list_(
    history: Annotated[
        bool, typer.Option("--history", help="Every move of the pointer instead, newest first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the bundles that are known: which is live, which in shadow, since when and by whom."""
    from scorelane.cli import pointer

    pointer.show(history=history, as_json=as_json)


@app.command()
def compare(
    live: Annotated[str | None, typer.Option(metavar="BUNDLE", help="Instead of the live one.")] = None,
    shadow: Annotated[str | None, typer.Option(metavar="BUNDLE", help="Instead of the one in shadow.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this organisation's messages.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only scored at or after this time, UTC.")] = None,
    differing: Annotated[int, typer.Option(min=0, help="So many of the newest messages on which they differ.")] = 0,
    as_json: Json = False,
) -> None:
    """Say how the bundle in shadow does beside the live one: agreement, flips both ways, PSI of the scores.

    Over the newest 20,000 messages that both scored. Put a bundle in shadow with: scorelane model shadow BUNDLE.
    """
    from scorelane.cli import compare as command
    from scorelane.cli.output import utc

    command.compare(live=live, shadow=shadow, tenant=tenant, since=utc(since), differing=differing, as_json=as_json)


@app.command()
def promote(bundle: Named) -> None:
    """Make a bundle live. Running workers take it with their next chunk; one that does not load changes nothing."""
    from scorelane.cli import pointer

    pointer.promote(bundle)


@app.command()
def shadow(
    bundle: Annotated[str | None, typer.Argument(metavar="BUNDLE", help=NAMED)] = None,
    off: Annotated[bool, typer.Option("--off", help="No bundle in shadow any more.")] = False,
) -> None:
    """Score with a second bundle beside the live one. What it says is stored and never changes a verdict."""
    from scorelane.cli import pointer

    if (bundle is None) != off:
        raise Misused("give a BUNDLE to put in shadow, or --off for none")
    pointer.shadow(bundle)


@app.command()
def rollback(
    to: Annotated[int | None, typer.Option(min=1, help="A pointer's version; else the one before.")] = None,
) -> None:
    """Go back to the bundles of the pointer before the one in force; run twice, it is as it was."""
    from scorelane.cli import pointer

    pointer.rollback(to)


def _table(rows: Sequence[dict[str, Any]]) -> None:
    columns = ["source", "class", "messages", "flagged", "low", "high", "suspected"]
    columns += ["recall_at_0.001", "recall_at_0.01", "lost_area_percent"]
    output.table("", columns, [[row[name] for name in columns] for row in rows], numbers=tuple(columns[2:]))
