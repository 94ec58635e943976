"""Watches a Maildir: what is there and what arrives is accepted, each message once, over any number of restarts.

Names of files that were taken stand in a small file of its own (SQLite), so that a restart reads no message twice; and
where that is lost, the mailbox's receipts still know every copy. Files are never moved or changed.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import structlog
import watchfiles

from db.seen import Seen
from scorelane.doors.errors import Misplaced
from scorelane.enqueuer import Busy, Enqueuer, Incoming, Unavailable
from scorelane.enqueuer.lanes import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from scorelane.doors.tally import Tally

log = structlog.get_logger()

BATCH_MESSAGES = 256
BATCH_BYTES = 16 * 1024 * 1024
LOOK_EVERY_S = 10.0
"""The folder is listed at least so often, whatever the kernel has told."""
PRUNE_EVERY_S = 3600.0
MOST_PAUSE_S = 30.0


class Place(NamedTuple):
    """Whose mail it is and how soon it is scored."""

    tenant: str
    mailbox: str
    lane: str = "realtime"


class MaildirWatcher:
    """One Maildir and the mailbox that it is."""

    def __init__(self, folder: Path, place: Place, enqueuer: Enqueuer, memory: Path, tally: Tally) -> None:
        if not (folder / "new").is_dir() or not (folder / "cur").is_dir():
            raise Misplaced(f"{folder} is not a Maildir: it has no folders new and cur")
        self._folder = folder
        self._place = place
        self._enqueuer = enqueuer
        self._tally = tally
        try:
            self._seen = Seen(memory)
        except OSError as fault:
            raise Misplaced(f"the watcher's memory cannot be opened: {fault}; remove it to start afresh") from fault
        self.stopping = threading.Event()

    def run(self) -> None:
        """Accept what is there, then what arrives, until `stopping` is set."""
        prune_due = time.monotonic() + PRUNE_EVERY_S
        try:
            self.look()
            changes = watchfiles.watch(
                self._folder / "new",
                self._folder / "cur",
                stop_event=self.stopping,
                debounce=200,
                step=50,
                rust_timeout=int(LOOK_EVERY_S * 1000),
                yield_on_timeout=True,
                raise_interrupt=False,
                recursive=False,
            )
            for _ in changes:
                self.look()
                if time.monotonic() >= prune_due:
                    self._seen.prune({name for name, _ in self._files()})
                    prune_due = time.monotonic() + PRUNE_EVERY_S
        finally:
            self._seen.close()

    def look(self) -> int:
        """Accept every file that was not taken yet, oldest first; how many were."""
        taken = 0
        known = self._seen.names()
        fresh = sorted((_delivered_at(name, path), name, path) for name, path in self._files() if name not in known)
        for names, batch in self._batches(fresh):
            if not self._accept(names, batch):
                break
            taken += len(names)
        return taken

    def _files(self) -> Iterator[tuple[str, Path]]:
        """(unique name, path): flags after ``:2,`` change while the message stays."""
        for part in ("new", "cur"):
            with contextlib.suppress(FileNotFoundError):
                for path in (self._folder / part).iterdir():
                    if not path.name.startswith("."):
                        yield path.name.partition(":")[0], path

    def _batches(self, fresh: Sequence[tuple[float, str, Path]]) -> Iterator[tuple[list[str], list[Incoming]]]:
        names: list[str] = []
        batch: list[Incoming] = []
        size = 0
        for at, name, path in fresh:
            try:
                raw = _read(path)
            except _NoMail as fault:
                log.warning("file_refused", file=name, reason=str(fault))
                self._tally.count("refused")
                self._seen.add([name])
                continue
            except OSError as fault:  # moved from new to cur meanwhile, or not readable now: the next look finds it
                log.info("file_left_for_later", file=name, error=fault.strerror)
                continue
            names.append(name)
            batch.append(Incoming(raw, datetime.fromtimestamp(at, UTC), source=name))
            size += len(raw)
            if len(batch) == BATCH_MESSAGES or size > BATCH_BYTES:
                yield names, batch
                names, batch, size = [], [], 0
        if batch:
            yield names, batch

    def _accept(self, names: list[str], batch: list[Incoming]) -> bool:
        """Accept and remember a batch, waiting while the system is full or away; False when told to stop."""
        pause_s = 0.5
        while not self.stopping.is_set():
            try:
                receipts = self._enqueuer.accept(
                    batch,
                    tenant=self._place.tenant,
                    mailbox=self._place.mailbox,
                    lane=self._place.lane,
                    actor="maildir",
                )
            except (Busy, Unavailable) as fault:
                wait_s = min(fault.retry_after_s if isinstance(fault, Busy) else pause_s, MOST_PAUSE_S)
                log.warning("waiting", error=type(fault).__name__, again_in_s=round(wait_s, 1))
                self._tally.count("deferred", len(batch))
                self.stopping.wait(wait_s)
                pause_s = min(2 * pause_s, MOST_PAUSE_S)
                continue
            for name, receipt in zip(names, receipts, strict=True):
                if receipt.status == "rejected":
                    log.warning("file_refused", file=name, reason=receipt.reason)
                self._tally.count("refused" if receipt.status == "rejected" else receipt.status)
            self._seen.add(names)
            log.info("mail_taken", messages=len(names))
            return True
        return False


class _NoMail(Exception):
    """What stands in the Maildir is not a message's file; never changes."""


def _read(path: Path) -> bytes:
    """A regular file's bytes: a link may lead out of the Maildir, and a pipe or a device never ends.

    Raises _NoMail for anything else and for what is larger than the largest message, OSError where it cannot be read.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise _NoMail("not a regular file")
    # The file may be another one by now: so it is opened without following or waiting, and looked at once more.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _NoMail("not a regular file")
        raw = file.read(MESSAGE_BYTES + 1)
    if len(raw) > MESSAGE_BYTES:
        raise _NoMail(f"larger than {MESSAGE_BYTES:,} bytes")
    return raw


def _delivered_at(name: str, path: Path) -> float:
    """A Maildir name begins with the second of delivery; else the file's time."""
    seconds = name.partition(".")[0]
    now = time.time()
    if seconds.isdigit() and 0 < int(seconds[:12]) <= now:
        return float(seconds[:12])
    try:
        return min(path.lstat().st_mtime, now)
    except OSError:
        return now
