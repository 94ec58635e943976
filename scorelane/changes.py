"""What moved a score from one revision to the next: the terms that changed, and the facts that were new.

Call `read`. Like an explanation it is a pure function of stored vectors, contexts and bundles, computed when read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from db import contexts
from scorelane import explanations
from scorelane.scoring import context

if TYPE_CHECKING:
    from uuid import UUID

    from db.contexts import Detail
    from db.session import Connection

LEAST = 0.005
"""Log-odds under which a term did not move."""


class Moved(NamedTuple):
    """One term that counts differently; values are None where missing."""

    name: str
    before: float | None
    after: float | None
    log_odds: float


class Change(NamedTuple):
    """From the revision before to this one. The terms' log-odds sum to `log_odds` up to those that hardly moved."""

    log_odds: float
    terms: tuple[Moved, ...]
    """Strongest first."""
    facts: tuple[Detail, ...]
    """Facts that this revision used and the one before did not."""

    def sentences(self) -> list[str]:
        """What changed, for a person: terms first, then what was learned."""
        told = [f"{m.log_odds:+.2f} {m.name}: {_said(m.before)} → {_said(m.after)}" for m in self.terms]
        return told + [
            f"fact {f.id}: {f.kind} of {f.entity} is {_said(f.value) if f.status == 'ok' else f.status} "
            f"({f.provider}, {f.observed_at:%Y-%m-%d %H:%M})"
            for f in self.facts
        ]


def read(connection: Connection, message_id: UUID, revision: int) -> Change:
    """What this revision has that the one before had not. Raises explanations.Gone where either is gone."""
    if revision <= 1:
        raise explanations.Gone("the first revision changes nothing")
    before = explanations.read(connection, message_id, revision - 1)
    after = explanations.read(connection, message_id, revision)
    then = {term.name: term for term in before.terms}
    now = {term.name: term for term in after.terms}
    moved = []
    for name in then.keys() | now.keys():
        old, new = then.get(name), now.get(name)
        step = (new.log_odds if new else 0.0) - (old.log_odds if old else 0.0)
        if abs(step) >= LEAST:
            moved.append(Moved(name, old.value if old else None, new.value if new else None, step))
    moved.sort(key=lambda one: (-abs(one.log_odds), one.name))
    return Change(after.log_odds - before.log_odds, tuple(moved), _new_facts(connection, message_id, revision))


def _new_facts(connection: Connection, message_id: UUID, revision: int) -> tuple[Detail, ...]:
    used = contexts.of_revisions(connection, message_id, (revision - 1, revision))
    named = {number: set(context.decode(stored).facts or ()) for number, stored in used.items()}
    fresh = named.get(revision, set()) - named.get(revision - 1, set())
    return tuple(contexts.facts(connection, sorted(int(number) for number in fresh)))


def _said(value: float | None) -> str:
    return "missing" if value is None else f"{value:g}"
