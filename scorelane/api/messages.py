"""Messages, their verdicts with every revision, and why: read under the caller's tenant, each read on record."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import zstandard
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from db import labels, messages
from db.session import Connection
from scorelane import explanations
from scorelane.api.caller import Analyst
from scorelane.api.choice import Choice, named_fields
from scorelane.api.etags import etag, unchanged
from scorelane.api.fields import PAGE, Address, Limit, Page, State, Verdict
from scorelane.api.labels import LabelOut
from scorelane.api.pages import next_page
from scorelane.api.problems import missing
from scorelane.choosing import Asked, chosen
from scorelane.explanations import MOST_RAW_BYTES

router = APIRouter(tags=["messages"])

Revision = Annotated[int, Field(ge=1, le=2**31 - 1)]


class MessageOut(BaseModel):
    """One message in one mailbox, with its current verdict."""

    id: UUID
    mailbox: str
    received_at: datetime
    source: str | None
    sha256: str
    state: State
    revision: int
    verdict: Verdict | None
    category: str | None
    log_odds: float | None
    sender: str | None
    subject: str | None
    scored_at: datetime | None


class RevisionOut(BaseModel):
    """One score. Nothing is overwritten: a later revision says what changed."""

    revision: int
    cause: str
    provisional: bool
    verdict: Verdict
    category: str | None
    score: float = Field(description="Calibrated probability that the message is unwanted.")
    log_odds: float
    bundle: str
    signal_set: str
    policy_version: int = Field(description="Of the tenant's policy that gave the verdict; 0 is the bundle's own.")
    rule: str = Field(description="What gave the verdict: `threshold`, or the entry of a list.")
    basis_time: datetime
    known_at: datetime


class MessageDetail(MessageOut):
    """A message with every revision and label."""

    revisions: list[RevisionOut]
    labels: list[LabelOut]


class MessagesPage(Page):
    """Messages, newest first."""

    items: list[MessageOut]


class TermOut(BaseModel):
    """One part of a score, in log-odds."""

    name: str
    family: str
    value: float | None = Field(description="What was observed; null where missing.")
    log_odds: float
    sentence: str


class ExplanationOut(BaseModel):
    """Terms, strongest first: their log-odds and `base` sum to `log_odds`."""

    log_odds: float
    base: float
    terms: list[TermOut]
    tokens: list[tuple[str, float]] = Field(description="Words that moved the text model most.")
    evidence: list[str] = Field(description="What speaks for the revision's category, strongest first.")


class RevisionDetail(RevisionOut):
    """A revision and why it has its score."""

    explanation: ExplanationOut


class Wanted(Choice):
    """What a listing of messages asks for."""

    mailbox: Address | None = None
    verdict: Verdict | None = None
    state: State | None = None
    before: UUID | None = Field(default=None, description="Go on below this message id, as `next` of a page says.")
    limit: Limit = PAGE


@router.get("/messages", response_model=MessagesPage)
def list_messages(request: Request, caller: Analyst, wanted: Annotated[Wanted, Query()]) -> dict[str, Any]:
    """List messages with their verdicts, newest first."""
    said = wanted.model_dump(exclude={"limit", "before"}, exclude_none=True)
    with caller.database() as opened, named_fields("query", mailboxes="query.mailbox", verdicts="query.verdict"):
        choice = _choice(opened.raw, caller.tenant_id, said)
        rows = messages.listing(opened.raw, choice, wanted.limit, before=wanted.before)
        caller.note(opened, "message.list", messages=len(rows), filters=sorted(said))
    return {
        "items": [_shown(row) for row in rows],
        "next": next_page(request, rows, wanted.limit, rows and rows[-1]["id"]),
    }


def _choice(connection: Connection, tenant_id: int, said: dict[str, Any]) -> dict[str, Any]:
    """What the database is asked; a mailbox that has had no mail yet is no error, and has none."""
    fields = {name: value for name, value in said.items() if name not in ("mailbox", "verdict", "state")}
    mailboxes = (said["mailbox"],) if "mailbox" in said else ()
    verdicts = (said["verdict"],) if "verdict" in said else ()
    asked = Asked(**fields, mailboxes=mailboxes, verdicts=verdicts)
    return {**chosen(connection, tenant_id, asked, known_only=False), "state": said.get("state")}


@router.get("/messages/{message_id}", response_model=MessageDetail)
def read_message(request: Request, caller: Analyst, message_id: UUID) -> Any:
    """One message, with every revision of its score and every label."""
    with caller.database() as opened:
        row = messages.find(opened.raw, message_id)
        if row is None:
            raise missing("message", message_id)
        given = labels.of_message(opened.raw, message_id)
        caller.note(opened, "message.read", message_id)
        tag = etag(row["state"], row["revision"], row["verdict"], len(given))
        revisions = messages.revisions(opened.sql, message_id)
    if (same := unchanged(request, tag)) is not None:
        return same
    detail = MessageDetail(
        **_shown(row), revisions=[RevisionOut(**one) for one in revisions], labels=[LabelOut(**one) for one in given]
    )
    return Response(detail.model_dump_json(), media_type="application/json", headers={"ETag": tag})


@router.get("/messages/{message_id}/revisions/{revision}", response_model=RevisionDetail)
def read_revision(request: Request, caller: Analyst, message_id: UUID, revision: Revision) -> Any:
    """One revision and why it has its score: computed when first read, then stored. 410 once its vector expired."""
    with caller.database() as opened:
        row = messages.revision(opened.sql, message_id, revision)
        if row is None:
            raise missing("revision", f"{revision} of message {message_id}")
        caller.note(opened, "message.explain", message_id, revision=revision)
        # A revision never changes, so its tag needs no explanation to be computed.
        tag = etag(str(message_id), revision, row["bundle"], row["known_at"])
        if (same := unchanged(request, tag)) is not None:
            return same
        explanation = explanations.read(opened.raw, message_id, revision)
    detail = RevisionDetail(
        **row,
        explanation=ExplanationOut(
            log_odds=explanation.log_odds,
            base=explanation.base,
            terms=[
                TermOut(name=t.name, family=t.family, value=t.value, log_odds=t.log_odds, sentence=t.sentence)
                for t in explanation.terms
            ],
            tokens=list(explanation.tokens),
            evidence=list(explanation.evidence) if row["category"] == explanation.category else [],
        ),
    )
    return Response(detail.model_dump_json(), media_type="application/json", headers={"ETag": tag})


@router.get(
    "/messages/{message_id}/raw",
    response_class=Response,
    responses={200: {"content": {"message/rfc822": {"schema": {"type": "string", "format": "binary"}}}}},
)
def read_raw(caller: Analyst, message_id: UUID) -> Response:
    """The message as it was received; a file to save, never a page to render. 410 once it expired."""
    with caller.database() as opened:
        if messages.find(opened.raw, message_id) is None:
            raise missing("message", message_id)
        raw = messages.raw(opened.raw, message_id)
        if raw is None:
            raise explanations.Gone("the raw mail of this message has expired or was erased")
        caller.note(opened, "message.raw", message_id)
    content = zstandard.ZstdDecompressor().decompress(raw[0], max_output_size=MOST_RAW_BYTES)
    headers = {
        "Content-Disposition": f'attachment; filename="{message_id}.eml"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
    }
    return Response(content, media_type="message/rfc822", headers=headers)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "sha256": bytes(row["sha256"]).hex()}
