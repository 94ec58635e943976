"""What a message costs on one core: each stage of the parser, and each signal. No broker, no database."""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from time import process_time_ns
from typing import TYPE_CHECKING, Any

from mail import load
from rich.console import Console
from rich.table import Table

from scorelane.garbage import collect_seldom
from scorelane.mail import parse
from scorelane.signals import compute_chunk
from scorelane.signals.context import History
from scorelane.signals.cost import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scorelane.mail import Message

STAGES = {
    "headers": ("read_fields", "parse_list", "parse_received", "parse_date", "parse_auth_results"),
    "tree": ("read_tree",),
    "bodies": ("decode_declared", "_fold_lines"),
    "HTML": ("read_html",),
    "quoting": ("newest",),
    "language": ("guess",),
    "URLs": ("collect",),
}
"""Functions of `scorelane.mail.parse` that make up each stage; what is left is building the message."""
MOST = 3_000
CHUNK = 64
ROUNDS = 3
SHOWN = 25
TARGET_US = 500
PARSER = importlib.import_module("scorelane.mail.parse")


def main() -> None:
    """Measure the whole, then its parts, and print two tables."""
    mail = load("trec07p", MOST)
    raws = [one.raw for one in mail.messages]
    compute_chunk([parse(raw) for raw in raws[:CHUNK]])
    collect_seldom()  # as workers do once they are warm
    whole, signals = _together(raws)
    stages = _by_stage(raws)
    messages = [parse(raw) for raw in raws]
    console = Console(width=120)
    table = Table("stage", "us a message", title=f"Parse and signals on {mail.title}, one core", title_justify="left")
    rest = whole - sum(stages.values())
    for name, cost in [*stages.items(), ("building the message", max(rest, 0.0))]:
        table.add_row(f"  {name}", f"{cost:.1f}")
    table.add_row("parse", f"{whole:.1f}")
    table.add_row("every signal", f"{signals:.1f}")
    table.add_row(f"together (aim: {TARGET_US})", f"{whole + signals:.1f}")
    console.print(table)
    console.print(_signals(messages))


def _together(raws: Sequence[bytes]) -> tuple[float, float]:
    """Microseconds of parsing and of all signals, each the best of some rounds."""
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        spent = [0, 0]
        for at in range(0, len(raws), CHUNK):
            before = process_time_ns()
            chunk = [parse(raw) for raw in raws[at : at + CHUNK]]
            between = process_time_ns()
            compute_chunk(chunk, histories=[History()] * len(chunk), facts=[{}] * len(chunk))
            after = process_time_ns()
            spent = [spent[0] + between - before, spent[1] + after - between]
        best = [min(best[at], spent[at] / len(raws) / 1e3) for at in range(2)]
    return best[0], best[1]


def _by_stage(raws: Sequence[bytes]) -> dict[str, float]:
    """Microseconds of each stage; nested messages count in the stages of their parts."""
    spent: Counter[str] = Counter()
    originals = {name: getattr(PARSER, name) for names in STAGES.values() for name in names}
    try:
        for stage, names in STAGES.items():
            for name in names:
                setattr(PARSER, name, _timed(originals[name], stage, spent))
        for raw in raws:
            parse(raw)
    finally:
        for name, original in originals.items():
            setattr(PARSER, name, original)
    return {stage: spent[stage] / len(raws) / 1e3 for stage in STAGES}


def _timed(fn: Callable[..., Any], stage: str, spent: Counter[str]) -> Callable[..., Any]:
    def call(*args: Any, **words: Any) -> Any:
        before = process_time_ns()
        found = fn(*args, **words)
        spent[stage] += process_time_ns() - before
        return found

    return call


def _signals(messages: Sequence[Message]) -> Table:
    costs = measure(messages)
    table = Table("signal or shared value", "mean us", "worst us", title="Dearest signals", title_justify="left")
    for cost in costs[:SHOWN]:
        table.add_row(cost.name if cost.is_signal else f"({cost.name})", f"{cost.mean_us:.1f}", f"{cost.worst_us:.0f}")
    rest = costs[SHOWN:]
    table.add_row(f"{len(rest)} others together", f"{sum(cost.mean_us for cost in rest):.1f}", "")
    return table


if __name__ == "__main__":
    sys.exit(main())
