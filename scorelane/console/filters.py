"""Filters that live in the URL: read with one clear message a bad field, and written back as they were read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import QueryParams

from db.search import FLAGGED, Entity, Wanted
from scorelane.console import entities
from scorelane.console.errors import Misused
from scorelane.scoring.category import CATEGORIES
from scorelane.scoring.policy import VERDICTS
from scorelane.signals.sightings import CONTENT

MOST_CHARS = 998
_DOMAIN = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
_HASH = re.compile(r"[0-9a-f]{64}")
SEARCHES = ("anything", "sender", "subject", "link", "hash", "message_id")


@dataclass(frozen=True)
class Filters:
    """The inbox's filters as the URL has them; empty text leaves a field out."""

    verdict: tuple[str, ...] = ()
    """Empty is every flagged verdict; `any` is all of them."""
    category: str = ""
    mailbox: str = ""
    sender: str = ""
    """An address, or a domain."""
    subject: str = ""
    link: str = ""
    hash: str = ""
    message_id: str = ""
    like: str = ""
    """Id of a message whose text is nearly the same."""
    since: str = ""
    until: str = ""
    least: str = ""
    most: str = ""
    labelled: str = ""
    before: str = ""

    def url(self, **changes: str | tuple[str, ...]) -> str:
        """The inbox's address with these filters, some of them changed; a page mark only where it is given."""
        changed = replace(self, **{"before": "", **changes})  # type: ignore[arg-type]
        pairs = [(field.name, one) for field in fields(changed) for one in _each(getattr(changed, field.name)) if one]
        return "/messages" + ("?" + urlencode(pairs) if pairs else "")

    @property
    def rescan_url(self) -> str:
        """The address of a new rescan under these filters, as far as a rescan knows them."""
        verdicts = self.verdict or FLAGGED
        kept = replace(self, verdict=verdicts, category="", labelled="", like="", message_id="")
        return "/rescans/new" + kept.url().removeprefix("/messages")

    @property
    def query(self) -> str:
        """These filters as a query string."""
        return self.url().partition("?")[2]

    @property
    def active(self) -> list[tuple[str, str, str]]:
        """(field, value, address without it) of every filter in force."""
        return [
            (
                field.name.replace("_", "-"),
                ", ".join(_each(getattr(self, field.name))),
                self.url(**{field.name: _none(field.name)}),
            )
            for field in fields(self)
            if getattr(self, field.name) and field.name != "before"
        ]

    def wanted(self) -> Wanted:
        """What to ask of the database. Raises Misused with the field's name."""
        verdicts = FLAGGED if not self.verdict else () if "any" in self.verdict else self.verdict
        return Wanted(
            verdicts=verdicts,
            category=self.category or None,
            mailbox=self.mailbox or None,
            subject=self.subject or None,
            header_message_id=self.message_id or None,
            entities=self._entities(),
            alike=_id("like", self.like),
            alike_kind=CONTENT,
            since=_day("since", self.since),
            until=_day("until", self.until, end=True),
            least_log_odds=_log_odds("least", self.least),
            most_log_odds=_log_odds("most", self.most),
            labelled={"yes": True, "no": False}.get(self.labelled),
            before=_id("before", self.before),
        )

    def _entities(self) -> tuple[Entity, ...]:
        found = []
        if self.sender:
            found.append(entities.sender(self.sender) if "@" in self.sender else entities.sender_domain(self.sender))
        if self.link:
            found.append(entities.link_domain(self.link))
        if self.hash:
            found.append(entities.attachment(self.hash))
        return tuple(found)


def everything(**fields: str) -> str:
    """The inbox's address for every message, flagged or not, under some filters."""
    return Filters(verdict=("any",)).url(**fields)


def params(query: str) -> QueryParams:
    """A query string as a URL would carry it."""
    return QueryParams(query)


def read(params: QueryParams) -> Filters:
    """Filters of a URL. Raises Misused with the field's name and what would be right."""
    texts = {}
    for field in fields(Filters):
        if field.name != "verdict":
            texts[field.name] = _text(field.name, params.get(field.name, ""))
    verdicts = tuple(dict.fromkeys(one for one in params.getlist("verdict") if one))
    for one in verdicts:
        _choice("verdict", one, (*VERDICTS, "any"))
    _choice("category", texts["category"], ("", *CATEGORIES))
    _choice("labelled", texts["labelled"], ("", "yes", "no"))
    texts["sender"] = texts["sender"].lower().removeprefix("mailto:")
    texts["link"] = _domain(texts["link"])
    texts["hash"] = texts["hash"].lower()
    if texts["hash"] and not _HASH.fullmatch(texts["hash"]):
        raise Misused("hash", "must be a SHA-256 of 64 hexadecimal digits")
    found = Filters(verdict=verdicts, **texts)
    found.wanted()
    return found


def search(kind: str, words: str) -> Filters:
    """Filters of one search box: where to look is told, or guessed from what the words look like."""
    _choice("in", kind, SEARCHES)
    words = _text("q", words)
    if kind == "anything":
        kind = _guess(words)
    if kind == "message_id":
        words = words.strip("<>")
    read_as = {"sender": words.lower(), "link": _domain(words), "hash": words.lower()}.get(kind, words)
    return Filters(verdict=("any",), **{kind: read_as})


def _guess(words: str) -> str:
    low = words.lower()
    if _HASH.fullmatch(low):
        return "hash"
    if low.startswith("<") and low.endswith(">") and "@" in low:
        return "message_id"
    if "@" in low and " " not in low:
        return "sender"
    if "://" in low or _DOMAIN.fullmatch(_domain(low)):
        return "link"
    return "subject"


def _domain(text: str) -> str:
    """A link's registrable domain as sightings keep it, from a domain, a host or a whole link, defanged or not."""
    return entities.registrable(text) if text else ""


def _text(field: str, text: str) -> str:
    text = text.strip()
    if len(text) > MOST_CHARS:
        raise Misused(field, f"must have at most {MOST_CHARS} characters")
    if "\0" in text:
        raise Misused(field, "must not contain a NUL character")
    return text


def _choice(field: str, text: str, allowed: tuple[str, ...]) -> None:
    if text not in allowed:
        raise Misused(field, f"{text[:60]!r} is not one of {', '.join(filter(None, allowed))}")


def _day(field: str, text: str, *, end: bool = False) -> datetime | None:
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return day + timedelta(days=1) if end else day
    except (ValueError, OverflowError):
        raise Misused(field, f"{text[:40]!r} is not a day such as 2026-11-24") from None


def _log_odds(field: str, text: str) -> float | None:
    """A score in percent as log-odds."""
    if not text:
        return None
    try:
        percent = float(text)
    except ValueError:
        percent = math.nan
    if not 0 <= percent <= 100:  # noqa: PLR2004 - percent
        raise Misused(field, f"{text[:40]!r} is not a score from 0 to 100")
    share = min(max(percent / 100, 1e-9), 1 - 1e-9)
    return math.log(share / (1 - share))


def _id(field: str, text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise Misused(field, f"{text[:60]!r} is not a message id") from None


def _each(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,)


def _none(field: str) -> str | tuple[str, ...]:
    return () if field == "verdict" else ""
