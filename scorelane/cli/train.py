"""The work of ``scorelane model train``: labelled mail and labelled vectors of any origin to one bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import typer

from scorelane.cli import labelled_vectors, output, training_mail
from scorelane.cli.errors import Misused
from scorelane.scoring import TrainingRejected
from scorelane.scoring.training import corpus, fit, report, write
from scorelane.scoring.training.models import Recipe
from scorelane.signals import signal_set
from scorelane.signals.errors import UnknownSignal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from scorelane.scoring.training.corpus import Dataset
    from scorelane.signals import SignalSet

SHOWN = 5
WORDS_OF = {"yes": True, "true": True, "no": False, "false": False}


class Logged(NamedTuple):
    """Which labels of the database join, with the vectors that were logged at scoring time."""

    tenant: str | None
    since: datetime | None
    until: datetime | None
    revision: str


class Asked(NamedTuple):
    """What a training is made from."""

    paths: Sequence[str]
    labels: Path | None
    sources: str | None
    generated: int
    signals: Path | None
    logged: Logged | None
    """None: no labels of the database."""
    sees_everything: bool | None
    """None: where nothing but logged vectors is given."""
    options: Sequence[str]


def train(asked: Asked, out: Path) -> None:
    """Train and write a bundle; print what each source scored while it was left out."""
    write.need_new(out)
    names = None if asked.signals is None else asked.signals.read_text(encoding="utf-8").split()
    try:
        set_ = signal_set(names)
    except UnknownSignal as fault:
        raise TrainingRejected(str(fault)) from fault
    vectors = [path for path in asked.paths if path.endswith(".parquet")]
    mail = [path for path in asked.paths if path not in vectors]
    if not asked.paths and asked.logged is None:
        raise Misused("nothing to train from: name labelled mail or an export of vectors, or give --from-labels")
    recipe = _recipe(asked, only_logged=not mail and not asked.generated)
    data = corpus.joined([*_mail(asked, mail, set_), *_logged(asked, vectors, set_)])
    corpus.need_classes(data.unwanted.tolist())
    if names is not None:
        _refuse_empty(data)
    fitted = fit.fit(data, recipe)
    _tell(data, fitted.empty)
    metrics: dict[str, Any] = report.report(data, fitted)
    metrics["source_probe"] = report.source_probe(data, fitted.trees)
    if asked.generated:
        plain = corpus.without(data, fit.GENERATED)
        metrics["without_generated_mail"] = report.report(plain, fit.fit(plain, recipe))
    write.write(out, fitted, data, metrics)
    typer.echo(json.dumps(metrics["leave_one_source_out"], indent=1))


def _mail(asked: Asked, paths: Sequence[str], set_: SignalSet) -> list[Dataset]:
    if not paths and not asked.generated:
        return []
    real = training_mail.read(paths, labels=asked.labels, sources=asked.sources)
    return [corpus.vectors([*real, *training_mail.generated(asked.generated)], set_.names)]


def _logged(asked: Asked, paths: Sequence[str], set_: SignalSet) -> list[Dataset]:
    found = [labelled_vectors.of_file(Path(path), set_) for path in paths]
    if asked.logged is not None:
        from db.session import connect
        from scorelane.cli.signal_vectors import span_of
        from scorelane.settings import Settings

        with connect(Settings().database_url, application="scorelane-cli") as connection:
            found.append(labelled_vectors.of_database(connection, span_of(connection, *asked.logged), set_))
    return found


def _recipe(asked: Asked, *, only_logged: bool) -> Recipe:
    """The recipe with what was asked for instead. Raises Misused naming what is wrong with an option."""
    chosen: dict[str, Any] = {
        "sees_everything": only_logged if asked.sees_everything is None else asked.sees_everything
    }
    standard = Recipe()._asdict()
    for option in asked.options:
        name, _, text = option.partition("=")
        if name not in standard:
            raise Misused(f"--option: there is no {name[:80]!r}; there are {', '.join(standard)}")
        try:
            chosen[name] = _value(standard[name], text)
        except (ValueError, KeyError):
            raise Misused(f"--option: {text[:80]!r} is no value of {name}, which is {standard[name]} else") from None
    return Recipe(**chosen)


def _value(like: object, text: str) -> object:
    if isinstance(like, bool):
        return WORDS_OF[text.lower()]
    if isinstance(like, tuple):
        return tuple(int(part) for part in text.split(","))
    return int(text) if isinstance(like, int) else float(text)


def _refuse_empty(data: Dataset) -> None:
    empty = [name for name, column in zip(data.names, data.matrix.T, strict=True) if np.isnan(column).all()]
    if empty:
        raise TrainingRejected(f"{_listed(empty)} of --signals: no value in any message; take it off the list")


def _tell(data: Dataset, empty: Sequence[str]) -> None:
    """What a person should know of the data before trusting the bundle, a line each."""
    if empty:
        output.note(f"{_listed(empty)}: no value in any message, so the trees learnt nothing of it")
    silent = int((np.diff(data.words.starts) == 0).sum())
    if silent:
        output.note(
            f"{silent} of {len(data.unwanted)} messages teach no words: they have none, their raw mail is gone, or the "
            "export was made without --words"
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"signal {', '.join(names[:SHOWN])}{more}"
