"""One message: verdict, revisions, reasons, contents, who else got it; its label; HTML and source on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from db import audit, labels, messages, search
from scorelane import changes, explanations
from scorelane.console import chart, entities, reading, safe
from scorelane.console.errors import Misused, NotFound
from scorelane.console.filters import Filters, everything
from scorelane.console.visit import MAIL, page

if TYPE_CHECKING:
    from scorelane.console.visit import Visit
    from scorelane.mail import Message

log = structlog.get_logger()

SIMILAR, HISTORY = 12, 15
MOST_SOURCE_CHARS = 256 * 1024
RIGHT = {"attack": "attack", "spam": "spam", "clean": "legitimate"}
"""The label that agrees with a verdict; of a suspicious message every label is news."""


def _show(visit: Visit) -> Response:
    return _page(visit, _id(visit), seen="message.read")


def _page(visit: Visit, message_id: UUID, *, seen: str | None = None, **extra: Any) -> Response:
    """The whole page; what it was `seen` as is written to the audit log where that is not done yet."""
    with visit.writing() as opened:
        row = messages.find(opened.raw, message_id)
        if row is None:
            raise NotFound(
                f"There is no message {message_id} in {visit.tenant.name if visit.tenant else 'this tenant'}."
            )
        if seen is not None:
            audit.record(opened.raw, visit.tenant_id, actor=visit.actor, action=seen, object_=message_id)
        revisions = search.revisions(opened.raw, message_id)
        ledger = labels.of_message(opened.raw, message_id)
        stored = messages.raw(opened.raw, message_id)
        similar = search.similar(opened.raw, message_id, entities.TELLING[:3], SIMILAR)
        reach = search.reach(opened.raw, message_id, entities.TELLING[1:])
        alike = search.alike_by_mailbox(opened.raw, message_id, entities.TELLING[:2], SIMILAR)
        history = search.sender_history(opened.raw, entities.sender(row["sender"]), HISTORY) if row["sender"] else []
    message = None if stored is None else reading.parsed(stored)
    chosen = _revision(visit, revisions)
    why, gone, changed = _reasons(visit, message_id, chosen)
    context: dict[str, Any] = {
        "row": row,
        "revisions": revisions,
        "chosen": chosen,
        "ledger": ledger,
        "right": RIGHT.get(row["verdict"] or ""),
        "label_choices": labels.LABELS,
        "message": message,
        "links": [] if message is None else reading.links(message),
        "limits": (reading.MOST_LINKS, reading.MOST_HEADERS, reading.MOST_PARTS),
        "similar": similar,
        "kind_names": entities.KIND_NAMES,
        "reach": reading.named(reach, message, row["sender"]),
        "alike": alike,
        "history": [one for one in history if one["message_id"] != message_id],
        "why": why,
        "gone": gone,
        "changed": changed,
        "list_url": everything,
        "rescan_url": Filters(verdict=("any",), sender=row["sender"] or "").rescan_url,
        "rescan_one_url": Filters(verdict=("any",), id=(str(message_id),)).rescan_url,
        "shown_html": None,
        "source": None,
        "unsafe": None,
    }
    return visit.page("message.html", **{**context, **extra})


def _revision(visit: Visit, revisions: list[dict[str, Any]]) -> dict[str, Any] | None:
    wanted = visit.request.query_params.get("revision", "")
    if not wanted:
        return revisions[-1] if revisions else None
    found = next((one for one in revisions if str(one["revision"]) == wanted), None)
    if found is None:
        raise Misused("revision", f"{wanted[:40]!r} is not one of {len(revisions)} revisions of this message")
    return found


def _reasons(
    visit: Visit, message_id: UUID, chosen: dict[str, Any] | None
) -> tuple[chart.Waterfall | None, str | None, changes.Change | None]:
    """The chart of a revision, or why there is none, and what it changed since the revision before."""
    if chosen is None:
        return None, "This message has no score yet.", None
    try:
        with visit.writing() as opened:  # what was explained once is kept
            explanation = explanations.read(opened.raw, message_id, chosen["revision"])
    except explanations.Gone as gone:
        return None, f"The reasons cannot be told: {gone}.", None
    return chart.waterfall(explanation), None, _changed(visit, message_id, chosen["revision"])


def _changed(visit: Visit, message_id: UUID, revision: int) -> changes.Change | None:
    if revision == 1:
        return None
    try:
        with visit.writing() as opened:
            return changes.read(opened.raw, message_id, revision)
    except explanations.Gone:
        return None


def _label(visit: Visit) -> Response:
    message_id = _id(visit)
    with visit.writing() as opened:
        row = messages.find(opened.raw, message_id)
        if row is None or visit.tenant is None:
            raise NotFound(f"There is no message {message_id} here.")
        if "retract" in visit.form:
            _retract(visit, opened.raw, message_id)
        else:
            label = visit.form.get("label", "")
            if label not in labels.LABELS:
                raise Misused("label", f"{label[:40]!r} is not one of {', '.join(labels.LABELS)}")
            added = labels.add(
                opened.raw,
                visit.tenant.id,
                message_ids=[message_id],
                labels=[label],
                origin="analyst",
                author=visit.actor,
            )
            if added:
                audit.record(
                    opened.raw, visit.tenant.id, actor=visit.actor, action="label.add", object_=message_id,
                    detail={"label": label},
                )  # fmt: skip
        ledger = labels.of_message(opened.raw, message_id)
    if visit.request.headers.get("hx-request") != "true":
        return RedirectResponse(f"/messages/{message_id}#labels", 303)
    right = RIGHT.get(row["verdict"] or "")
    return visit.page("_labels.html", row=row, ledger=ledger, right=right, label_choices=labels.LABELS)


def _retract(visit: Visit, connection: Any, message_id: UUID) -> None:
    wanted = visit.form["retract"]
    label = labels.find(connection, int(wanted)) if wanted.isascii() and wanted.isdigit() and len(wanted) < 19 else None  # noqa: PLR2004 - bigint
    if label is None or label["message_id"] != message_id or visit.tenant is None:
        raise Misused("retract", "must be a label of this message")
    if labels.retract(connection, label["id"], visit.actor) is not None:
        audit.record(
            connection, visit.tenant.id, actor=visit.actor, action="label.retract", object_=message_id,
            detail={"label": label["label"]},
        )  # fmt: skip


def _html(visit: Visit) -> Response:
    message_id, message = _id(visit), _seen(visit, "message.html")
    html = safe.html_of(message)
    context: dict[str, Any] = {"shown_html": None, "unsafe": None}
    try:
        if html is None:
            context["unsafe"] = "This message has no HTML."
        else:
            context["shown_html"] = safe.sanitised(html)
    except safe.Unsafe as refused:
        context["unsafe"] = str(refused)
    if visit.request.headers.get("hx-request") == "true":
        return visit.page("_html.html", **context)
    return _page(visit, message_id, **context)


def _source(visit: Visit) -> Response:
    message_id = _id(visit)
    raw = reading.unpack(_raw(visit, "message.source"))
    source = raw[:MOST_SOURCE_CHARS].decode("utf-8", "replace")
    context: dict[str, Any] = {"source": source, "source_cut": len(raw) > MOST_SOURCE_CHARS}
    if visit.request.headers.get("hx-request") == "true":
        return visit.page("_source.html", **context)
    return _page(visit, message_id, **context)


def _download(visit: Visit) -> Response:
    message_id = _id(visit)
    raw = reading.unpack(_raw(visit, "message.download"))
    disposition = f'attachment; filename="{message_id}.eml"'
    return Response(raw, media_type="message/rfc822", headers={"Content-Disposition": disposition})


def _seen(visit: Visit, action: str) -> Message:
    message_id = _id(visit)
    with visit.writing() as opened:
        stored = messages.raw(opened.raw, message_id)
        _note(visit, opened.raw, message_id, action, found=stored is not None)
    assert stored is not None
    return reading.parsed(stored)


def _raw(visit: Visit, action: str) -> bytes:
    message_id = _id(visit)
    with visit.writing() as opened:
        stored = messages.raw(opened.raw, message_id)
        _note(visit, opened.raw, message_id, action, found=stored is not None)
    assert stored is not None
    return stored[0]


def _note(visit: Visit, connection: Any, message_id: UUID, action: str, *, found: bool) -> None:
    """Who looked at raw mail is written down before it is shown, in the same transaction that read it."""
    if not found or visit.tenant is None:
        raise NotFound(f"The raw mail of {message_id} is not stored here; it may have expired.")
    audit.record(connection, visit.tenant.id, actor=visit.actor, action=action, object_=message_id)


def _id(visit: Visit) -> UUID:
    text = visit.request.path_params["message_id"]
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"{text[:60]!r} is not a message id.") from None


ROUTES = [
    Route("/messages/{message_id}", page(_show, roles=MAIL)),
    Route("/messages/{message_id}/label", page(_label, roles=MAIL), methods=["POST"]),
    Route("/messages/{message_id}/html", page(_html, roles=MAIL), methods=["POST"]),
    Route("/messages/{message_id}/source", page(_source, roles=MAIL), methods=["POST"]),
    Route("/messages/{message_id}/download", page(_download, roles=MAIL), methods=["POST"]),
]
