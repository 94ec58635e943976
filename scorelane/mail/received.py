"""Received headers as structures (RFC 5321 section 4.4) in the dialects that servers write."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from scorelane.mail.message import Hop

_FROM = re.compile(r"^from\s+(\S{1,255})", re.IGNORECASE)
_BY = re.compile(r"(?:^|\s)by\s+([^\s;()]{1,255})", re.IGNORECASE)
_WITH = re.compile(r"\swith\s+([^\s;()]{1,64})", re.IGNORECASE)
_ID = re.compile(r"\sid\s+([^\s;()]{1,255})", re.IGNORECASE)
_FOR = re.compile(r"\sfor\s+<?([^\s;<>]{1,320})>?", re.IGNORECASE)
_IP = re.compile(r"\[(?:IPv6:)?([0-9a-fA-F.:]{3,45})\]|\((?:IPv6:)?([0-9a-fA-F.:]{7,45})\)", re.IGNORECASE)
_RDNS = re.compile(r"\(\s*(?:[^\s()@]{1,64}@)?([A-Za-z0-9_.-]{1,255})\.?\s*\[")
_HELO = re.compile(r"helo[= ]([^\s();]{1,255})", re.IGNORECASE)


def parse_received(value: str) -> Hop:
    """One hop; what is not said is None."""
    clauses, _, stamp = value.rpartition(";")
    if not clauses:
        clauses, stamp = value, ""
    clauses = " ".join(clauses.split())
    start = _BY.search(clauses)
    origin = clauses[: start.start()] if start else clauses
    said = _FROM.search(clauses)
    rdns = _RDNS.search(origin)
    helo = _HELO.search(origin)
    ip = next((canonical for m in _IP.finditer(origin) if (canonical := canonical_ip(m.group(1) or m.group(2)))), None)
    name = helo.group(1) if helo else (said.group(1) if said else None)
    looked_up = rdns.group(1).lower() if rdns else None
    if ip is None and said is not None:
        ip = canonical_ip(said.group(1).strip("[]"))
    return Hop(
        by=_lower(start),
        helo=name.lower().strip("[]") if name else None,
        rdns=None if looked_up in (None, "unknown", "may", "helo") else looked_up,
        ip=ip,
        with_=_lower(_WITH.search(clauses)),
        for_=_lower(_FOR.search(clauses)),
        time=parse_date(stamp),
        id_=m.group(1) if (m := _ID.search(clauses)) else None,
    )


def _lower(match: re.Match[str] | None) -> str | None:
    return match.group(1).lower() if match else None


def canonical_ip(text: str) -> str | None:
    """Canonical text of an IP address, IPv4-mapped IPv6 as IPv4; None when it is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def parse_date(text: str) -> datetime | None:
    """An RFC 5322 date as a timezone-aware time; a missing zone is UTC; None when unreadable or absurd."""
    text = text.strip()
    if not text or len(text) > 128:  # noqa: PLR2004 - no date is longer
        return None
    try:
        found = parsedate_to_datetime(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
        found.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found
