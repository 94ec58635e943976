"""``scorelane enqueue``: mail into the lanes, with a receipt a message. Interrupt and repeat as you like."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scorelane.cli import output, sources
from scorelane.cli.batches import batches, tell
from scorelane.cli.errors import FAILED, CommandError, Misused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    from scorelane.cli.sources import ReceivedAt, Rejected, Source
    from scorelane.enqueuer import Enqueuer, Receipt

BATCH_MESSAGES = 512
TRIES = 6
MOST_PAUSE_S = 10.0


@dataclass
class Tally:
    """What became of the messages so far."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    newest: UUID | None = None
    """Largest message id of an accepted or duplicate message; ids rise with time."""
    refusals: list[Rejected] = field(default_factory=list)
    """Not told yet as receipts; emptied by whoever writes receipts."""

    @property
    def seen(self) -> int:
        """All of them."""
        return self.accepted + self.duplicate + self.rejected

    def count(self, receipt: Receipt) -> None:
        """Add one receipt."""
        setattr(self, receipt.status, getattr(self, receipt.status) + 1)
        if receipt.message_id is not None and (self.newest is None or receipt.message_id > self.newest):
            self.newest = receipt.message_id

    def refuse(self, item: Rejected) -> None:
        """Add something that is not mail, and say so."""
        self.rejected += 1
        self.refusals.append(item)
        tell(item)

    def summary(self) -> str:
        """One line for a person."""
        return f"{self.accepted} accepted, {self.duplicate} duplicates, {self.rejected} rejected"


def enqueue(
    paths: list[str],
    *,
    tenant: str,
    mailbox: str,
    lane: str,
    received_at: ReceivedAt,
    wait: bool,
    as_json: bool,
) -> int:
    """Accept everything under the paths; then, where asked, wait until it is all scored. The exit code."""
    from scorelane.enqueuer import INTAKE_LANES, Enqueuer
    from scorelane.settings import Settings

    if lane not in INTAKE_LANES:
        raise Misused(f"--lane {lane!r} is not one of {', '.join(INTAKE_LANES)}")
    check_mailbox(mailbox)
    settings = Settings()
    database_url = settings.database_url
    tally = Tally()
    key = f"cli-{uuid.uuid4()}"
    with Enqueuer(database_url, settings.broker_url, actor="cli") as enqueuer:
        accept = _accepting(enqueuer, database_url, tenant=tenant, mailbox=mailbox, lane=lane, key=key)
        found = sources.read(paths, received_at=received_at)
        try:
            with output.progress("enqueuing") as done:
                rows = receipts(found, accept, tally, done)
                if as_json:
                    output.json_array(rows)
                else:
                    for _ in rows:
                        pass
        finally:
            output.note(tally.summary())
    if not tally.accepted + tally.duplicate:
        raise CommandError("no message was accepted")
    dead = wait_until_scored(database_url, tenant=tenant, key=key, tally=tally) if wait else 0
    return FAILED if tally.rejected or dead else 0


def check_mailbox(address: str) -> None:
    """Raises Misused where the text is no address."""
    from scorelane.enqueuer import is_address

    if not is_address(address):
        raise Misused(f"--mailbox {address[:80]!r} is not an address like ann@acme.test")


def make_tenant(database_url: str, tenant: str) -> None:
    """Make the tenant where it is missing, and say so."""
    import psycopg

    from db import tenants
    from db.session import connect

    with connect(database_url, application="scorelane-cli") as connection:
        try:
            created = tenants.ensure(connection, tenant)[1]
        except psycopg.errors.CheckViolation:
            raise CommandError(f"tenant {tenant!r} cannot be a name: use 1 to 63 of a-z 0-9 . _ -") from None
    if created:
        output.note(f"tenant {tenant} is new and was created")


def receipts(
    found: Iterator[sources.Found],
    accept: Callable[[Sequence[Source]], list[Receipt]],
    tally: Tally,
    done: Callable[[int], None],
) -> Iterator[dict[str, Any]]:
    """One row a message or refusal, written while the sources are read."""
    for batch in batches(found, most=BATCH_MESSAGES, on_rejected=tally.refuse):
        for source, receipt in zip(batch, accept(batch), strict=True):
            tally.count(receipt)
            if receipt.status == "rejected":
                output.note(f"{source.name}: {receipt.reason}")
            yield {"source": source.name, **receipt._asdict()}
        yield from _refusals(tally)
        done(tally.seen)
    yield from _refusals(tally)


def _refusals(tally: Tally) -> Iterator[dict[str, Any]]:
    for item in tally.refusals:
        yield {"source": item.name, "status": "rejected", "sha256": None, "message_id": None, "reason": item.reason}
    tally.refusals.clear()


def _accepting(
    enqueuer: Enqueuer, database_url: str, *, tenant: str, mailbox: str, lane: str, key: str
) -> Callable[[Sequence[Source]], list[Receipt]]:
    """Accepts a batch; waits where the lane is full, and tries again where the database was away for a moment.

    The tenant is made with the first batch, so that a name that was mistyped together with the path leaves no trace.
    """
    from scorelane.enqueuer import Busy, Incoming, Unavailable

    made = False

    def accept(batch: Sequence[Source]) -> list[Receipt]:
        nonlocal made
        if not made:
            make_tenant(database_url, tenant)
            made = True
        incoming = [Incoming(one.raw, one.received_at, source=one.name) for one in batch]
        tries = waits = 0
        while True:
            try:
                return enqueuer.accept(incoming, tenant=tenant, mailbox=mailbox, lane=lane, idempotency_key=key)
            except Busy as busy:
                waits += 1
                if waits == 1:
                    output.note(f"waiting: {busy}")
                time.sleep(min(busy.retry_after_s, MOST_PAUSE_S))
            except Unavailable as away:
                tries += 1
                if tries == TRIES:
                    raise CommandError(f"{away}; run the same command again, nothing is stored twice") from away
                time.sleep(min(0.25 * 2**tries, MOST_PAUSE_S))

    return accept


def wait_until_scored(database_url: str, *, tenant: str, key: str, tally: Tally, poll_s: float = 0.2) -> int:
    """Return when every accepted message, and every duplicate that was still waiting, has its final state.

    What somebody cancelled or erased meanwhile is not waited for. How many could not be scored.
    """
    from db import messages
    from db.session import connect

    scored = dead = cancelled = 0
    with connect(database_url, application="scorelane-cli") as connection:
        with output.progress("scoring", tally.accepted) as done:
            while tally.accepted:
                left, scored, dead, cancelled = messages.progress(connection, key, tenant) or (0, 0, 0, 0)
                done(scored + dead + cancelled)
                if scored + dead + cancelled >= min(tally.accepted, left):
                    break
                time.sleep(poll_s)
        while tally.duplicate and tally.newest and messages.waiting(connection, tenant, tally.newest):
            time.sleep(poll_s)
    more = f", {cancelled} cancelled" if cancelled else ""
    more += f", {dead} could not be scored; see scorelane dead-letters" if dead else ""
    output.note(f"{scored} scored{more}" if tally.accepted else "all were there before; nothing waits to be scored")
    return dead
