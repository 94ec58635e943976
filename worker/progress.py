"""Which lanes make no progress: they have work for their workers, and nobody takes any."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from db.lanes import Mark


class _Seen(NamedTuple):
    claimed_at: datetime | None
    since: float


class Progress:
    """Watches groups of lanes that share workers: one that takes work from any of its lanes makes progress.

    What counts is the time that one observer saw work and no claim, so no clock of another process matters.
    """

    def __init__(self, groups: Mapping[str, Sequence[str]]) -> None:
        self._groups = groups
        self._seen: dict[str, _Seen] = {}

    def observe(self, marks: Iterable[Mark], now: float) -> dict[str, float]:
        """Seconds that each group has had work and taken none."""
        by_lane = {mark.lane: mark for mark in marks}
        stalled: dict[str, float] = {}
        for group, lanes in self._groups.items():
            its = [by_lane[lane] for lane in lanes if lane in by_lane]
            claimed_at = max((mark.claimed_at for mark in its if mark.claimed_at is not None), default=None)
            seen = self._seen.get(group)
            if seen is None or seen.claimed_at != claimed_at or not any(mark.has_work for mark in its):
                seen = self._seen[group] = _Seen(claimed_at, now)
            stalled[group] = now - seen.since
        return stalled

    def forget(self) -> None:
        """Start again: while a server is away, idle workers are not at fault."""
        self._seen.clear()
