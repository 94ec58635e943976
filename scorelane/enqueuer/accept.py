"""Accepting messages: one transaction stores them with their job and chunks, then their work is published."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Self

import psycopg
import structlog
import zstandard
from uuid_utils.compat import uuid7

from db import intake, lanes, tenants
from db.session import Connection, connect
from scorelane.enqueuer.envelope import Envelope, encode, storable
from scorelane.enqueuer.errors import Busy, Rejected, Unavailable
from scorelane.enqueuer.lanes import CHUNK_BYTES, INTAKE_LANES, LANES, MESSAGE_BYTES, Lane
from scorelane.enqueuer.pressure import Pressure
from scorelane.enqueuer.publish import Publisher, broker_faults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

log = structlog.get_logger()

COMPRESSION_LEVEL = 3
HEADER_BYTES = 64 * 1024
"""A message's first header line must stand within this many bytes."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message to accept."""

    raw: bytes
    received_at: datetime | None = None
    """When the protected side received it; timezone-aware. None means now."""
    envelope: Envelope | None = None
    direction: str = "inbound"
    source: str | None = None
    """Where it was read from, for people."""


class Receipt(NamedTuple):
    """What became of one message: `accepted`, `duplicate` (of `message_id`) or `rejected` with the reason."""

    status: str
    sha256: str
    message_id: UUID | None = None
    reason: str | None = None


_Copy = tuple[str, bytes]
"""A mailbox's address in lower case and a message's SHA-256."""


class _Batch(NamedTuple):
    """One call of `accept` with its names resolved."""

    tenant: str
    tenant_id: int
    mailboxes: dict[str, int]
    """Id by address; 0 where the mailbox is new: it is stored with its first message."""
    lane: Lane
    key: str | None
    actor: str


class _Written(NamedTuple):
    won: dict[_Copy, UUID]
    """Message id of those that were stored."""
    mine: set[UUID]
    """Those that an earlier call with the same key had stored."""
    work: list[tuple[int, int, int, str]]
    """Chunks to publish at once."""


class _Erased(Exception):
    """The mailbox was erased since its place was looked up."""


class Enqueuer:
    """The front door to one database and broker. Safe to share between threads; calls take turns."""

    def __init__(self, database_url: str, broker_url: str, *, actor: str = "ingestion") -> None:
        self._url = database_url
        self._publisher = Publisher(broker_url)
        self._actor = actor
        self._connection: Connection | None = None
        self._tenants: dict[str, int] = {}
        self._mailboxes: dict[tuple[str, str], int] = {}
        self._turn = threading.Lock()
        self._pressure = Pressure()
        self._compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)  # a new one a message costs as much again

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        with self._turn:
            self._publisher.close()
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def accept(
        self,
        messages: Sequence[Incoming],
        *,
        tenant: str,
        mailbox: str | Sequence[str],
        lane: str = "realtime",
        idempotency_key: str | None = None,
        actor: str | None = None,
    ) -> list[Receipt]:
        """Receipts in the order of the messages; when this returns, what is accepted is durable.

        `mailbox` is the mailbox of all of them, or each one's own, in their order: one transaction either way.
        A copy that the mailbox holds already gets a `duplicate` receipt. Calls with one idempotency key join one
        job, and a repeated call gets the same receipts. The broker being away is no error.
        Raises Rejected (unknown lane or tenant, a cancelled job), Busy (backpressure) or Unavailable (database);
        nothing of the batch is then stored.
        """
        if lane not in INTAKE_LANES:
            raise Rejected(f"lane {lane!r} is not one of {', '.join(INTAKE_LANES)}")
        names = [mailbox.lower()] * len(messages) if isinstance(mailbox, str) else [name.lower() for name in mailbox]
        with self._turn:
            try:
                return self._accept_in_place(messages, tenant, names, LANES[lane], idempotency_key, actor)
            except psycopg.errors.DiskFull as fault:
                raise Unavailable("the database's disk is full; nothing of this batch was stored") from fault
            except psycopg.OperationalError as fault:
                self._forget_connection()
                reason = str(fault).strip().splitlines()[0]
                raise Unavailable(f"the database is not available: {reason}") from fault

    def _accept_in_place(  # noqa: PLR0917 - `accept` with its names resolved
        self,
        messages: Sequence[Incoming],
        tenant: str,
        names: Sequence[str],
        lane: Lane,
        key: str | None,
        actor: str | None,
    ) -> list[Receipt]:
        connection = self._open()
        tenant_id = self._tenant(connection, tenant)
        for attempt in (1, 2):
            found = {name: self._mailbox(connection, tenant_id, tenant, name) for name in dict.fromkeys(names)}
            batch = _Batch(tenant, tenant_id, found, lane, key, actor or self._actor)
            try:
                return self._accept(connection, messages, names, batch)
            except _Erased:
                if attempt == 2:  # noqa: PLR2004 - of two
                    raise
                for name in names:
                    self._mailboxes.pop((tenant, name), None)
        raise AssertionError

    def _accept(
        self, connection: Connection, messages: Sequence[Incoming], names: Sequence[str], batch: _Batch
    ) -> list[Receipt]:
        copies = [(name, hashlib.sha256(message.raw).digest()) for message, name in zip(messages, names, strict=True)]
        receipts = [
            None if (reason := why_not(message)) is None else Receipt("rejected", copy[1].hex(), reason=reason)
            for message, copy in zip(messages, copies, strict=True)
        ]
        first: dict[_Copy, int] = {}
        for position, copy in enumerate(copies):
            if receipts[position] is None:
                first.setdefault(copy, position)
        held = _held(connection, batch, list(first))
        fresh = {copy: position for copy, position in first.items() if copy not in held}
        room = self._room(connection, batch, len(fresh)) if fresh else 0
        new = {copy: self._compressed(messages[position], copy[1]) for copy, position in fresh.items()}
        written = _Written({}, set(), [])
        rejected = sum(receipt is not None for receipt in receipts)
        if new:
            written = self._write(connection, batch, new, list(held.values()), room, rejected)
        else:
            if batch.key is not None and held:
                written = written._replace(mine=_accepted_before(connection, batch, list(held.values())))
            if rejected:
                lanes.count(connection, batch.lane.name, {"rejected": rejected}, shard=threading.get_native_id())
        won, mine, work = written
        raced = [copy for copy in first if copy not in won and copy not in held]
        if raced:
            held |= _held(connection, batch, raced)
        self._pressure.add(batch.lane.name, len(won))
        self._publish(batch.lane.name, work)
        for position, copy in enumerate(copies):
            if receipts[position] is not None:
                continue
            is_first = first[copy] == position
            message_id = won.get(copy) or held[copy]
            accepted = is_first and (copy in won or message_id in mine)
            receipts[position] = Receipt("accepted" if accepted else "duplicate", copy[1].hex(), message_id)
        return [receipt for receipt in receipts if receipt is not None]

    def _write(  # noqa: PLR0917 - the one transaction of `_accept`
        self,
        connection: Connection,
        batch: _Batch,
        new: Mapping[_Copy, intake.NewMessage],
        held: list[UUID],
        room: int,
        rejected: int,
    ) -> _Written:
        """One transaction: mailboxes where they are new, the job, its messages and chunks, the lane's counts."""
        work: list[tuple[int, int, int, str]] = []
        lane, ids = batch.lane, dict(batch.mailboxes)
        with connection.pipeline(), connection.transaction():
            for name in sorted({name for name, _ in new if not ids[name]}):
                ids[name] = tenants.ensure_mailbox(connection, batch.tenant_id, name)
            job_id, state = intake.join_job(
                connection, job_id=uuid7(), tenant_id=batch.tenant_id, lane=lane.name, actor=batch.actor, key=batch.key
            )
            _go_on(batch, state)
            room = room if state != "paused" else 0
            placed = {copy: message._replace(mailbox_id=ids[copy[0]]) for copy, message in new.items()}
            claimed = intake.claim_receipts(connection, batch.tenant_id, list(placed.values()))
            lost = {message.mailbox_id for message in placed.values() if message.copy not in claimed}
            if lost and not intake.mailboxes_exist(connection, lost):
                raise _Erased
            won = {copy: message for copy, message in placed.items() if message.copy in claimed}
            if won:
                stored = list(won.values())
                month = datetime.now(UTC).date().replace(day=1)
                intake.store(connection, tenant_id=batch.tenant_id, job_id=job_id, month=month, new=stored)
                chunks = _chunks(stored, lane.chunk_messages, room)
                made = intake.add_chunks(
                    connection, tenant_id=batch.tenant_id, job_id=job_id, lane=lane.name, chunks=chunks
                )
                work = [
                    (chunk_id, dispatch_id, len(chunk.message_ids), batch.tenant)
                    for (chunk_id, dispatch_id), chunk in zip(made, chunks, strict=True)
                    if dispatch_id is not None
                ]
            mine = intake.of_job(connection, job_id, held) if batch.key and held else set()
            shard = threading.get_native_id()
            lanes.count(connection, lane.name, {"accepted": len(won), "rejected": rejected}, shard=shard)
        for name, number in ids.items():
            if number:
                self._mailboxes[batch.tenant, name] = batch.mailboxes[name] = number
        return _Written({copy: message.id for copy, message in won.items()}, mine, work)

    def waiting(self, lane: str) -> tuple[bool, bool]:
        """Whether a chunk of the lane waits for a worker, and whether workers take any; neither without a database."""
        with self._turn:
            try:
                return lanes.waiting(self._open(), lane)
            except psycopg.OperationalError:
                self._forget_connection()
                return False, False

    def _publish(self, lane: str, work: list[tuple[int, int, int, str]]) -> None:
        if not work:
            return
        try:
            self._publisher.publish(lane, work)
        except broker_faults() as fault:
            self._publisher.reset()
            log.warning("publish_left_to_dispatcher", lane=lane, chunks=len(work), error=type(fault).__name__)

    def _room(self, connection: Connection, batch: _Batch, messages: int) -> int:
        """How many messages may be published at once. Raises Busy."""
        lane = batch.lane
        standing = lanes.standing(connection, lane.name, batch.tenant_id)
        try:
            self._pressure.admit(connection, lane.name, standing)
        except Busy:
            lanes.count(connection, lane.name, {"shed": messages}, shard=threading.get_native_id())
            raise
        if not lane.publishes_at_once or standing.paused or standing.any_ready:
            return 0
        return max(0, standing.window_messages - standing.published)

    def _tenant(self, connection: Connection, tenant: str) -> int:
        tenant_id = self._tenants.get(tenant)
        if tenant_id is None:
            tenant_id = tenants.find(connection, tenant)
            if tenant_id is None:
                raise Rejected(f"tenant {tenant!r} is not known; make it with: scorelane tenants create {tenant}")
            self._tenants[tenant] = tenant_id
        return tenant_id

    def _mailbox(self, connection: Connection, tenant_id: int, tenant: str, name: str) -> int:
        number = self._mailboxes.get((tenant, name))
        if number is None:
            if not name.isprintable() or not 0 < len(name) <= 320 or any(c.isspace() for c in name):  # noqa: PLR2004 - RFC 3696
                raise Rejected(f"mailbox {name[:80]!r} is not an address")
            number = tenants.mailbox(connection, tenant_id, name) or 0
        return number

    def _compressed(self, message: Incoming, digest: bytes) -> intake.NewMessage:
        return intake.NewMessage(
            id=uuid7(),
            mailbox_id=0,
            sha256=digest,
            size_bytes=len(message.raw),
            content=self._compressor.compress(message.raw),
            received_at=message.received_at or datetime.now(UTC),
            direction=message.direction,
            envelope=encode(message.envelope),
            source=None if message.source is None else storable(message.source[:1024]),
        )

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url, application="scorelane-enqueuer")
        return self._connection

    def _forget_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _held(connection: Connection, batch: _Batch, copies: Sequence[_Copy]) -> dict[_Copy, UUID]:
    """Message id of each of the copies that its mailbox holds already."""
    asked = [(number, digest) for name, digest in copies if (number := batch.mailboxes[name])]
    if not asked:
        return {}
    found = intake.known(connection, batch.tenant_id, asked)
    return {copy: found[at] for copy in copies if (at := (batch.mailboxes[copy[0]], copy[1])) in found}


def _accepted_before(connection: Connection, batch: _Batch, held: Sequence[UUID]) -> set[UUID]:
    """Those of the messages that an earlier call with the batch's key stored; nothing new makes no job."""
    job = intake.job_of_key(connection, batch.tenant_id, str(batch.key))
    if job is None:
        return set()
    _go_on(batch, job[1])
    return intake.of_job(connection, job[0], held)


def _go_on(batch: _Batch, state: str) -> None:
    """Raises Rejected where the job of the batch's key was cancelled."""
    if state == "cancelled":
        raise Rejected(f"the job of idempotency key {batch.key!r} was cancelled; use another key")


def why_not(message: Incoming) -> str | None:
    """Reason to reject a message, or None. What is accepted has at least one header-like line at its start."""
    raw = message.raw
    if not raw.strip():
        return "empty"
    if len(raw) > MESSAGE_BYTES:
        return f"over the size limit: {len(raw):,} bytes, at most {MESSAGE_BYTES:,} are taken"
    if message.direction not in ("inbound", "outbound"):
        return f"direction {message.direction!r} is not inbound or outbound"
    if message.received_at is not None and message.received_at.tzinfo is None:
        return "received_at has no time zone"
    return None if looks_like_mail(raw) else "not mail: it does not begin with a header line (Name: value)"


def looks_like_mail(raw: bytes) -> bool:
    """Whether one of the first lines reads as a header field (RFC 5322 section 2.2)."""
    start = raw[:HEADER_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"From ", b">From ")):
        start = start.partition(b"\n")[2]
    name, colon, _ = start.partition(b"\n")[0].partition(b":")
    name = name.rstrip()
    return bool(colon) and 0 < len(name) < 128 and all(33 <= byte <= 126 for byte in name)  # noqa: PLR2004 - ftext


def _chunks(new: Sequence[intake.NewMessage], most: int, room: int) -> list[intake.NewChunk]:
    """Cut into chunks of at most `most` messages and CHUNK_BYTES; those within `room` messages are published."""
    chunks: list[intake.NewChunk] = []
    group: list[UUID] = []
    size = planned = 0
    for message in new:
        if group and (len(group) == most or size + message.size_bytes > CHUNK_BYTES):
            chunks.append(intake.NewChunk(group, publish=planned < room))
            planned += len(group)
            group, size = [], 0
        group.append(message.id)
        size += message.size_bytes
    if group:
        chunks.append(intake.NewChunk(group, publish=planned < room))
    return chunks
