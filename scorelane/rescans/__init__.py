"""Rescans: score mail again, by chunks on the rescan lane, and report whose verdict would flip.

`preview` and `start`, then `progress`, `flips` and `db.jobs` (pause, resume, cancel). Plain arguments throughout, so
that the command, the API and the console call the same functions.
"""

from scorelane.choosing import Asked, ChoiceError
from scorelane.rescans.errors import RescanError
from scorelane.rescans.filling import Lacking, lacking, start_fill
from scorelane.rescans.needs import Wanted, digest_of, wanted_by, wanted_of
from scorelane.rescans.planning import MOST_UNASKED, Preview, plan_all, preview, start
from scorelane.rescans.report import Progress, flips, progress, progress_of, reader
from scorelane.rescans.sheet import COLUMNS, CSV, JSON_LINES, pages, sheet, told
from scorelane.rescans.workload import FILLED, FULL, GONE, STORED, TEXT, work_of

__all__ = [
    "COLUMNS",
    "CSV",
    "FILLED",
    "FULL",
    "GONE",
    "JSON_LINES",
    "MOST_UNASKED",
    "STORED",
    "TEXT",
    "Asked",
    "ChoiceError",
    "Lacking",
    "Preview",
    "Progress",
    "RescanError",
    "Wanted",
    "digest_of",
    "flips",
    "lacking",
    "pages",
    "plan_all",
    "preview",
    "progress",
    "progress_of",
    "reader",
    "sheet",
    "start",
    "start_fill",
    "told",
    "wanted_by",
    "wanted_of",
    "work_of",
]
