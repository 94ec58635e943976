"""The work of ``scorelane model list|promote|shadow|rollback``: which bundle is live, and which in shadow.

A bundle is loaded as a worker loads it before the pointer moves: one that is refused changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from db import bundles, comparison
from db.session import connect
from scorelane import stored_bundles
from scorelane.cli import output
from scorelane.cli.directory import author
from scorelane.cli.errors import CommandError
from scorelane.scoring import Bundle
from scorelane.settings import Settings

if TYPE_CHECKING:
    from db.bundles import Pointer
    from db.session import Connection

MOST_LISTED = 200
FLIPS = ("version", "live", "live_digest", "shadow", "author", "flipped_at")
DIGITS = 12


def show(*, history: bool, as_json: bool) -> None:
    """The bundles that are known with their places, or the pointer's history, newest first."""
    with open_database() as connection:
        rows = _flips(connection) if history else _known(connection)
    if as_json:
        output.json_array(rows)
        return
    shown = [{name: value[:DIGITS] if "digest" in name else value for name, value in row.items()} for row in rows]
    columns = FLIPS if history else ("name", "digest", "place", "since", "by", "stored", "registered_at")
    output.table("", columns, [[row[name] for name in columns] for row in shown], numbers=("version",))


def _known(connection: Connection) -> list[dict[str, Any]]:
    places = {place.digest: place for place in reversed(bundles.places(connection))}  # live before shadow
    rows = []
    for one in comparison.listing(connection, MOST_LISTED):
        place = places.get(one.digest)
        rows.append(
            {
                "name": one.name,
                "digest": one.digest,
                "place": place and place.role,
                "since": place and place.since,
                "by": place and place.author,
                "stored": one.stored,
                "path": one.path,
                "signal_set": one.signal_set,
                "registered_at": one.registered_at,
            }
        )
    return rows


def _flips(connection: Connection) -> list[dict[str, Any]]:
    return [dict(zip(FLIPS, row, strict=True)) for row in bundles.history(connection)]


def promote(named: str) -> None:
    """Make a bundle live; the one in shadow stays there unless it is this one."""
    with open_database() as connection, connection.transaction():
        bundles.hold(connection)
        bundle = _take(connection, named)
        before = bundles.current(connection)
        if before is not None and before.live == bundle.digest:
            raise CommandError(f"{_said(bundle)} is live already; nothing was changed")
        shadow = before.shadow if before is not None and before.shadow != bundle.digest else None
        version = bundles.flip(connection, live=bundle.digest, shadow=shadow, author=author())
    output.note(f"{_said(bundle)} is live (pointer {version}); back with: scorelane model rollback")


def shadow(named: str | None) -> None:
    """Put a bundle in shadow beside the live one, or (None) none."""
    with open_database() as connection, connection.transaction():
        bundles.hold(connection)
        before = bundles.current(connection)
        if before is None:
            raise CommandError("no bundle is live, so none can be in shadow; first: scorelane model promote BUNDLE")
        bundle = None if named is None else _take(connection, named)
        digest = None if bundle is None else bundle.digest
        if before.live == digest:
            raise CommandError(f"{named} is live; a bundle in shadow must be another one")
        if before.shadow == digest:
            what = "no bundle is in shadow" if bundle is None else f"{_said(bundle)} is in shadow already"
            raise CommandError(f"{what}; nothing was changed")
        version = bundles.flip(connection, live=before.live, shadow=digest, author=author())
    said = "no bundle is in shadow" if bundle is None else f"{_said(bundle)} is in shadow"
    output.note(f"{said} (pointer {version})")


def rollback(to: int | None) -> None:
    """Set live and shadow as the pointer before the one in force had them, or as an older one did."""
    with open_database() as connection, connection.transaction():
        bundles.hold(connection)
        now = bundles.current(connection)
        wanted = None if now is None else bundles.version(connection, now.version - 1 if to is None else to)
        if now is None or wanted is None:
            which = "before this one" if to is None else str(to)
            raise CommandError(f"there is no pointer {which}; see: scorelane model list --history")
        if (wanted.live, wanted.shadow) == (now.live, now.shadow):
            raise CommandError(f"pointer {wanted.version} has the bundles that are in force; nothing was changed")
        live = _verified(connection, wanted)
        version = bundles.flip(connection, live=wanted.live, shadow=wanted.shadow, author=author())
    beside = "none" if wanted.shadow is None else wanted.shadow[:DIGITS]
    output.note(f"as pointer {wanted.version} had it: {_said(live)} is live, {beside} in shadow (pointer {version})")


def _verified(connection: Connection, pointer: Pointer) -> Bundle:
    """The live bundle of a pointer; the one in shadow is loaded too."""
    if pointer.shadow is not None:
        stored_bundles.load(connection, pointer.shadow, pointer.shadow_path or "")
    return stored_bundles.load(connection, pointer.live, pointer.live_path)


def _take(connection: Connection, named: str) -> Bundle:
    """A bundle by folder, name or digest, loaded as every worker can load it. Raises BundleMismatch, CommandError."""
    folder = Path(named)
    if folder.is_dir():
        bundle = Bundle.load(folder)
        stored_bundles.store(connection, bundle)
        digest, path = bundle.digest, str(bundle.path)
    else:
        digest, _, path = find(connection, named)
    return stored_bundles.load_content(connection, digest) or stored_bundles.load(connection, digest, path)


def find(connection: Connection, named: str) -> tuple[str, str, str]:
    """(digest, name, path) of one known bundle by name or first digits of its digest. Raises CommandError."""
    found = bundles.find(connection, named)
    if not found:
        raise CommandError(
            f"{named[:80]!r} is neither the folder of a bundle nor the name of one, nor the first 6 or more digits "
            "of a digest; see: scorelane model list"
        )
    if len(found) > 1:
        several = ", ".join(digest[:DIGITS] for digest, _, _ in found)
        raise CommandError(f"{len(found)} bundles are called {named[:80]!r}: give the digest of one ({several})")
    return found[0]


def _said(bundle: Bundle) -> str:
    return f"bundle {bundle.name} ({bundle.digest[:DIGITS]})"


def open_database() -> Connection:
    """A connection for a command about bundles."""
    return connect(Settings().database_url, application="scorelane-cli")
