"""What a message does otherwise than its sender's earlier ones; missing where the sender has too few to tell."""

from __future__ import annotations

from math import log1p
from typing import TYPE_CHECKING

from scorelane.signals.declaration import signal

if TYPE_CHECKING:
    from scorelane.signals.context import History

LEAST = 5
"""Earlier messages from which a sender has habits."""
TOO_FEW = "history unknown, or fewer than five earlier messages of the address"
MOST = 20.0


@signal(version=1, missing=TOO_FEW, attacks=("bec",), monotone=1)
def unusual_hour(history: History) -> float | None:
    """Share of the address's earlier messages that came in another part of the day; 0 to 1.

    Parts of three hours in UTC. Source: Ho et al. 2019, "Detecting and characterizing lateral phishing at scale".
    """
    return _unlike(history.same_hours, history.address_count)


@signal(version=1, missing=TOO_FEW, attacks=("bec", "spoofing"), monotone=1)
def unusual_structure(history: History) -> float | None:
    """Share of the address's earlier messages whose program wrote its headers in another order; 0 to 1.

    Source: Gascon et al. 2018, "Reading between the lines: content-agnostic detection of spear-phishing emails".
    """
    return _unlike(history.same_structure, history.address_count)


@signal(version=1, missing=f"{TOO_FEW}; or a single recipient", attacks=("bec", "phishing"), monotone=1)
def unusual_recipients(history: History) -> float | None:
    """1 when a known address writes to a set of people that it never wrote to together."""
    if history.same_recipients is None or history.address_count < LEAST:
        return None
    return float(history.same_recipients == 0)


@signal(version=1, missing="history unknown, or no mail program named", range=(0, MOST), monotone=-1)
def mailer_prevalence_log(history: History) -> float | None:
    """log1p of the tenant's earlier messages that named this mail program; 0 for one never seen."""
    return None if history.mailer_count is None else min(log1p(history.mailer_count), MOST)


@signal(version=1, missing=f"{TOO_FEW}; or no mail program named", attacks=("bec", "spoofing"), monotone=1)
def new_mailer_of_known_sender(history: History) -> float | None:
    """1 when a known address writes with a mail program that nobody at the tenant has met."""
    if history.mailer_count is None or history.address_count < LEAST:
        return None
    return float(history.mailer_count == 0)


def _unlike(same: int, all_: int) -> float | None:
    return None if all_ < LEAST else max(0.0, 1 - same / all_)
