"""Waiting for what a running system does by itself, bounded, with what was waited for in the failure."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def until(done: Callable[[], object], what: str, *, within_s: float = 60, every_s: float = 0.1) -> None:
    """Returns once `done` is true; a failure that says what never came otherwise."""
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline, f"in vain for {within_s:g} s: {what}"
        time.sleep(every_s)


def answering(url: str) -> None:
    """Returns once a server answers at an address."""

    def answers() -> bool:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            return False
        return True

    until(answers, f"an answer from {url}")
