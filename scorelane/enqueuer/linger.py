"""Groups single messages into batches: at once while the workers keep up, else by up to 64 or until one takes work."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple, Self

from scorelane.enqueuer.errors import Busy, Unavailable
from scorelane.enqueuer.lanes import CHUNK_BYTES

if TYPE_CHECKING:
    from scorelane.enqueuer.accept import Enqueuer, Incoming, Receipt

LINGER_S = 0.010
"""Where nobody takes anything."""
LONGEST_S = 0.250
"""While workers do."""
BATCH = 64
POLL_S = 0.003


_NOTHING = object()


class _Waiting(NamedTuple):
    tenant: str
    mailbox: str
    actor: str | None
    message: Incoming
    future: Future[Receipt]


class Linger:
    """Accepts messages one by one; each gets its receipt as a future.

    While no chunk of the lane is published and unclaimed, whatever is there goes at once. Else every worker is busy and
    none would begin sooner: messages are collected until one has claimed what waits before them, 64 are there, or a
    quarter of a second has passed. So at most a chunk or two wait, however slow the workers are, and batches are as
    large as it takes to keep up. Where nobody takes anything there is nothing to wait for: 10 ms, and what is accepted
    waits in the database. It says how things stand, so several doors share one measure.
    """

    def __init__(self, enqueuer: Enqueuer, *, lane: str = "realtime", linger_s: float = LINGER_S) -> None:
        self._enqueuer = enqueuer
        self._lane = lane
        self._linger_s = linger_s
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="linger", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, message: Incoming, *, tenant: str, mailbox: str, actor: str | None = None) -> Future[Receipt]:
        """The receipt to come; durable once it is there. Its exception is what `Enqueuer.accept` raised.

        Raises Unavailable when this is closed already.
        """
        future: Future[Receipt] = Future()
        with self._closing:
            if self._closed:
                raise Unavailable("this door closes; nothing was stored, send it again")
            self._waiting.put(_Waiting(tenant, mailbox, actor, message, future))
        return future

    def close(self) -> None:
        """Store what waits, then stop."""
        with self._closing:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            group = [item]
            size = len(item.message.raw)
            since = time.monotonic()
            stop = False
            while len(group) < BATCH and size < CHUNK_BYTES and not stop:
                more: object
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    more = self._wait(since)
                    if more is _NOTHING:
                        break
                if isinstance(more, _Waiting):
                    group.append(more)
                    size += len(more.message.raw)
                else:
                    stop = True
            self._store(group)
            if stop:
                return

    def _wait(self, since: float) -> _Waiting | object | None:
        """The next message while it is worth waiting for one, else `_NOTHING`; None when the door closes."""
        while True:
            waits, moves = self._enqueuer.waiting(self._lane)
            allowed_s = 0.0 if not waits else LONGEST_S if moves else self._linger_s
            left_s = since + allowed_s - time.monotonic()
            if left_s <= 0:
                return _NOTHING
            try:
                return self._waiting.get(timeout=min(POLL_S, left_s))
            except queue.Empty:
                continue

    def _store(self, group: list[_Waiting]) -> None:
        """One transaction a tenant and actor, whatever their mailboxes."""
        batches: dict[tuple[str, str | None], list[_Waiting]] = {}
        for item in group:
            # A caller who has gone away (its future is cancelled) has not been promised anything.
            if item.future.set_running_or_notify_cancel():
                batches.setdefault((item.tenant, item.actor), []).append(item)
        for (tenant, actor), items in batches.items():
            try:
                receipts = self._enqueuer.accept(
                    [item.message for item in items],
                    tenant=tenant,
                    mailbox=[item.mailbox for item in items],
                    lane=self._lane,
                    actor=actor,
                )
            except (Busy, Unavailable) as fault:
                for item in items:
                    item.future.set_exception(fault)
            except Exception as fault:  # noqa: BLE001 - whatever it is belongs to the callers who wait
                self._store_each(items, fault)
            else:
                for item, receipt in zip(items, receipts, strict=True):
                    item.future.set_result(receipt)

    def _store_each(self, items: list[_Waiting], fault: Exception) -> None:
        """One of several is at fault, by its mailbox or a bug: the others are stored without it."""
        if len(items) == 1:
            items[0].future.set_exception(fault)
            return
        for item in items:
            try:
                (receipt,) = self._enqueuer.accept(
                    [item.message], tenant=item.tenant, mailbox=item.mailbox, lane=self._lane, actor=item.actor
                )
            except Exception as own:  # noqa: BLE001 - as above
                item.future.set_exception(own)
            else:
                item.future.set_result(receipt)
