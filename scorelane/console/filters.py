"""Filters that live in the URL: read with one clear message a bad field, and written back as they were read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import QueryParams

from db.choosing import FLAGGED
from scorelane.choosing import Asked, link_domain
from scorelane.console.errors import Misused
from scorelane.scoring.category import CATEGORIES
from scorelane.scoring.policy import VERDICTS

MOST_CHARS, MOST_IDS = 998, 200
_DOMAIN = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
_HASH = re.compile(r"[0-9a-f]{64}")
_SEPARATORS = re.compile(r"[,;]")
SEARCHES = ("anything", "sender", "subject", "link", "hash", "message_id")


@dataclass(frozen=True)
class Filters:
    """The inbox's filters as the URL has them; empty text leaves a field out."""

    verdict: tuple[str, ...] = ()
    """Empty is every flagged verdict; `any` is all of them."""
    category: str = ""
    mailbox: str = ""
    """An address, or several with commas between."""
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
    scored_by: str = ""
    """Digest of the bundle that gave the current score."""
    signal_set: str = ""
    """Hash of the signal set of the current vector."""
    id: tuple[str, ...] = ()
    """Only these messages."""
    before: str = ""

    @property
    def flagged(self) -> Filters:
        """The same, where no verdict is chosen of those that are flagged: what an inbox is for."""
        return self if self.verdict else replace(self, verdict=FLAGGED)

    def url(self, **changes: str | tuple[str, ...]) -> str:
        """The inbox's address with these filters, some of them changed; a page mark only where it is given."""
        changed = replace(self, **{"before": "", **changes})  # type: ignore[arg-type]
        pairs = [(field.name, one) for field in fields(changed) for one in _each(getattr(changed, field.name)) if one]
        return "/messages" + ("?" + urlencode(pairs) if pairs else "")

    @property
    def rescan_url(self) -> str:
        """The address of a new rescan under these filters."""
        return "/rescans/new" + replace(self, verdict=self.verdict or FLAGGED).url().removeprefix("/messages")

    @property
    def rescan_without_ids(self) -> str:
        """The address of a new rescan under these filters but for the chosen messages."""
        return "/rescans/new" + self.url(id=()).removeprefix("/messages")

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
                self._told(field.name),
                self.url(**{field.name: _none(field.name)}),
            )
            for field in fields(self)
            if getattr(self, field.name) and field.name != "before"
        ]

    def _told(self, field: str) -> str:
        value = getattr(self, field)
        if field in ("scored_by", "signal_set"):
            return str(value)[:12]
        return f"{len(value)} chosen" if field == "id" else ", ".join(_each(value))

    def asked(self) -> Asked:
        """Which messages are meant. Raises Misused with the field's name."""
        address = "@" in self.sender
        return Asked(
            mailboxes=tuple(_SEPARATORS.sub(" ", self.mailbox).split()),
            since=_day("since", self.since),
            until=_day("until", self.until, end=True),
            sender=self.sender if address else None,
            sender_domain=None if address else self.sender or None,
            subject=self.subject or None,
            verdicts=() if "any" in self.verdict else self.verdict,
            min_score=_share("least", self.least),
            max_score=_share("most", self.most),
            link_domain=self.link or None,
            attachment=self.hash or None,
            category=self.category or None,
            header_message_id=self.message_id or None,
            like=_id("like", self.like),
            labelled={"yes": True, "no": False}.get(self.labelled),
            scored_by=self.scored_by or None,
            signal_set=self.signal_set or None,
            message_ids=[one for text in self.id if (one := _id("id", text))],
        )

    @property
    def last(self) -> UUID | None:
        """The last message of the page before."""
        return _id("before", self.before)


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
        if field.name not in ("verdict", "id"):
            texts[field.name] = _text(field.name, params.get(field.name, ""))
    verdicts = tuple(dict.fromkeys(one for one in params.getlist("verdict") if one))
    for one in verdicts:
        _choice("verdict", one, (*VERDICTS, "any"))
    _choice("category", texts["category"], ("", *CATEGORIES))
    _choice("labelled", texts["labelled"], ("", "yes", "no"))
    texts["sender"] = texts["sender"].lower().removeprefix("mailto:")
    texts["link"] = _domain(texts["link"])
    for name in ("hash", "scored_by", "signal_set"):
        texts[name] = texts[name].lower()
        if texts[name] and not _HASH.fullmatch(texts[name]):
            raise Misused(name, "must be a SHA-256 of 64 hexadecimal digits")
    chosen = tuple(dict.fromkeys(one for one in params.getlist("id") if one))
    if len(chosen) > MOST_IDS:
        raise Misused("id", f"names {len(chosen)} messages; choose at most {MOST_IDS}, or use filters")
    found = Filters(verdict=verdicts, id=chosen, **texts)
    asked, _ = found.asked(), found.last
    if asked.since and asked.until and asked.since >= asked.until:
        raise Misused("until", "must not be a day before since")
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
    return replace(Filters(verdict=("any",)), **{kind: read_as})  # type: ignore[arg-type]


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
    return link_domain(text) if text else ""


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


def _share(field: str, text: str) -> float | None:
    """A score in percent as a share."""
    if not text:
        return None
    try:
        percent = float(text)
    except ValueError:
        percent = math.nan
    if not 0 <= percent <= 100:  # noqa: PLR2004 - percent
        raise Misused(field, f"{text[:40]!r} is not a score from 0 to 100")
    return percent / 100


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
    return () if field in ("verdict", "id") else ""
