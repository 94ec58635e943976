"""``scorelane signals backtest``: what a new or changed signal does on mail, before it is merged."""

from __future__ import annotations

import itertools
import subprocess
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError, Misused
from scorelane.cli.output import utc
from scorelane.cli.signal_authoring import ROOT, named, sample_costs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scorelane.scoring.training.corpus import Labelled
    from scorelane.signals import Signal
    from scorelane.signals.backtest import Trial, Tried

OF_EACH_CLASS = 200
OF_A_TENANT = 5000
MOST_FAULTS = 3


class Found(NamedTuple):
    """What was tried, and what else is to be told of it."""

    tried: Tried
    cost_us: float
    faults: list[str]
    before: Trial | None = None
    """The same mail by the meaning before, where one was named or is stored."""
    before_name: str = ""
    notes: tuple[str, ...] = ()


def backtest(
    name: Annotated[str, typer.Argument(help="The signal's name.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH...]", help="Labelled mail, as `model train` takes it; else give --tenant."),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Stored mail of this organisation instead of paths.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Lines of name or SHA-256, a tab, and a class.")] = None,
    sources: Annotated[str | None, typer.Option(help="Of a folder with INDEX.tsv: these, with commas.")] = None,
    generated: Annotated[
        int, typer.Option(min=0, max=100_000, help="Wanted messages of the sample that join, and half as many attacks.")
    ] = 0,
    since: Annotated[datetime | None, typer.Option(help="With --tenant: received at or after this, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="With --tenant: received before this, UTC.")] = None,
    messages: Annotated[
        int | None, typer.Option(min=1, help="At most so many: of each source and class (200), or stored (5000).")
    ] = None,
    against: Annotated[str | None, typer.Option(help="With paths: compare with this git revision's code.")] = None,
    examples: Annotated[int, typer.Option(min=0, max=100, help="Messages named of each kind.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Try one signal on mail: how often it fires by source and class, lift, AUC, missing, cost, what it repeats."""
    from scorelane.cli import training_mail
    from scorelane.signals.backtest import trial

    signal = named([name])[0]
    if bool(paths or generated) == (tenant is not None):
        raise Misused("give paths of labelled mail or --generated, or --tenant for stored mail")
    if tenant is None:
        if since or until:
            raise Misused("--since and --until go with --tenant")
        mail = itertools.chain(
            training_mail.read(paths or [], labels=labels, sources=sources), training_mail.generated(generated)
        )
        found = _of_mail(signal, mail, messages or OF_EACH_CLASS, against)
    else:
        if labels or sources or against:
            raise Misused("--labels, --sources and --against go with paths")
        found = _of_tenant(signal, tenant, since, until, messages or OF_A_TENANT)
    _say(signal, found, trial(found.tried, lowers=signal.monotone < 0, examples=examples), as_json=as_json)


def _of_mail(signal: Signal, mail: Iterable[Labelled], most: int, against: str | None) -> Found:
    from scorelane.cli import trying
    from scorelane.signals.backtest import trial

    former = _former(signal, against) if against else None
    with output.progress("reading") as done:
        chosen = trying.chosen(mail, most, done)
    if not chosen:
        raise CommandError("there is no labelled mail under what was named")
    with output.progress("computing", len(chosen)) as done:
        computed = trying.compute(signal, chosen, former, done)
    before = None
    if computed.former is not None:
        before = trial(computed.former, lowers=signal.monotone < 0, examples=0)
    return Found(
        computed.tried, computed.cost_us, computed.faults, before, f"at {against}" if against else "", _unfed(signal)
    )


def _of_tenant(signal: Signal, tenant: str, since: datetime | None, until: datetime | None, most: int) -> Found:
    from db import tenants
    from scorelane.settings import Settings
    from scorelane.signals.backtest import trial
    from tasks import trials
    from tasks.session import Session

    session = Session(Settings().database_url, group="backtest", lists=Settings().lists_folder)
    faults: list[str] = []

    def failed(step: str, fault: Exception) -> None:
        if len(faults) < MOST_FAULTS:
            faults.append(f"{step}: {type(fault).__name__}: {fault}")

    try:
        owner = tenants.find(session.connection(), tenant)
        if owner is None:
            raise CommandError(f"there is no tenant {tenant!r}; see: scorelane tenants list")
        span = trials.Span(owner, most, utc(since), utc(until))
        with output.progress("computing", most) as done:
            stored = trials.run(session, signal, span, on_failure=failed, done=done)
    finally:
        session.forget_connection()
    if not len(stored.tried.values):
        raise CommandError("no scored message with raw mail is stored for this")
    older = sorted(version for version in stored.logged if version != signal.version)
    before = None
    if older:
        values = stored.logged[older[-1]]
        before = trial(stored.tried._replace(values=values), lowers=signal.monotone < 0, examples=0)
    notes = () if stored.is_labelled else ("nobody labelled these messages: classes are their verdicts, clean or not",)
    return Found(
        stored.tried, sample_costs()[signal.name], faults, before, f"version {older[-1]}" if older else "", notes
    )


def _former(signal: Signal, revision: str) -> str:
    """The source of the signal's module at a git revision."""
    path = Path(*signal.fn.__module__.split(".")).with_suffix(".py")
    shown = subprocess.run(
        ["git", "show", f"{revision}:{path.as_posix()}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if shown.returncode:
        lines = shown.stderr.strip().splitlines() or ["git said nothing"]
        raise CommandError(f"{path} at {revision}: {lines[0]}")
    return shown.stdout


def _unfed(signal: Signal) -> tuple[str, ...]:
    """What a signal reads that mail from a folder does not bring."""
    from scorelane.signals import signal_set

    lacking = sorted(signal_set().read_by(signal.name) & {"history", "facts", "directory"})
    return (f"it reads {' and '.join(lacking)}, which paths do not bring: try --tenant",) if lacking else ()


def _say(signal: Signal, found: Found, said: Trial, *, as_json: bool) -> None:
    if as_json:
        output.json_array(
            [
                {
                    "signal": signal.name,
                    "version": signal.version,
                    **said._asdict(),
                    "groups": [group._asdict() for group in said.groups],
                    "cost_us": round(found.cost_us, 2),
                    "faults": found.faults,
                    "before": None if found.before is None else _short(found.before),
                    "notes": found.notes,
                }
            ]
        )
        return
    numbers = ("messages", "fired %", "missing %", "failed", "mean")
    title = f"{signal.name} {signal.version} ({signal.family})"
    cells = [
        (g.source, g.label, g.messages, _percent(g.fired_share), _percent(g.missing_share), g.failed, g.mean)
        for g in said.groups
    ]
    output.table(title, ("source", "class", *numbers), cells, numbers=numbers)
    output.table("", ("figure", "value"), _figures(signal, found, said))
    rows = [(kind, value, name) for kind, named_ in said.examples.items() for name, value in named_]
    if rows:
        output.table("", ("example", "value", "message"), rows, numbers=("value",))
    for line in (*found.faults, *found.notes):
        output.note(f"{signal.name}: {line}")


def _figures(signal: Signal, found: Found, said: Trial) -> list[tuple[str, str]]:
    speaks_for = "wanted" if signal.monotone < 0 else "unwanted"
    rows = [
        ("messages", f"{said.messages}, {said.unwanted} unwanted"),
        ("fired", f"{_percent(said.fired_share)} %"),
        ("missing", f"{_percent(said.missing_share)} %, {said.failed} failed"),
        (f"{speaks_for} where fired", f"{_percent(said.right_share)} %, lift {_two(said.lift)}"),
        ("AUC", _two(said.auc, 3)),
        ("AUC within a source", ", ".join(f"{name} {area:.3f}" for name, area in said.auc_by_source.items()) or "-"),
        ("cost", f"{found.cost_us:.1f} us a message, without what it shares with others"),
        ("most alike", ", ".join(f"{name} {r:+.2f}" for name, r in said.alike) or "-"),
    ]
    if found.before is not None:
        was = found.before
        shares = f"fired {_percent(was.fired_share)} %, missing {_percent(was.missing_share)} %"
        rows.append((found.before_name, f"{shares}, lift {_two(was.lift)}, AUC {_two(was.auc, 3)}"))
    return rows


def _short(said: Trial) -> dict[str, Any]:
    return {name: getattr(said, name) for name in ("fired_share", "missing_share", "right_share", "lift", "auc")}


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _two(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
