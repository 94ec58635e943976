"""Rescans: score mail again, by chunks on the rescan lane, and report whose verdict would flip.

`preview` and `start`, then `progress`, `flips` and `db.jobs` (pause, resume, cancel). Plain arguments throughout, so
that the command, the API and the console call the same functions.
"""

from scorelane.rescans.asked import Asked, RescanError, Wanted, chosen
from scorelane.rescans.planning import MOST_UNASKED, Preview, plan_all, plan_step, preview, start
from scorelane.rescans.report import flips, progress, reader
from scorelane.rescans.workload import FULL, GONE, STORED, TEXT, work_of

__all__ = [
    "FULL",
    "GONE",
    "MOST_UNASKED",
    "STORED",
    "TEXT",
    "Asked",
    "Preview",
    "RescanError",
    "Wanted",
    "chosen",
    "flips",
    "plan_all",
    "plan_step",
    "preview",
    "progress",
    "reader",
    "start",
    "work_of",
]
