"""Received headers as structures (RFC 5321 section 4.4) in the dialects that servers write."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache

from scorelane.mail.message import Hop

_IP = re.compile(r"\[(?:IPv6:)?([0-9a-fA-F.:]{3,45})\]|\((?:IPv6:)?([0-9a-fA-F.:]{7,45})\)", re.IGNORECASE)
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$", re.ASCII)
_RDNS = re.compile(r"\(\s*(?:[^\s()@]{1,64}@)?([A-Za-z0-9_.-]{1,255})\.?\s*\[")
_HELO = re.compile(r"\b[eh]{1,2}lo[= ]\"?([^\s();\"]{1,255})", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")
_SAYS = tuple((key, f" {key} ") for key in ("by", "with", "id", "for"))
_NO_NAME = frozenset({"unknown", "may", "helo", "ehlo"})
_TRIES = 20
_CACHED_CHARS = 512

_WORD = r"(?!(?:by|with|id|for) )[A-Za-z0-9_.-]{1,200}+"
_ASIDE = r"(?: \((?:[^()]|\([^()]*+\))*+\))*+"
_USUAL = re.compile(
    rf"(?:from (?P<name>{_WORD}) \((?P<rdns>{_WORD})? ?\[(?:IPv6:)?(?P<ip>[0-9a-fA-F.:]{{3,45}}+)\]"
    rf"(?: \(may be forged\))?\)(?P<aside>{_ASIDE}) )?"
    rf"by (?P<by>{_WORD}){_ASIDE}(?: with (?P<with>[A-Za-z]{{4,8}}+))?{_ASIDE}(?: id (?P<id>{_WORD}))?{_ASIDE}"
    rf"(?: for <?(?P<for>[^\s<>,()]{{5,300}}+)>?)?{_ASIDE}$",
    re.ASCII,
)
"""What most servers write, read in one step; all else is read clause by clause."""
_QMAIL = re.compile(r"\(qmail \d{1,9} invoked (?:by uid \d{1,9}|from network|by alias)\)$", re.ASCII)

_DATE = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([12]\d{3})"
    r" (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)(?: \([A-Za-z]{1,8}\))?$"
)
_MONTHS = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11,
    "Dec": 12,
}  # fmt: skip
_LONGEST_DATE = 128


def parse_received(value: str) -> Hop:
    """One hop; what is not said is None."""
    clauses, _, stamp = value.rpartition(";")
    if not clauses:
        clauses, stamp = value, ""
    usual = _usual(clauses, stamp)
    if usual is not None:
        return usual
    clauses = " ".join(clauses.split())
    start = _start_of_by(clauses)
    origin = clauses[:start]
    said = _clauses(clauses[start:] or clauses)
    name = origin[5:].partition(" ")[0].partition("(")[0] if origin[:5].lower() == "from " else None
    helo = _HELO.search(origin) if "lo" in origin or "LO" in origin else None
    looked_up = _RDNS.search(origin) if "[" in origin else None
    rdns = looked_up.group(1).lower() if looked_up else None
    ip = _first_ip(origin)
    if ip is None and name is not None:
        ip = canonical_ip(name.strip("[]"))
    if helo is not None:
        name = helo.group(1)
    return Hop(
        by=said.get("by"),
        helo=name[:255].lower().strip("[]") if name else None,
        rdns=None if rdns in _NO_NAME else rdns,
        ip=ip,
        with_=said.get("with"),
        for_=said.get("for"),
        time=parse_date(stamp),
        id_=said.get("id"),
    )


def _usual(clauses: str, stamp: str) -> Hop | None:
    """A hop in one of the common forms; None when it is in another, or in doubt."""
    if clauses.startswith("(qmail ") and _QMAIL.match(clauses):
        return Hop(None, None, None, None, None, None, parse_date(stamp))
    found = _USUAL.match(clauses)
    if found is None:
        return None
    name, rdns, written_ip, aside, by, with_, id_, for_ = found.groups()
    ip = None
    if name is not None:
        ip = canonical_ip(written_ip)
        rdns = None if rdns is None else rdns.lower()
        if ip is None or "lo" in aside or "LO" in aside or rdns in _NO_NAME or (rdns or "").endswith("lo"):
            return None  # nothing to read there, or a second name
        name = name.lower()
    return Hop(
        by=by.lower(),
        helo=name,
        rdns=rdns,
        ip=ip,
        with_=None if with_ is None else with_.lower(),
        for_=None if for_ is None else for_.lower(),
        time=parse_date(stamp),
        id_=id_,
    )


def _start_of_by(clauses: str) -> int:
    """Where the receiver begins to speak of itself: the first "by" outside comments."""
    if clauses[:3].lower() == "by ":
        return 0
    at = clauses.find(" by ")
    for _ in range(_TRIES):
        if at < 0:
            break
        if clauses.count("(", 0, at) <= clauses.count(")", 0, at):
            return at + 1
        at = clauses.find(" by ", at + 1)
    return len(clauses)


def _clauses(text: str) -> dict[str, str]:
    """The words after by, with, id and for; comments, which like to hold these words too, left out."""
    for _ in range(_TRIES):
        if "(" not in text:
            break
        shorter = _COMMENT.sub(" ", text)
        if shorter == text:
            break
        text = shorter
    text = f" {text} "
    lower = text.lower() if text.isascii() else _lowered(text)
    said: dict[str, str] = {}
    for key, marked in _SAYS:
        at = lower.find(marked)
        if at >= 0:
            following = (text if key == "id" else lower)[at + len(marked) :].lstrip(" ").partition(" ")[0]
            if following:
                said[key] = following.strip("<>,")[:320]
    return said


def _lowered(text: str) -> str:
    """Lower case, character by character as long as before."""
    return "".join([low if len(low := char.lower()) == 1 else char for char in text])


def _first_ip(origin: str) -> str | None:
    for match in _IP.finditer(origin):
        found = canonical_ip(match.group(1) or match.group(2))
        if found is not None:
            return found
    return None


@lru_cache(maxsize=4096)
def canonical_ip(text: str) -> str | None:
    """Canonical text of an IP address, IPv4-mapped IPv6 as IPv4; None when it is none."""
    if _IPV4.match(text):
        return text
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def parse_date(text: str) -> datetime | None:
    """An RFC 5322 date as a timezone-aware time; a missing zone is UTC; None when unreadable or absurd."""
    text = text.strip()
    usual = _DATE.match(text)
    if usual is None:
        return _unusual_date(text)
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = usual.groups()
    try:
        found = datetime(
            int(year),
            _MONTHS[month],
            int(day),
            int(hour),
            int(minute),
            min(int(second), 59),  # a leap second
            tzinfo=_zone(sign, zone_hours, zone_minutes),
        )
    except ValueError:
        return None
    return _representable(found)


@lru_cache(maxsize=256)
def _zone(sign: str, hours: str, minutes: str) -> timezone:
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset) if offset else UTC


def _unusual_date(text: str) -> datetime | None:
    if not text or len(text) > _LONGEST_DATE:
        return None
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return _representable(found.replace(tzinfo=UTC) if found.tzinfo is None else found)


def _representable(found: datetime) -> datetime | None:
    """The time, where its moment in UTC lies in the years that Python knows."""
    if 1 < found.year < 9999:  # noqa: PLR2004 - the first and last year
        return found
    try:
        found.astimezone(UTC)
    except OverflowError:
        return None
    return found
