"""Which messages a person means, checked and turned into what the database is asked.

Listings, the console's search and rescans read the same fields in the same way.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from db import tenants
from scorelane.mail.urls import parse_url
from scorelane.signals.derived.senders import registrable
from scorelane.signals.sightings import entity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from db.session import Connection

VERDICTS = ("attack", "suspicious", "spam", "clean")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_SHOWN_AS_0, _SHOWN_AS_1 = -745.0, 36.7
"""Log-odds whose probability, as a double, is 0 or 1."""


class ChoiceError(Exception):
    """A choice that cannot be; its text is one line for a person, `field` what is wrong, where one thing is."""

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
    """With the domains below it."""
    subject: str | None = None
    """Words that the subject contains, in any order."""
    verdicts: Sequence[str] = ()
    min_score: float | None = None
    """Probability, 0 to 1."""
    max_score: float | None = None
    link_domain: str | None = None
    """A domain, a host or a whole link; its registrable domain counts."""
    attachment: str | None = None
    """SHA-256 of an attachment, hexadecimal."""
    scored_by: str | None = None
    """Digest of the bundle that gave the current score."""
    signal_set: str | None = None
    category: str | None = None
    header_message_id: str | None = None
    """With or without angle brackets."""
    like: UUID | None = None
    """Only messages whose text is nearly that of this one."""
    labelled: bool | None = None
    message_ids: Sequence[UUID] = ()


def chosen(connection: Connection, tenant_id: int | None, asked: Asked, *, known_only: bool = True) -> dict[str, Any]:
    """The choice as `db.choosing` takes it and as it is stored with a rescan. Raises ChoiceError naming what is wrong.

    A mailbox that the tenant does not have is an error unless `known_only` is false: nothing is then chosen.
    """
    wanted: dict[str, Any] = {}
    if asked.mailboxes:
        wanted["mailboxes"] = _mailboxes(connection, tenant_id, asked.mailboxes, known_only=known_only)
    _times(asked, wanted)
    _words(asked, wanted)
    _senders(asked, wanted)
    for name, field in (("min_score", "min_log_odds"), ("max_score", "max_log_odds")):
        value = getattr(asked, name)
        if value is not None and (name, value) not in (("min_score", 0), ("max_score", 1)):
            wanted[field] = _log_odds(name, value)
    if asked.link_domain:
        wanted["link_domain"] = entity(link_domain(asked.link_domain)).hex()
    if asked.attachment:
        digest = asked.attachment.strip().lower()
        if not _SHA256.match(digest):
            raise ChoiceError(f"attachment {digest[:80]!r} is not a SHA-256 of 64 hexadecimal digits", "attachment")
        wanted["attachment"] = digest[:32]
    if asked.message_ids:
        wanted["message_ids"] = [str(one) for one in asked.message_ids]
    if asked.like is not None:
        wanted["like"] = str(asked.like)
    return wanted


def link_domain(text: str) -> str:
    """Registrable domain of a link, a host or a domain as people paste it, defanged or not; the text itself if none."""
    clean = text.strip().lower()
    url = parse_url(clean if ":" in clean else f"http://{clean}")
    return url.domain if url is not None and url.domain else clean


def _mailboxes(
    connection: Connection, tenant_id: int | None, addresses: Sequence[str], *, known_only: bool
) -> list[int]:
    wanted = [address.strip().lower() for address in addresses]
    known = tenants.mailbox_ids(connection, tenant_id, wanted)
    missing = [address for address in wanted if address not in {address for _, address in known}]
    if missing and known_only:
        raise ChoiceError(f"the tenant has no mailbox {missing[0][:100]!r}", "mailboxes")
    return sorted(number for number, _ in known)


def _words(asked: Asked, wanted: dict[str, Any]) -> None:
    if asked.subject and asked.subject.split():
        wanted["subject"] = [f"%{_literal(word)}%" for word in asked.subject.split()]
    wrong = [verdict for verdict in asked.verdicts if verdict not in VERDICTS]
    if wrong:
        raise ChoiceError(f"verdict {wrong[0][:40]!r} is not one of {', '.join(VERDICTS)}", "verdicts")
    if asked.category:
        from scorelane.scoring.category import CATEGORIES  # noqa: PLC0415 - its room loads the model's libraries

        if asked.category not in CATEGORIES:
            raise ChoiceError(f"category {asked.category[:40]!r} is not one of {', '.join(CATEGORIES)}", "category")
    if asked.verdicts:
        wanted["verdicts"] = sorted(set(asked.verdicts))
    if asked.header_message_id:
        wanted["header_message_id"] = asked.header_message_id.strip().strip("<>")
    if asked.labelled is not None:
        wanted["labelled"] = asked.labelled
    wanted.update({name: value for name in ("scored_by", "signal_set", "category") if (value := getattr(asked, name))})


def _senders(asked: Asked, wanted: dict[str, Any]) -> None:
    """Sender and domain as the message's row has them, and the keys of the sightings that find them."""
    if asked.sender:
        sender = asked.sender.strip().lower()
        wanted["sender"] = sender
        if sender.partition("@")[2]:
            wanted["sender_key"] = entity(sender).hex()
    if asked.sender_domain:
        domain = asked.sender_domain.strip().lower().removeprefix("@")
        wanted["sender_domain"] = domain
        wanted["sender_domain_key"] = entity(registrable(domain)).hex()


def _times(asked: Asked, wanted: dict[str, Any]) -> None:
    for name in ("since", "until"):
        at = getattr(asked, name)
        if at is not None:
            if at.tzinfo is None:
                raise ChoiceError(f"{name} has no time zone", name)
            wanted[name] = at.isoformat()
    if asked.since is not None and asked.until is not None and asked.since >= asked.until:
        raise ChoiceError("since is not before until", "since")


def _log_odds(name: str, score: float) -> float:
    """Log-odds of a probability; at its ends, those from which on it is shown as 0 or 1."""
    if not 0 <= score <= 1:
        raise ChoiceError(f"{name} {score:g} is not a probability between 0 and 1", name)
    if score in (0, 1):
        return _SHOWN_AS_1 if score else _SHOWN_AS_0
    return math.log(score / (1 - score))


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
