"""``scorelane signals``: what is measured of each message."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError

if TYPE_CHECKING:
    from scorelane.signals import Signal

app = typer.Typer(help="The signals that are measured of each message.", no_args_is_help=True)


@app.command("list")
def list_(
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List the signals by family."""
    from scorelane.signals import all_signals

    found = [signal for signal in all_signals() if family in (None, signal.family)]
    if as_json:
        output.json_array(_fields(signal) for signal in found)
        return
    rows = [(s.family, s.name, s.version, f"{s.range[0]:g} to {s.range[1]:g}", _first_line(s.doc)) for s in found]
    output.table("", ("family", "signal", "version", "range", "meaning"), rows, numbers=("version",))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The signal's name.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Show all that a signal declares."""
    from scorelane.signals import all_signals

    known = {signal.name: signal for signal in all_signals()}
    if name not in known:
        near = difflib.get_close_matches(name, known, 3)
        hint = f"; near: {', '.join(near)}" if near else "; see: scorelane signals list"
        raise CommandError(f"there is no signal {name!r}{hint}")
    fields = _fields(known[name])
    if as_json:
        output.json_array([fields])
    else:
        output.table("", ("field", "value"), [(key, _shown(value)) for key, value in fields.items()])


def _fields(signal: Signal) -> dict[str, Any]:
    names = ("name", "family", "version", "doc", "missing", "attacks", "range", "monotone", "needs", "hash")
    return {name: getattr(signal, name) for name in names}


def _shown(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
