"""Which bundle a rescan is to score with, and what that one needs of what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from db import bundles, rescans
from scorelane import explanations
from scorelane.rescans.errors import RescanError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.session import Connection
    from scorelane.scoring import Bundle


class Wanted(NamedTuple):
    """The bundle that is to score: which columns it needs, and its text model."""

    digest: str
    columns: Mapping[str, int]
    """Signal name to version."""
    text_model: str
    context_free: frozenset[str] = frozenset()
    """Of the columns, those that reach neither history, facts nor directory."""
    reads_lists: bool = False
    """Whether any of the columns reaches the reference lists."""
    lists: str = ""
    """Digest of the reference lists in force; empty where it is not known, and then older ones are not told apart."""


def wanted_of(bundle: Bundle, lists: str = "") -> Wanted:
    """What a bundle needs of stored vectors, with the digest of the reference lists in force."""
    signals = bundle.signal_set
    columns = dict(zip(signals.names, signals.versions, strict=True))
    return Wanted(bundle.digest, columns, bundle.text_model.digest, signals.context_free, signals.reads_lists, lists)


def wanted_by(connection: Connection, name: str | None, lists: str = "") -> Wanted:
    """The same of the bundle with this name or digest, or of the live one where none is named. Raises RescanError."""
    pointer = bundles.current(connection)
    if name is None and pointer is None:
        raise RescanError("no bundle is live; promote one first", "bundle")
    digest, path = digest_of(connection, name) if name is not None else (pointer.live, pointer.live_path)  # type: ignore[union-attr]
    try:
        return wanted_of(explanations.load_bundle(connection, digest, path), lists)
    except explanations.Gone as gone:
        raise RescanError(str(gone), "bundle") from None


def digest_of(connection: Connection, name: str, field: str = "bundle") -> tuple[str, str]:
    """(digest, path) of the bundle of a name, a digest or the beginning of one. Raises RescanError."""
    found = rescans.bundle_path(connection, name)
    if found is None:
        raise RescanError(f"no bundle, or more than one, is called {name[:80]!r}", field)
    return found[0], found[2]
