"""What no public mail can train: facts, directory, trusted authentication and history, as a small table in log-odds.

Each row is a step function of one signal that never turns back, documented and open to argument; a missing value adds
nothing. Logged data replaces a row as soon as it can train the signal.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from scorelane.scoring.errors import BundleMismatch

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from scorelane.signals import SignalSet

MOST = 6.0
"""Log-odds that one row may add or take: no single fact decides alone against everything else."""


class Row(msgspec.Struct, frozen=True):
    """One signal's part: `below` under the first edge, then each edge's own log-odds from that value on."""

    signal: str
    below: float
    edges: tuple[tuple[float, float], ...]
    """(value from which it holds, log-odds), ascending."""

    def check(self, name: str) -> None:
        """Raise BundleMismatch for a row that turns back, is out of order, or says too much."""
        values = [value for value, _ in self.edges]
        steps = [self.below, *(log_odds for _, log_odds in self.edges)]
        rising = all(a <= b for a, b in pairwise(steps))
        falling = all(a >= b for a, b in pairwise(steps))
        if values != sorted(set(values)) or not (rising or falling) or max(map(abs, steps)) > MOST:
            raise BundleMismatch(
                f"bundle {name}: additive row {self.signal} is not monotone, ordered and within {MOST}"
            )

    def at(self, value: float) -> float:
        """Log-odds of one value; NaN, missing, adds nothing."""
        if value != value:  # noqa: PLR0124 - NaN
            return 0.0
        found = bisect_right([edge for edge, _ in self.edges], value)
        return self.edges[found - 1][1] if found else self.below


class Table(msgspec.Struct, frozen=True, dict=True):
    """The rows that a bundle adds, each signal at most once."""

    rows: tuple[Row, ...] = ()

    @cached_property
    def signals(self) -> frozenset[str]:
        """Names of the signals that the table reads."""
        return frozenset(row.signal for row in self.rows)

    def check(self, name: str, signal_set: SignalSet) -> None:
        """Raise BundleMismatch for a row that is malformed, doubled, or of no signal of the set."""
        if len(self.signals) != len(self.rows) or not self.signals <= set(signal_set.names):
            raise BundleMismatch(f"bundle {name}: its additive table names a signal twice, or a stranger")
        for row in self.rows:
            row.check(name)

    def without(self, signals: Collection[str]) -> Table:
        """The rows of other signals."""
        return Table(tuple(row for row in self.rows if row.signal not in signals))

    def parts(self, matrix: npt.NDArray[np.float32], names: Sequence[str]) -> npt.NDArray[np.float64]:
        """(messages, rows): what each row adds to each message."""
        out = np.zeros((len(matrix), len(self.rows)))
        for at, row in enumerate(self.rows):
            values = matrix[:, names.index(row.signal)].astype(np.float64)
            steps = np.array([row.below, *(log_odds for _, log_odds in row.edges)])
            found = np.searchsorted([edge for edge, _ in row.edges], values, side="right")
            out[:, at] = np.where(np.isnan(values), 0.0, steps[np.minimum(found, len(row.edges))])
        return out


def _flag(signal: str, log_odds: float) -> Row:
    """A row of a signal that is 0 or 1, or counts from 1."""
    return Row(signal, 0.0, ((1.0, log_odds),))


SHIPPED = Table(
    (
        # Facts. Most phishing domains are used within days of their registration.
        Row("author_domain_age_days", 2.0, ((7, 1.5), (30, 0.8), (180, 0.2), (365, 0.0), (3650, -0.3))),
        Row("youngest_link_domain_age_days", 1.8, ((7, 1.3), (30, 0.7), (180, 0.2), (365, 0.0), (3650, -0.2))),
        _flag("handover_listed", 1.0),
        _flag("author_domain_listed", 2.5),
        _flag("url_listed", 4.0),
        _flag("attachment_listed", 6.0),
        _flag("author_domain_without_mx", 1.0),
        _flag("link_domain_listed", 2.5),
        _flag("link_domain_fast_flux", 1.5),
        # Registries hold few domains by mistake, and nobody's honest mail comes from one that is held.
        _flag("author_domain_on_hold", 2.0),
        _flag("link_domain_on_hold", 2.0),
        _flag("link_certificate_untrusted", 0.6),
        # Certificates are renewed every few weeks, so only the very young ones say anything.
        Row("youngest_link_certificate_days", 0.8, ((2, 0.4), (14, 0.1), (45, 0.0))),
        Row("handover_network_age_days", 0.6, ((90, 0.3), (365, 0.0))),
        # Directory: somebody plays one of us.
        _flag("own_domain_unauthenticated", 2.5),
        _flag("author_near_own_domain", 2.5),
        _flag("author_contains_own_name", 1.0),
        _flag("link_near_own_domain", 2.0),
        _flag("vip_name_from_outside", 1.0),
        _flag("employee_name_from_outside", 1.0),
        _flag("display_name_says_own_organisation", 0.8),
        _flag("author_is_partner", -0.5),
        # What a receiver whom the tenant trusts found out of the author.
        Row("dmarc_severity", -0.2, ((1, 0.0), (3, 1.2))),
        Row("spf_severity", -0.1, ((1, 0.0), (3, 0.5))),
        Row("dkim_severity", -0.1, ((1, 0.0), (3, 0.4))),
        _flag("known_author_authenticated", -1.2),
        # History: the tenant knows the sender, or has judged it.
        _flag("solicited", -1.5),
        Row("contact_count_log", 0.0, ((1.0, -0.3), (2.0, -0.6), (3.0, -0.9))),
        Row("domain_known_days", 0.0, ((7, -0.2), (30, -0.5), (180, -0.8))),
        Row("bad_count_log", 0.0, ((0.6, 1.0), (1.5, 2.0))),
        Row("good_count_log", 0.0, ((0.6, -0.5), (1.5, -1.0))),
        _flag("first_contact_fan_out", 0.5),
        _flag("new_mailer_of_known_sender", 0.4),
    )
)
"""The table that training writes into a bundle."""
