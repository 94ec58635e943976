"""Rescans: score mail again, by chunks on the rescan lane, and report whose verdict would flip.

`preview` and `start`, then `progress`, `flips` and `db.jobs` (pause, resume, cancel). Plain arguments throughout, so
that the command, the API and the console call the same functions.
"""

from scorelane.rescans.asked import Asked, RescanError, Wanted, chosen
from scorelane.rescans.needs import digest_of, wanted_by, wanted_of
from scorelane.rescans.planning import MOST_UNASKED, Preview, plan_all, plan_step, preview, start
from scorelane.rescans.report import Progress, flips, progress, progress_of, reader
from scorelane.rescans.sheet import COLUMNS, HEADER, csv_lines
from scorelane.rescans.workload import FULL, GONE, STORED, TEXT, work_of

__all__ = [
    "COLUMNS",
    "FULL",
    "GONE",
    "HEADER",
    "MOST_UNASKED",
    "STORED",
    "TEXT",
    "Asked",
    "Preview",
    "Progress",
    "RescanError",
    "Wanted",
    "chosen",
    "csv_lines",
    "digest_of",
    "flips",
    "plan_all",
    "plan_step",
    "preview",
    "progress",
    "progress_of",
    "reader",
    "start",
    "wanted_by",
    "wanted_of",
    "work_of",
]
