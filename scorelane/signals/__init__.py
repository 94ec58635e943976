"""Signals: pure functions of a message and its context, each giving one number of its vector.

Declare with `signal` (and `derived`), list with `all_signals`, compute with `compute` or `compute_chunk`.
"""

from scorelane.signals import derived as _values  # noqa: F401 - first: loaded later, it would take the name below
from scorelane.signals.compute import Computed, compute, compute_chunk
from scorelane.signals.declaration import Missing, Signal, derived, signal
from scorelane.signals.registry import SignalSet, all_signals, signal_set

__all__ = [
    "Computed",
    "Missing",
    "Signal",
    "SignalSet",
    "all_signals",
    "compute",
    "compute_chunk",
    "derived",
    "signal",
    "signal_set",
]
