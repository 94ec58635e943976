"""``scorelane model``: train a bundle, list, promote, roll back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Train bundles and choose which one scores.", no_args_is_help=True)

TRAINING_SOURCES = "spamassassin,lists_modern,dovecot_list_2002,nazario_old,cwl_2026,csdmc2010"


@app.command()
def train(
    corpora: Annotated[Path, typer.Argument(help="Folder with INDEX.tsv and one SOURCE.tar.zst a source.")],
    out: Annotated[Path, typer.Argument(help="Folder of the new bundle; its name is the bundle's.")],
    sources: Annotated[str, typer.Option(help="Sources to train on, separated by commas.")] = TRAINING_SOURCES,
) -> None:
    """Train a bundle and print what each source scored while it was held out."""
    from scorelane.scoring.training import corpus, fit

    data = corpus.build(corpus.read_index(corpora, sources.split(",")))
    fitted = fit.fit(data)
    fit.write(out, out.name, fitted, data)
    typer.echo(json.dumps(fit.report(data, fitted.held_out), indent=1))
