"""Flips as CSV (RFC 4180), safe to open in a spreadsheet, and as JSON lines."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import msgspec

from scorelane.rescans.report import flips, reader
from scorelane.scoring.moved import CATEGORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from uuid import UUID

    from db.session import Connection

COLUMNS = (
    "message_id", "mailbox", "received_at", "sender", "subject", "before_verdict", "verdict", "before_log_odds",
    "log_odds", "before_category", "category", "work", "reasons",
)  # fmt: skip
HEADER = ",".join(COLUMNS) + "\r\n"
PAGE = 200
_FORMULA = frozenset("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
"""What begins a formula, in full width too (OWASP, "CSV Injection")."""
_CONTROLS = re.compile("[\x00-\x08\x0a-\x0c\x0e-\x1f\x7f-\x9f]")
CSV, JSON_LINES = "csv", "jsonl"


def pages(
    opening: Callable[[], AbstractContextManager[Connection]],
    rescan_id: UUID,
    bundle: str,
    *,
    after: UUID | None = None,
    limit: int | None = None,
) -> Iterator[list[dict[str, Any]]]:
    """Flips above a message id, a transaction a page, so that a slow reader holds none open.

    Reasons that nobody has read yet are computed here and kept, so `opening` gives transactions that may write.
    """
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        with opening() as connection:
            rows = list(flips(connection, rescan_id, after=after, limit=size, reasons=reader(connection, bundle)))
        yield rows
        if len(rows) < size:
            return
        after, left = rows[-1]["message_id"], None if left is None else left - size


def sheet(pages: Iterable[Iterable[Mapping[str, Any]]], form: str) -> Iterator[str]:
    """The whole as text of a form, CSV with its header or JSON lines, a page at a time."""
    lines = csv_lines if form == CSV else json_lines
    if form == CSV:
        yield HEADER
    for page in pages:
        yield from lines(page)


def csv_lines(flips: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A line a flip, its reasons in one cell; `HEADER` goes before them."""
    for flip in flips:
        line = io.StringIO()
        csv.writer(line).writerow([_cell(flip[name]) for name in COLUMNS])
        yield line.getvalue()


def json_lines(flips: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A JSON object a flip and line."""
    for flip in flips:
        yield msgspec.json.encode({name: flip[name] for name in COLUMNS}).decode() + "\n"


def told(reason: Mapping[str, Any]) -> str:
    """One reason that moved, short: log-odds, or support of the category."""
    return f"{reason['name']} {reason['moved']:+.2f}" + (" of category" if reason["of"] == CATEGORY else "")


def _cell(value: Any) -> Any:
    """Text that a spreadsheet does not take for a formula, and a terminal not for a command."""
    if isinstance(value, list):
        return "; ".join(told(reason) for reason in value)
    if not isinstance(value, str):
        return value
    value = _CONTROLS.sub("\ufffd", value)
    return f"'{value}" if value[:1] in _FORMULA else value
