"""What earlier sightings say, as parts that add up: from the database, from chunk mates, from replayed mail.

`Memory` folds messages in the order of (received_at, message id): the same class for chunk mates and for training.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from scorelane.signals import sightings as kinds
from scorelane.signals.context import History

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from scorelane.signals.sightings import Shown

RECENT_DAYS = 30
"""Of counts that look back: whole days in UTC before the message's own day, and that day so far."""
MOST_DISTINCT = 16
"""Names of an address, and addresses of a name, are counted up to this."""
MOST_COUNTED = 4096
"""Counts of messages end here, so that a common domain costs no more to look up than a rare one."""
HOUR = timedelta(hours=1)
DAY_S = 86_400.0

Entity = tuple[int, bytes]


class Tally(NamedTuple):
    """Earlier messages that showed an entity."""

    messages: int = 0
    recent: int = 0
    """Of the last `RECENT_DAYS`."""
    first: datetime | None = None
    last: datetime | None = None


NONE = Tally()


class Recall(NamedTuple):
    """What one memory knows of a message's entities."""

    tallies: Mapping[Entity, Tally]
    aliases: frozenset[bytes] = frozenset()
    """ALIAS entities of the address: the display names that it used."""
    names: frozenset[bytes] = frozenset()
    """NAME entities of the display name: the addresses that used it."""
    mailboxes: frozenset[Hashable] = frozenset()
    """Those that the address wrote to within the hour before."""
    good: int = 0
    bad: int = 0


NOTHING = Recall({})


def questions(shown: Shown) -> list[Entity]:
    """Entities whose tallies a message's history needs."""
    asked: list[Entity] = [(kinds.LINK_DOMAIN, link) for link in shown.links]
    asked += [(kinds.CONTENT, band) for band in shown.contents]
    one = (
        (kinds.SENDER, shown.sender),
        (kinds.WROTE_TO, shown.sender),
        (kinds.DOMAIN, shown.domain),
        (kinds.PAIR, shown.pair),
        (kinds.ALIAS, shown.alias),
        (kinds.HOUR, shown.hour),
        (kinds.RECIPIENTS, shown.recipients),
        (kinds.STRUCTURE, shown.structure),
        (kinds.MAILER, shown.mailer),
    )
    asked += [(kind, entity) for kind, entity in one if entity is not None]
    return asked


def recent_since(at: datetime) -> datetime:
    """Where the recent days of a message begin."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=RECENT_DAYS)


def history_of(shown: Shown, at: datetime, *recalls: Recall) -> History:
    """History of a message received at a time (UTC), from memories that hold different sightings."""

    def tally(kind: int, entity: bytes | None) -> Tally:
        if entity is None:
            return NONE
        known = [found for recall in recalls if (found := recall.tallies.get((kind, entity))) is not None]
        return add(*known)

    sender, domain = tally(kinds.SENDER, shown.sender), tally(kinds.DOMAIN, shown.domain)
    aliases = frozenset[bytes]().union(*(recall.aliases for recall in recalls))
    names = frozenset[bytes]().union(*(recall.names for recall in recalls))
    mailboxes = frozenset[object]().union(*(recall.mailboxes for recall in recalls))
    return History(
        address_to_recipient=tally(kinds.PAIR, shown.pair).messages,
        address_count=sender.messages,
        domain_count=domain.messages,
        domain_count_30d=domain.recent,
        domain_days_known=_days(domain.first, at),
        address_days_known=_days(sender.first, at),
        address_days_since_last=_days(sender.last, at),
        names_of_address=min(len(aliases), MOST_DISTINCT),
        name_seen_for_address=tally(kinds.ALIAS, shown.alias).messages > 0,
        addresses_of_name=min(len(names), MOST_DISTINCT),
        wrote_to_address=tally(kinds.WROTE_TO, shown.sender).messages,
        near_duplicates=max((tally(kinds.CONTENT, band).recent for band in shown.contents), default=0),
        fan_out_1h=len(mailboxes),
        good_count=sum(recall.good for recall in recalls),
        bad_count=sum(recall.bad for recall in recalls),
        link_domain_min_count=min((tally(kinds.LINK_DOMAIN, link).messages for link in shown.links), default=None),
        same_hours=tally(kinds.HOUR, shown.hour).messages,
        same_recipients=None if shown.recipients is None else tally(kinds.RECIPIENTS, shown.recipients).messages,
        same_structure=tally(kinds.STRUCTURE, shown.structure).messages,
        mailer_count=None if shown.mailer is None else tally(kinds.MAILER, shown.mailer).messages,
    )


def add(*tallies: Tally) -> Tally:
    """Of sightings that no two of the tallies share."""
    if len(tallies) == 1 or not tallies:
        return tallies[0] if tallies else NONE
    firsts = [t.first for t in tallies if t.first is not None]
    lasts = [t.last for t in tallies if t.last is not None]
    return Tally(
        min(sum(t.messages for t in tallies), MOST_COUNTED),
        min(sum(t.recent for t in tallies), MOST_COUNTED),
        min(firsts, default=None),
        max(lasts, default=None),
    )


def _days(since: datetime | None, at: datetime) -> float | None:
    return None if since is None else (at - since).total_seconds() / DAY_S


class _Seen:
    """Of one entity: messages, messages by day, first and last time."""

    __slots__ = ("by_day", "count", "first", "last")

    def __init__(self, at: datetime) -> None:
        self.count = 0
        self.by_day: dict[date, int] = {}
        self.first = self.last = at

    def add(self, at: datetime) -> None:
        self.count += 1
        day = at.date()
        self.by_day[day] = self.by_day.get(day, 0) + 1
        self.first, self.last = min(self.first, at), max(self.last, at)

    def tally(self, since: date) -> Tally:
        recent = 0
        for day in reversed(self.by_day):  # days come in order of time
            if day < since:
                break
            recent += self.by_day[day]
        return Tally(min(self.count, MOST_COUNTED), min(recent, MOST_COUNTED), self.first, self.last)


class Memory:
    """Sightings of one tenant, folded in the order of (received_at, message id). Times are UTC."""

    def __init__(self) -> None:
        """Start with no message."""
        self._seen: dict[Entity, _Seen] = {}
        self._aliases: dict[bytes, set[bytes]] = defaultdict(set)
        self._names: dict[bytes, set[bytes]] = defaultdict(set)
        self._lately: dict[bytes, list[tuple[datetime, Hashable]]] = defaultdict(list)
        self._judged: dict[bytes, list[int]] = {}

    def recall(self, shown: Shown, at: datetime) -> Recall:
        """What the messages added so far say of another one's entities, received at a time."""
        since = recent_since(at).date()
        tallies = {
            asked: found.tally(since) for asked in questions(shown) if (found := self._seen.get(asked)) is not None
        }
        good, bad = self._judged.get(shown.sender or b"", (0, 0))
        return Recall(
            tallies,
            frozenset(self._aliases.get((shown.sender or b"")[: kinds.PREFIX], ())),
            frozenset(self._names.get((shown.name or b"")[: kinds.PREFIX], ())),
            frozenset(mailbox for seen_at, mailbox in self._lately.get(shown.sender or b"", ()) if seen_at > at - HOUR),
            good,
            bad,
        )

    def history(self, shown: Shown, at: datetime) -> History:
        """History of a message from this memory alone."""
        return history_of(shown, at, self.recall(shown, at))

    def add(self, shown: Shown, at: datetime, mailbox: Hashable) -> None:
        """Remember that a message showed its entities to a mailbox at a time."""
        for entity in shown.all():
            found = self._seen.get(entity)
            if found is None:
                found = self._seen[entity] = _Seen(at)
            found.add(at)
        if shown.sender is None:
            return
        if shown.alias is not None and shown.name is not None:
            self._aliases[shown.alias[: kinds.PREFIX]].add(shown.alias)
            self._names[shown.name[: kinds.PREFIX]].add(shown.name)
        lately = self._lately[shown.sender]
        while lately and lately[0][0] <= at - HOUR:
            lately.pop(0)
        lately.append((at, mailbox))

    def judge(self, sender: bytes, *, good: bool) -> None:
        """Remember that one of a sender's messages was judged."""
        self._judged.setdefault(sender, [0, 0])[0 if good else 1] += 1
