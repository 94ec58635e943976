"""Lists that an operator keeps: bad URLs, domains, hashes and addresses, and ranks of popular domains.

One entry a line, in the forms that lists come in; what cannot be read is counted and said, never guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

import idna

from scorelane.mail.urls import parse_url
from scorelane.signals.sightings import url_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

KINDS = {
    "url": "url_listed",
    "domain": "domain_listed",
    "hash": "hash_listed",
    "ip": "ip_listed",
    "popularity": "domain_rank",
}
"""Kind of list to kind of fact."""

MOST_LINE_CHARS = 4096
_SPLIT = re.compile(r"[,\t; ]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})+")
_BLACKHOLES = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1"})  # noqa: S104 - first column of a hosts file


class Entry(NamedTuple):
    """One entity of a list."""

    entity: str
    value: float
    """1 where it is listed; its rank on a list of popular domains."""
    first_seen: datetime | None


class Unread(NamedTuple):
    """A line that is no entry of its kind."""

    line: int
    reason: str


def read_entries(lines: Iterable[str], kind: str) -> Iterator[Entry | Unread]:
    """Entries of a list in order, and lines that cannot be read.

    A line is the entity, then perhaps the time it was first seen (ISO 8601), apart by a comma, tab or blank. Comments
    (`#`, `;`, `!`), blank lines, quotes, defanged and hosts-file forms are understood. A list of popular domains has
    `rank,domain` or one domain a line, the most popular first.
    """
    read = _READERS[kind]
    rank = 0
    for number, line in enumerate(lines, 1):
        text = line.strip().lstrip("\ufeff")
        if not text or text[0] in "#;!":
            continue
        if len(text) > MOST_LINE_CHARS:
            yield Unread(number, "longer than a line may be")
            continue
        fields = [field.strip("\"'") for field in _SPLIT.split(text)]
        if kind == "popularity":
            rank += 1
            given = int(fields[0]) if fields[0].isdecimal() and len(fields) > 1 else rank
            entity = read(fields[1] if fields[0].isdecimal() and len(fields) > 1 else fields[0])
            yield Entry(entity, float(given), None) if entity else Unread(number, "no domain")
            continue
        if fields[0] in _BLACKHOLES and len(fields) > 1 and kind == "domain":
            del fields[0]
        entity = read(fields[0])
        yield Entry(entity, 1.0, _moment(fields[1:])) if entity else Unread(number, f"no {kind}")


def _domain(text: str) -> str | None:
    name = text.replace("[.]", ".").removeprefix("*.").strip(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except idna.IDNAError:
            return None
    return name if len(name) <= 253 and _NAME.fullmatch(name) else None  # noqa: PLR2004 - RFC 1035


def _url(text: str) -> str | None:
    url = parse_url(text if "://" in text or "[:]" in text else f"http://{text}")
    return url_key(url.href) if url is not None and url.host and ("." in url.host or ":" in url.host) else None


def _hash(text: str) -> str | None:
    return text.lower() if _SHA256.fullmatch(text.lower()) else None


def _ip(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def _moment(fields: list[str]) -> datetime | None:
    try:
        at = datetime.fromisoformat(" ".join(fields[:2]) if len(fields) > 1 and ":" in fields[1] else fields[0])
    except (ValueError, IndexError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


_READERS: dict[str, Callable[[str], str | None]] = {
    "url": _url,
    "domain": _domain,
    "hash": _hash,
    "ip": _ip,
    "popularity": _domain,
}
