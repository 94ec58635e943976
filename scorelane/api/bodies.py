"""Bodies that carry many messages: NDJSON lines with base64, and the files of a form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from scorelane.api.fields import EARLIEST
from scorelane.api.problems import Problem
from scorelane.enqueuer import Envelope, Incoming, is_address

if TYPE_CHECKING:
    from fastapi import Request


class LineEnvelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the SMTP session said."""

    mail_from: str | None = None
    client_ip: str | None = None
    helo: str | None = None


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message of a batch or stream."""

    raw: bytes
    """The message, base64 (RFC 4648 section 4)."""
    mailbox: str | None = None
    """Its mailbox; else the one that the address names."""
    received_at: datetime | None = None
    direction: str = "inbound"
    source: str | None = None
    envelope: LineEnvelope | None = None

    def incoming(self, mailbox: str) -> Incoming:
        """The message as the front door takes it."""
        envelope = None
        if self.envelope is not None:
            said = self.envelope
            envelope = Envelope(said.mail_from, (mailbox,), said.client_ip, said.helo)
        return Incoming(self.raw, self.received_at, envelope, self.direction, self.source)


_DECODER = msgspec.json.Decoder(Line)


def line_of(text: bytes, number: int) -> Line:
    """One line. Raises Problem naming the line, the field and what would be right."""
    try:
        line = _DECODER.decode(text)
    except msgspec.ValidationError as fault:
        said, _, path = str(fault).partition(" - at `$")
        raise Problem(422, f"line {number}: {said}", field=f"body.line {number}{path.rstrip('`')}") from fault
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Problem(400, f"line {number} is not a JSON object: {fault}", field=f"body.line {number}") from fault
    wrong = _wrong(line)
    if wrong is not None:
        raise Problem(422, f"line {number}: {wrong[0]} {wrong[1]}", field=f"body.line {number}.{wrong[0]}")
    return line


def _wrong(line: Line) -> tuple[str, str] | None:
    """(field, what would be right), or None."""
    if line.mailbox is not None and not is_address(line.mailbox):
        return "mailbox", f"{line.mailbox[:80]!r} is not an address like ann@acme.test"
    if line.direction not in ("inbound", "outbound"):
        return "direction", f"{line.direction[:80]!r} is not inbound or outbound"
    if line.received_at is not None and (
        line.received_at.tzinfo is None or not EARLIEST <= line.received_at <= datetime.now(UTC) + timedelta(days=1)
    ):
        return "received_at", "is a time between 1990 and tomorrow, with its zone, like 2026-11-24T09:30:00Z"
    return None


def lines_of(body: bytes, most: int) -> list[Line]:
    """Every line that is not blank. Raises Problem: nothing of a batch is taken when one line is wrong."""
    found = [(number, text) for number, text in enumerate(body.split(b"\n"), 1) if text.strip()]
    if not found:
        raise Problem(422, 'the body holds no line; send one JSON object a line: {"raw": "<base64>"}', field="body")
    if len(found) > most:
        raise Problem(413, f"{len(found):,} lines; one batch takes at most {most:,}", field="body")
    return [line_of(text, number) for number, text in found]


async def parts_of(request: Request, most: int) -> list[Line]:
    """The files of a form, in order. Raises Problem when there is none or a field is no file."""
    try:
        form = await request.form(max_files=most, max_fields=0)
    except HTTPException as fault:
        raise Problem(400, f"the form cannot be read: {fault.detail}", field="body") from fault
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if not files:
        raise Problem(422, "the form holds no file; send each message as a file of the form", field="body")
    try:
        return [Line(await file.read(), source=_source(file.filename)) for file in files]
    finally:
        await form.close()


def _source(name: str | None) -> str | None:
    return name.replace("\0", "")[:500] if name else None
