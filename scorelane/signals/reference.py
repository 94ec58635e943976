"""Reference lists: what the world is known to use, as small dated files of our own.

One entry a line, `#` starts a comment, the first line carries the date. An operator's files replace
ours by name, through `read_reference`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec

SHIPPED = Path(str(files("scorelane.signals") / "lists"))


class Lists(msgspec.Struct, frozen=True, gc=False):
    """The reference lists as sets of lower-case names."""

    free_mail: frozenset[str]
    """Domains where anybody gets an address."""
    disposable: frozenset[str]
    """Domains of throw-away addresses."""
    shorteners: frozenset[str]
    """Link shorteners."""
    free_hosts: frozenset[str]
    """Registrable domains or suffixes under which anybody gets a page."""
    form_builders: frozenset[str]
    """Services where anybody makes a form."""
    redirectors: frozenset[str]
    """Hosts known to redirect to any address given."""
    suspicious_tlds: frozenset[str]
    """Top-level domains with far more abuse than use (Interisle and Spamhaus yearly reports)."""
    bulk_mailers: frozenset[str]
    """Domains of e-mail service providers, as they stand in Return-Path, Received and trackers."""
    brands: Mapping[str, frozenset[str]]
    """Brand word or phrase to the registrable domains that are truly its own."""
    role_locals: frozenset[str]
    """Local parts of roles (support, billing, security)."""
    executives: frozenset[str]
    """Words for the head of an organisation or its purse."""


LIST_NAMES = tuple(Lists.__struct_fields__)


def read_entries(path: Path) -> tuple[str, ...]:
    """Entries of one list file, lower case, in order, comments left out."""
    lines = (line.split("#", 1)[0].strip() for line in path.read_text("utf-8").splitlines())
    return tuple(line.lower() for line in lines if line)


def read_lists(folder: Path = SHIPPED) -> Lists:
    """The lists of a folder; a file that it lacks is taken from the shipped ones."""
    found: dict[str, object] = {}
    for name in LIST_NAMES:
        entries = read_entries(_path(name, folder))
        found[name] = _brands(entries) if name == "brands" else frozenset(entries)
    return Lists(**found)  # type: ignore[arg-type] # one entry a field, by construction


@cache
def shipped_lists() -> Lists:
    """The lists that come with this version, read once."""
    return read_lists()


class Reference(NamedTuple):
    """Lists with the digest that is stored beside what was computed with them."""

    lists: Lists
    digest: str


def read_reference(folder: Path | None = None) -> Reference:
    """The lists of a folder, or the shipped ones where there is none; a folder is read once, by its resolved path.

    So a swapped link is noticed at the next call, and its files are seen all or not at all.
    """
    if folder is None or not folder.is_dir():
        return Reference(shipped_lists(), _digest_of_shipped())
    return _read_reference(folder.resolve())


@lru_cache(maxsize=4)
def _read_reference(folder: Path) -> Reference:
    lists = read_lists(folder)
    return Reference(lists, _digest_of(lists))


@cache
def list_digest(name: str) -> str:
    """Hex digest of a shipped list's entries: comments and order do not count."""
    return entries_digest(read_entries(SHIPPED / f"{name}.txt"))


def entries_digest(entries: tuple[str, ...]) -> str:
    """Hex digest of a list's entries in any order."""
    return hashlib.sha256("\n".join(sorted(set(entries))).encode()).hexdigest()


@cache
def _digest_of_shipped() -> str:
    return _digest_of(shipped_lists())


def _digest_of(lists: Lists) -> str:
    rows = []
    for name in LIST_NAMES:
        held = getattr(lists, name)
        entries = [f"{e}:{' '.join(sorted(held[e]))}" for e in held] if isinstance(held, Mapping) else list(held)
        rows.append(f"{name} " + "\n".join(sorted(entries)))
    return hashlib.sha256("\0".join(rows).encode()).hexdigest()


def _path(name: str, folder: Path) -> Path:
    own = folder / f"{name}.txt"
    return own if own.exists() else SHIPPED / f"{name}.txt"


def _brands(entries: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
    pairs = (entry.partition(":") for entry in entries)
    return MappingProxyType({name.strip(): frozenset(domains.split()) for name, _, domains in pairs})
