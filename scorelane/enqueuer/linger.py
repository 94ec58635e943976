"""Groups single messages into batches: a lone message goes at once, a burst goes by up to 64 in 10 ms."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from scorelane.enqueuer.accept import Enqueuer, Incoming, Receipt

LINGER_S = 0.010
BATCH = 64


class _Place(NamedTuple):
    tenant: str
    mailbox: str
    actor: str | None


class _Waiting(NamedTuple):
    place: _Place
    message: Incoming
    future: Future[Receipt]


class Linger:
    """Accepts messages of one mailbox one by one; each gets its receipt as a future.

    While a batch is being stored, what arrives meanwhile forms the next one, so a quiet door adds no delay and a
    busy one amortises its transaction.
    """

    def __init__(self, enqueuer: Enqueuer, *, lane: str = "realtime", linger_s: float = LINGER_S) -> None:
        self._enqueuer = enqueuer
        self._lane = lane
        self._linger_s = linger_s
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="linger", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, message: Incoming, *, tenant: str, mailbox: str, actor: str | None = None) -> Future[Receipt]:
        """The receipt to come; durable once it is there. Its exception is what `Enqueuer.accept` raised."""
        future: Future[Receipt] = Future()
        self._waiting.put(_Waiting(_Place(tenant, mailbox, actor), message, future))
        return future

    def close(self) -> None:
        """Store what waits, then stop."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        last_batch = 0
        while (item := self._waiting.get()) is not None:
            group = [item]
            # The last batch held more than one message: messages come faster than they are stored, so wait for some.
            until = time.monotonic() + (self._linger_s if last_batch > 1 else 0.0)
            stop = False
            while len(group) < BATCH:
                try:
                    more = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
                except queue.Empty:
                    break
                if more is None:
                    stop = True
                    break
                group.append(more)
            last_batch = len(group)
            self._store(group)
            if stop:
                return

    def _store(self, group: list[_Waiting]) -> None:
        places: dict[_Place, list[_Waiting]] = {}
        for item in group:
            # A caller who has gone away (its future is cancelled) has not been promised anything.
            if item.future.set_running_or_notify_cancel():
                places.setdefault(item.place, []).append(item)
        for place, items in places.items():
            try:
                receipts = self._enqueuer.accept(
                    [item.message for item in items],
                    tenant=place.tenant,
                    mailbox=place.mailbox,
                    lane=self._lane,
                    actor=place.actor,
                )
            except Exception as fault:  # noqa: BLE001 - whatever it is belongs to the callers who wait
                for item in items:
                    item.future.set_exception(fault)
            else:
                for item, receipt in zip(items, receipts, strict=True):
                    item.future.set_result(receipt)
