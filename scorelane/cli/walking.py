"""Walks a folder for files that may hold mail. A place that cannot be read is given like a file and stops nothing."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

LINK, HIDDEN, SPECIAL = "link", "hidden", "special"
_WORDS = {
    LINK: ("link to a folder or to nothing", "links to folders or to nothing"),
    HIDDEN: ("hidden file or folder", "hidden files and folders"),
    SPECIAL: ("pipe, socket or device", "pipes, sockets and devices"),
}


class Place(NamedTuple):
    """A file, or what could not be looked into and why."""

    path: str
    fault: OSError | None = None
    is_folder: bool = False


def walk(folder: str, passed_over: Counter[str]) -> Iterator[Place]:
    """Files below a folder in name order, of a Maildir only the messages in cur and new; links to files are followed.

    What is left out is counted in `passed_over` by its kind.
    """
    waiting = [Place(folder, is_folder=True)]
    while waiting:
        place = waiting.pop()
        if not place.is_folder:
            yield place
            continue
        try:
            waiting += reversed(_inside(place.path, passed_over))
        except OSError as fault:
            yield Place(place.path, fault)


def spoken(passed_over: Counter[str]) -> str:
    """What was left out, for a person; empty when nothing was."""
    return ", ".join(f"{count} {_WORDS[kind][count > 1]}" for kind, count in sorted(passed_over.items()))


def _inside(folder: str, passed_over: Counter[str]) -> list[Place]:
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    maildir = {"cur", "new"} <= {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    found = []
    for entry in entries:
        hidden = entry.name.startswith(".")
        if entry.is_dir(follow_symlinks=False):
            if _is_entered(entry, hidden=hidden, maildir=maildir):
                found.append(Place(entry.path, is_folder=True))
            elif hidden:
                passed_over[HIDDEN] += 1
        elif hidden and not maildir:
            passed_over[HIDDEN] += 1
        elif not maildir:  # the files beside cur and new are indexes
            found += _file(entry, passed_over)
    return found


def _is_entered(entry: os.DirEntry[str], *, hidden: bool, maildir: bool) -> bool:
    """Not the half-written mail of a Maildir, and of hidden folders only the Maildirs below a Maildir."""
    if hidden:
        return os.path.isdir(f"{entry.path}/cur")  # noqa: PTH112 - Path's raises where it may not look
    return not (maildir and entry.name == "tmp")


def _file(entry: os.DirEntry[str], passed_over: Counter[str]) -> list[Place]:
    """The entry when it is a file, or why that cannot be told."""
    if entry.is_file(follow_symlinks=False):
        return [Place(entry.path)]
    try:
        mode = entry.stat().st_mode
    except FileNotFoundError:
        passed_over[LINK] += 1
        return []
    except OSError as fault:
        return [Place(entry.path, fault)]
    if stat.S_ISREG(mode):
        return [Place(entry.path)]
    passed_over[LINK if stat.S_ISDIR(mode) else SPECIAL] += 1
    return []
