"""Flips as CSV (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

COLUMNS = (
    "message_id", "mailbox", "received_at", "sender", "subject", "before_verdict", "verdict", "before_log_odds",
    "log_odds", "before_category", "category", "work", "reasons",
)  # fmt: skip
HEADER = ",".join(COLUMNS) + "\r\n"


def csv_lines(flips: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A line a flip, its reasons in one cell; `HEADER` goes before them."""
    for flip in flips:
        line = io.StringIO()
        csv.writer(line).writerow([_cell(flip[name]) for name in COLUMNS])
        yield line.getvalue()


def _cell(value: Any) -> Any:
    """Text that a spreadsheet does not take for a formula."""
    if isinstance(value, list):
        return "; ".join(f"{reason['name']} {reason['moved']:+.2f}" for reason in value)
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
