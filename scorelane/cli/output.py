"""How the command speaks: tables and progress to a terminal, JSON to a pipe, notes to standard error."""

from __future__ import annotations

import json
import re
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

STYLES = {"attack": "bold red", "suspicious": "yellow", "spam": "magenta", "clean": "green"}
PIPE_WIDTH = 160
IDS = frozenset({"id", "job", "message", "message_id"})
CUT = frozenset({"sender", "subject", "mailbox", "source"})
"""Columns whose text a terminal may show the beginning of, on one line."""
LEAST = 12
"""Characters that a column of text keeps on the narrowest terminal."""
GAP = 2
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal obeys, less tabs and line ends: file names and mail may hold it."""
_HIGH_CONTROLS = re.compile("[\x7f-\x9f]")
"""Those of them that JSON leaves as they are."""


def note(line: str) -> None:
    """One line to standard error."""
    sys.stderr.write(_CONTROLS.sub("\ufffd", line) + "\n")
    sys.stderr.flush()


def json_array(rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON array on standard output, written as the rows come."""
    write = sys.stdout.write
    empty = True
    for row in rows:
        write(("[" if empty else ",\n") + to_json(row))
        empty = False
    write("[]\n" if empty else "]\n")
    sys.stdout.flush()


def to_json(row: Mapping[str, Any]) -> str:
    """One JSON object: times as ISO 8601 in UTC, identifiers and digests as text, NaN as null."""
    written = json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False)
    return _HIGH_CONTROLS.sub(lambda mark: f"\\u{ord(mark.group()):04x}", written)


def _plain(value: Any) -> Any:  # noqa: PLR0911 - one return a type
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return value if value - value == 0 else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return str(value)


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> None:
    """A table on standard output; on a pipe without colours, wide enough not to cut.

    `spare` are the columns that a narrow terminal goes without, the first to go first.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console() if terminal else Console(width=PIPE_WIDTH)
    every = [[_cell(value) for value in row] for row in rows]
    least = {name: _least(name, [row[at] for row in every], name in numbers) for at, name in enumerate(columns)}
    left = list(columns)
    for name in spare:
        if terminal and sum(least[one] for one in left) + GAP * (len(left) - 1) > console.width:
            left.remove(name)
    room = console.width - sum(least[one] for one in left if one not in CUT) - GAP * (len(left) - 1)
    share = max(LEAST, room // max(1, sum(name in CUT for name in left)))
    shown = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for name in left:
        cut = terminal and name in CUT
        shown.add_column(
            name,
            justify="right" if name in numbers else "left",
            overflow="ellipsis" if cut else "fold",
            no_wrap=cut or name in IDS,
            min_width=least[name],
            max_width=share if cut else None,
        )
    chosen = [columns.index(name) for name in left]
    for row in every:
        shown.add_row(*(Text(row[at], style=STYLES.get(row[at], "")) for at in chosen))
    console.print(shown)


def _least(name: str, texts: Sequence[str], number: bool) -> int:
    """Characters below which a column is not narrowed: ids, times and numbers must stay whole."""
    widest = max(len(line) for text in (name, *texts) for line in text.splitlines() or [""])
    whole = number or name in IDS or any(_TIME.fullmatch(text) for text in texts)
    return widest if whole else min(widest, LEAST)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list):
        return "\n".join(map(_cell, value))
    if isinstance(value, bytes):
        return value.hex()
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in str(value))


def utc(time: datetime | None) -> datetime | None:
    """A time from the command line, which is UTC unless it says otherwise."""
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A function that sets how much is done; a bar on a terminal, silence elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    count = TextColumn("{task.completed:,.0f}") if total is None else MofNCompleteColumn()
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), count, TimeElapsedColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)
