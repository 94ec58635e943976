"""``scorelane signals``: what is measured of each message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scorelane.cli import output, signal_authoring, signal_backfill, signal_trials, signal_vectors
from scorelane.cli.errors import CommandError
from scorelane.cli.signal_authoring import named, sample_costs

if TYPE_CHECKING:
    from scorelane.signals import Signal

app = typer.Typer(help="The signals that are measured of each message.", no_args_is_help=True)
app.command("new")(signal_authoring.new)
app.command("check")(signal_authoring.check)
app.command("export")(signal_vectors.export)
app.command("board")(signal_vectors.board)
app.command("backfill")(signal_backfill.backfill)
app.command("backtest")(signal_trials.backtest)


@app.command("list")
def list_(
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List the signals by family, each with what it costs, measured now on sample mail."""
    from scorelane.signals import all_signals

    found = [signal for signal in all_signals() if family in (None, signal.family)]
    costs = sample_costs()
    if as_json:
        output.json_array({**_fields(signal), "cost_us": round(costs[signal.name], 2)} for signal in found)
        return
    rows = [
        (s.family, s.name, s.version, f"{costs[s.name]:.1f}", f"{s.range[0]:g} to {s.range[1]:g}", _first_line(s.doc))
        for s in found
    ]
    columns = ("family", "signal", "version", "us", "range", "meaning")
    output.table("", columns, rows, numbers=("version", "us"))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The signal's name.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Show all that a signal declares."""
    fields = _fields(named([name])[0])
    if as_json:
        output.json_array([fields])
    else:
        output.table("", ("field", "value"), [(key, _shown(value)) for key, value in fields.items()])


@app.command()
def parity(
    tenant: Annotated[str | None, typer.Option(help="Only this organisation's messages.")] = None,
    messages: Annotated[int, typer.Option(min=1, help="At most so many, oldest first.")] = 5000,
    chunk: Annotated[int, typer.Option(min=1, max=512, help="Messages computed together.")] = 512,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Compute logged vectors again from raw mail and stored context; exit code 1 when a bit differs."""
    from db import tenants
    from scorelane.settings import Settings
    from tasks.parity import check
    from tasks.session import Session

    session = Session(Settings().database_url, group="parity", lists=Settings().lists_folder)
    try:
        owner = tenants.find(session.connection(), tenant) if tenant else None
        if tenant and owner is None:
            raise CommandError(f"there is no tenant {tenant!r}; see: scorelane tenants list")
        with output.progress("computing", messages) as done:
            report = check(session, owner, messages=messages, chunk=chunk, done=done)
    finally:
        session.forget_connection()
    counts = {
        name: getattr(report, name)
        for name in ("looked_at", "equal", "differing", "gone", "other_code", "reconstructed")
    }
    examples = [dict(zip(("message_id", "signal", "logged", "computed"), row, strict=True)) for row in report.examples]
    if as_json:
        output.json_array([{**counts, "signals": report.signals, "examples": examples}])
    else:
        output.table("", tuple(counts), [tuple(counts.values())], numbers=tuple(counts))
        if examples:
            output.table(
                "", tuple(examples[0]), [tuple(row.values()) for row in examples], numbers=("logged", "computed")
            )
    if not report.looked_at:
        raise CommandError("no vector has been logged yet")
    if report.differing:
        raise CommandError(f"{report.differing} of {report.looked_at} vectors differ")


def _fields(signal: Signal) -> dict[str, Any]:
    names = ("name", "family", "version", "doc", "missing", "attacks", "range", "monotone", "needs", "hash")
    return {name: getattr(signal, name) for name in names}


def _shown(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
