"""Attempts: claim what is due, send it, write down what became of it. A crash in between sends again: at least once."""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from db import outbox
from scorelane.outbox import files, guard, signing
from scorelane.outbox.errors import Forbidden
from scorelane.outbox.post import DELIVERED, FAULTS, post

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.outbox import Due, Outcome
    from db.session import Connection

log = structlog.get_logger()

ANSWER_BYTES = 2048
"""Of a receiver's answer, what an error may quote from."""


@dataclass(frozen=True)
class Limits:
    """How hard to try."""

    timeout_s: float = 10.0
    """Of one attempt from connecting to the end of the answer."""
    lease_s: float = 60.0
    """An attempt without an outcome is made again after so long; longer than any attempt takes."""
    first_retry_s: float = 5.0
    longest_retry_s: float = 6 * 3600.0
    attempts: int = 14
    """About a day and a half; then a delivery is dead until somebody replays it."""
    at_once: int = 16
    allow_private: bool = False
    """Whether webhooks may go to loopback and private addresses."""


class Deliverer:
    """Delivers what waits; one process of any number, each taking what others have not."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._threads = ThreadPoolExecutor(self._limits.at_once, "outbox")

    def close(self) -> None:
        """Finish what is being sent."""
        self._threads.shutdown()

    def step(self, connection: Connection) -> int:
        """Route new events and attempt what is due; how many attempts were made."""
        outbox.route(connection)
        due = outbox.claim(connection, lease_s=self._limits.lease_s)
        if not due:
            return 0
        by_file: dict[tuple[int, str], list[Due]] = {}
        webhooks = [one for one in due if one.destination_kind == "webhook"]
        for one in due:
            if one.destination_kind == "file":
                by_file.setdefault((one.destination_id, one.target), []).append(one)
        outcomes = list(self._threads.map(self._post, webhooks))
        for (_, target), lines in by_file.items():
            outcomes += self._append(Path(target), lines)
        outbox.settle(connection, outcomes)
        failed = [one for one in outcomes if not one.delivered]
        log.info("outbox_step", delivered=len(outcomes) - len(failed), failed=len(failed))
        return len(due)

    def _post(self, due: Due) -> Outcome:
        """One signed POST; any 2xx is a delivery."""
        body = json.dumps(event(due), separators=(",", ":"), ensure_ascii=False).encode()
        timestamp = int(time.time())
        try:
            way = guard.route(due.target, allow_private=self._limits.allow_private)
            headers = {
                "Host": way.host,
                "User-Agent": "Scorelane-Outbox/1",
                "Content-Type": "application/json",
                signing.EVENT: str(due.event_id),
                signing.TIMESTAMP: str(timestamp),
                signing.SIGNATURE: signing.signature(due.secret or "", timestamp, body),
            }
            name = way.host.rpartition(":")[0] if ":" in way.host else way.host
            answer = post(way.url, body, headers, host=name, timeout_s=self._limits.timeout_s, most_bytes=ANSWER_BYTES)
        except Forbidden as fault:
            return self._failed(due, None, str(fault), retry=False)
        except FAULTS as fault:
            return self._failed(due, None, f"{type(fault).__name__}: {fault}")
        if answer.status in DELIVERED:
            return outbox.Outcome(due.id, due.destination_id, True, answer.status, None, None)
        return self._failed(
            due,
            answer.status,
            f"answered {answer.status}: {_words(answer.said)}",
            wanted_s=_retry_after(answer.retry_after),
        )

    def _append(self, target: Path, lines: Sequence[Due]) -> list[Outcome]:
        """All of a file's lines in one write, on disk before they count as delivered. Opened anew: files rotate."""
        text = b"".join(json.dumps(event(due), ensure_ascii=False).encode() + b"\n" for due in lines)
        try:
            files.append(target, text)
        except OSError as fault:
            return [self._failed(due, None, f"{target}: {fault.strerror}") for due in lines]
        return [outbox.Outcome(due.id, due.destination_id, True, None, None, None) for due in lines]

    def _failed(
        self, due: Due, status: int | None, error: str, *, retry: bool = True, wanted_s: float | None = None
    ) -> Outcome:
        limits = self._limits
        retry_s: float | None = None
        if retry and due.attempts < limits.attempts:
            backoff_s = min(limits.longest_retry_s, limits.first_retry_s * 2 ** (due.attempts - 1))
            retry_s = max(backoff_s * random.uniform(0.8, 1.2), min(wanted_s or 0, limits.longest_retry_s))  # noqa: S311 - jitter
        return outbox.Outcome(due.id, due.destination_id, False, status, error[:1000].replace("\0", ""), retry_s)


def event(due: Due) -> dict[str, Any]:
    """The document that leaves the house. `id` is the same at each attempt, so that a receiver can drop repeats."""
    return {
        "id": due.event_id,
        "kind": due.event_kind,
        "created_at": due.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "tenant": due.tenant,
        "mailbox": due.mailbox,
        "sender": due.sender,
        "subject": due.subject,
        **due.body,
    }


def _words(said: bytes) -> str:
    return " ".join(said.decode("utf-8", "replace").split())[:200] or "nothing"


def _retry_after(value: str | None) -> float | None:
    return float(value) if value is not None and value.isascii() and value.isdigit() else None
