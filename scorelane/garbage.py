"""How a process that reads much mail looks for garbage: seldom, because mail leaves none that counting does not free.

A message is thousands of small values and no cycle among them. Python's collector counts values, so by default it
looked through them, and now and then through all libraries and models, several times a chunk, and found nothing.
"""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 20, 50)
"""New values more than old ones before a look at the youngest: about what a chunk of 512 messages holds."""


def collect_seldom() -> None:
    """Look for cycles seldom from now on, and never again among what is loaded by now. For the whole process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
