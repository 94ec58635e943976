"""Directories of tenants: read from CSV or JSON, shown, and proposed from mail that was already seen.

Pure but for `propose`; storing is `db.directories`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import zstandard

from scorelane.mail import parse
from scorelane.mail.addresses import to_ascii
from scorelane.signals.context import Directory, Person
from scorelane.signals.reference import shipped_lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

KINDS = ("domain", "partner", "authserv_id", "person")
COLUMNS = ("kind", "value", "name", "title", "vip")
MOST_ROWS = 200_000
_DOMAIN = re.compile(r"^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}$")
_HOST = re.compile(r"^[a-z0-9_](?:[a-z0-9_.:-]{0,252})$")
_ADDRESS = re.compile(r"^[^@\s<>\",;]{1,64}@[^@\s<>\",;]{1,253}$")
_TRUE, _FALSE = frozenset({"yes", "true", "1", "y", "x"}), frozenset({"", "no", "false", "0", "n"})
_MAX_RAW_BYTES = 64 * 1024 * 1024


class Row(NamedTuple):
    """One entry of a file, with where it stands."""

    where: str
    kind: str
    value: str
    name: str = ""
    title: str = ""
    vip: str = ""


class Read(NamedTuple):
    """What a file holds; the directory is only to be used when there are no faults."""

    directory: Directory
    faults: tuple[str, ...]
    """One line a bad row, with its number and what would be right."""


def read(text: str, *, is_json: bool) -> Read:
    """A directory from the text of a file; its version is 0 until it is stored."""
    faults: list[str] = []
    try:
        rows = list(_json_rows(text) if is_json else _csv_rows(text))
    except ValueError as fault:
        return Read(Directory(), (str(fault),))
    if len(rows) > MOST_ROWS:
        return Read(Directory(), (f"{len(rows):,} rows; at most {MOST_ROWS:,} are taken",))
    found: dict[str, set[str]] = {kind: set() for kind in KINDS[:3]}
    people: dict[str, Person] = {}
    for row in rows:
        wrong = _add(row, found, people)
        if wrong is not None:
            faults.append(f"{row.where}: {wrong}")
    if not rows:
        faults.append("the file holds no entries")
    directory = Directory(
        domains=frozenset(found["domain"]),
        people=tuple(people.values()),
        partners=frozenset(found["partner"]),
        authserv_ids=frozenset(found["authserv_id"]),
    )
    return Read(directory, tuple(faults))


def _add(row: Row, found: dict[str, set[str]], people: dict[str, Person]) -> str | None:
    """Add one row; what is wrong with it, or None."""
    if row.kind not in KINDS:
        return f"kind {row.kind[:40]!r} is not one of {', '.join(KINDS)}"
    if row.kind == "person":
        return _add_person(row, people)
    value = to_ascii(row.value.strip().lstrip("@"))
    pattern = _HOST if row.kind == "authserv_id" else _DOMAIN
    if not pattern.match(value):
        what = "an authserv-id such as mx.example.com" if row.kind == "authserv_id" else "a domain such as example.com"
        return f"{row.value[:80]!r} is not {what}"
    found[row.kind].add(value)
    return None


def _add_person(row: Row, people: dict[str, Person]) -> str | None:
    address, name = row.value.strip().lower(), " ".join(row.name.split())
    if address and not _ADDRESS.match(address):
        return f"{row.value[:80]!r} is not an address such as ann@example.com"
    if not name:
        return "a person needs a name"
    vip = row.vip.strip().lower()
    if vip not in _TRUE | _FALSE:
        return f"vip {row.vip[:40]!r} is not yes or no"
    known = people.get(name.lower(), Person(name=name))
    addresses = known.addresses if not address or address in known.addresses else (*known.addresses, address)
    people[name.lower()] = Person(
        name=name, addresses=addresses, title=row.title.strip() or known.title, is_vip=known.is_vip or vip in _TRUE
    )
    return None


def _csv_rows(text: str) -> Iterator[Row]:
    """Rows below a header line with the columns `kind` and `value`; `name`, `title` and `vip` may be left out."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), restkey="more")
    columns = [name.strip().lower() for name in reader.fieldnames or ()]
    if not {"kind", "value"} <= set(columns) or not set(columns) <= set(COLUMNS):
        raise ValueError(f"line 1: the columns are {','.join(columns)[:80] or 'missing'}; wanted {','.join(COLUMNS)}")
    try:
        for fields in reader:
            where = f"line {reader.line_num}"
            if "more" in fields:
                yield Row(where, f"(a row of more than {len(columns)} fields)", "")
                continue
            known = {name.strip().lower(): value or "" for name, value in fields.items()}
            kind = known.pop("kind").strip().lower()
            if kind or any(known.values()):
                yield Row(where, kind, **known)
    except csv.Error as fault:
        raise ValueError(f"line {reader.line_num}: not CSV ({fault})") from fault


def _json_rows(text: str) -> Iterator[Row]:
    """Rows of an object with the lists `domains`, `partners`, `authserv_ids` and `people`."""
    try:
        held: Any = json.loads(text)
    except ValueError as fault:
        raise ValueError(f"not JSON: {fault}") from fault
    lists = {"domains": "domain", "partners": "partner", "authserv_ids": "authserv_id", "people": "person"}
    if not isinstance(held, dict) or not set(held) <= set(lists):
        raise ValueError(f"wanted one object with the lists {', '.join(lists)}")
    for name, kind in lists.items():
        entries = held.get(name, [])
        if not isinstance(entries, list):
            raise ValueError(f"{name}: wanted a list")  # noqa: TRY004 - one kind of fault for the caller
        for number, entry in enumerate(entries, 1):
            yield from _json_entry(f"{name} {number}", kind, entry)


def _json_entry(where: str, kind: str, entry: Any) -> Iterator[Row]:
    if kind != "person":
        yield Row(where, kind, entry if isinstance(entry, str) else repr(entry))
        return
    allowed = {"name", "addresses", "title", "vip"}
    if not isinstance(entry, dict) or not set(entry) <= allowed or not isinstance(entry.get("addresses", []), list):
        yield Row(where, "(a person is an object with name, addresses, title, vip)", "")
        return
    vip = "yes" if entry.get("vip") is True else str(entry.get("vip") or "")
    for address in entry.get("addresses") or [""]:
        yield Row(where, kind, str(address), str(entry.get("name", "")), str(entry.get("title") or ""), vip)


def rows_of(directory: Directory) -> list[tuple[str, str, str, str, str]]:
    """Entries as the rows that `read` takes, in a fixed order."""
    rows = [("domain", value, "", "", "") for value in sorted(directory.domains)]
    rows += [("partner", value, "", "", "") for value in sorted(directory.partners)]
    rows += [("authserv_id", value, "", "", "") for value in sorted(directory.authserv_ids)]
    for person in sorted(directory.people, key=lambda p: p.name.lower()):
        vip = "yes" if person.is_vip else ""
        rows += [("person", address, person.name, person.title, vip) for address in person.addresses or ("",)]
    return rows


def encode(directory: Directory) -> bytes:
    """Body of a stored version."""
    return msgspec.msgpack.encode(directory)


def decode(body: bytes | None, version: int) -> Directory:
    """A stored version; the empty directory where there is none."""
    if body is None:
        return Directory()
    return msgspec.structs.replace(msgspec.msgpack.decode(body, type=Directory), version=version)


class Proposal(NamedTuple):
    """An entry that mail already seen speaks for."""

    kind: str
    value: str
    seen: int
    of: int
    reason: str


def propose(mailboxes: Iterable[tuple[str, int]], raws: Sequence[bytes]) -> list[Proposal]:
    """Own domains from (mailbox address, messages), authserv-ids from raw mail (zstd) of these mailboxes.

    A domain of free mail is nobody's own, whatever mailboxes stand there. An authserv-id is proposed where it stands in
    the topmost Authentication-Results of at least a fifth of the mail that has one: a receiver adds its own above what
    the sender wrote (RFC 8601 section 5).
    """
    free_mail = shipped_lists().free_mail
    domains: Counter[str] = Counter()
    for address, messages in mailboxes:
        domain = to_ascii(address.rpartition("@")[2])
        if _DOMAIN.match(domain) and domain not in free_mail:
            domains[domain] += messages
    total = sum(domains.values())
    found = [
        Proposal("domain", domain, seen, total, "mailboxes of the tenant") for domain, seen in domains.most_common()
    ]
    servers: Counter[str] = Counter()
    for packed in raws:
        raw = zstandard.ZstdDecompressor().decompress(packed, max_output_size=_MAX_RAW_BYTES)
        headers = [result for result in parse(raw).auth if result.arc_instance is None]
        if headers:
            servers[headers[0].authserv_id] += 1
    with_results = sum(servers.values())
    found += [
        Proposal("authserv_id", name, seen, with_results, "topmost Authentication-Results")
        for name, seen in servers.most_common()
        if 5 * seen >= with_results and _HOST.match(name)
    ]
    return found
