"""What a person asks a rescan for, checked and turned into what the database is asked."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from db import tenants

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from db.session import Connection

VERDICTS = ("attack", "suspicious", "spam", "clean")
AS_OF = ("received", "final", "now")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_SHOWN_AS_0, _SHOWN_AS_1 = -745.0, 36.7
"""Log-odds whose probability, as a double, is 0 or 1."""


class RescanError(Exception):
    """A rescan that cannot be; its text is one line for a person, `field` the argument that is wrong, where one is."""

    def __init__(self, text: str, field: str | None = None) -> None:
        super().__init__(text)
        self.field = field


class Asked(NamedTuple):
    """Which messages: every field that is given must fit. Empty or None leaves it out."""

    mailboxes: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    sender: str | None = None
    sender_domain: str | None = None
    subject: str | None = None
    """Words that the subject contains, in any order."""
    verdicts: Sequence[str] = ()
    min_score: float | None = None
    """Probability, 0 to 1."""
    max_score: float | None = None
    link_domain: str | None = None
    attachment: str | None = None
    """SHA-256 of an attachment, hexadecimal."""
    scored_by: str | None = None
    """Digest of the bundle that gave the current score."""
    signal_set: str | None = None


class Wanted(NamedTuple):
    """The bundle that is to score: which columns it needs, and its text model."""

    digest: str
    columns: Mapping[str, int]
    """Signal name to version."""
    text_model: str
    context_free: frozenset[str] = frozenset()
    """Of the columns, those that reach neither history, facts nor directory."""


def chosen(connection: Connection, tenant_id: int, asked: Asked) -> dict[str, Any]:
    """The database's filter, as it is stored with the rescan. Raises RescanError naming what is wrong."""
    wanted: dict[str, Any] = {}
    if asked.mailboxes:
        wanted["mailboxes"] = _mailboxes(connection, tenant_id, asked.mailboxes)
    _times(asked, wanted)
    _words(asked, wanted)
    for name, field in (("min_score", "min_log_odds"), ("max_score", "max_log_odds")):
        value = getattr(asked, name)
        if value is not None and (name, value) not in (("min_score", 0), ("max_score", 1)):
            wanted[field] = _log_odds(name, value)
    if asked.link_domain:
        wanted["link_domain"] = hashlib.sha256(asked.link_domain.strip().lower().encode()).hexdigest()[:32]
    if asked.attachment:
        digest = asked.attachment.strip().lower()
        if not _SHA256.match(digest):
            raise RescanError(f"attachment {digest[:80]!r} is not a SHA-256 of 64 hexadecimal digits", "attachment")
        wanted["attachment"] = digest[:32]
    return wanted


def _mailboxes(connection: Connection, tenant_id: int, addresses: Sequence[str]) -> list[int]:
    known = {address: number for number, address in tenants.mailbox_ids(connection, tenant_id)}
    missing = [address for address in addresses if address.lower() not in known]
    if missing:
        raise RescanError(f"the tenant has no mailbox {missing[0][:100]!r}", "mailboxes")
    return sorted(known[address.lower()] for address in addresses)


def _words(asked: Asked, wanted: dict[str, Any]) -> None:
    for name in ("sender", "sender_domain"):
        value = getattr(asked, name)
        if value:
            wanted[name] = value.strip().lower()
    if asked.subject and asked.subject.split():
        wanted["subject"] = [f"%{_literal(word)}%" for word in asked.subject.split()]
    wrong = [verdict for verdict in asked.verdicts if verdict not in VERDICTS]
    if wrong:
        raise RescanError(f"verdict {wrong[0][:40]!r} is not one of {', '.join(VERDICTS)}", "verdicts")
    if asked.verdicts:
        wanted["verdicts"] = sorted(set(asked.verdicts))
    wanted.update({name: value for name in ("scored_by", "signal_set") if (value := getattr(asked, name))})


def _times(asked: Asked, wanted: dict[str, Any]) -> None:
    for name in ("since", "until"):
        at = getattr(asked, name)
        if at is not None:
            if at.tzinfo is None:
                raise RescanError(f"{name} has no time zone", name)
            wanted[name] = at.isoformat()
    if asked.since is not None and asked.until is not None and asked.since >= asked.until:
        raise RescanError("since is not before until", "since")


def _log_odds(name: str, score: float) -> float:
    """Log-odds of a probability; at its ends, those from which on it is shown as 0 or 1."""
    if not 0 <= score <= 1:
        raise RescanError(f"{name} {score:g} is not a probability between 0 and 1", name)
    if score in (0, 1):
        return _SHOWN_AS_1 if score else _SHOWN_AS_0
    return math.log(score / (1 - score))


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
