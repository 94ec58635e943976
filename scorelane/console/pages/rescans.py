"""Rescans: asked for under the inbox's filters, weighed before they start, watched while they run, read as flips."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from db import audit, bundles, comparison, jobs, search
from db import rescans as queries
from scorelane import rescans
from scorelane.console import filters
from scorelane.console.errors import ConsoleError, Misused, NotAllowed, NotFound
from scorelane.console.visit import EVERYBODY, MAIL, page
from scorelane.scoring.category import CATEGORIES
from scorelane.scoring.policy import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from db.session import Connection
    from scorelane.console.visit import Visit

LISTED, FLIPS, MOST_EXPORTED = 25, 100, 100_000
AS_OF = {
    "received": "received: what was known when it came",
    "final": "final: with the facts that came later",
    "now": "now: with today's history, facts and directory",
    "at": "a time: with what was known then",
}
REVISE = frozenset({"admin"})
"""Roles whose rescans may revise verdicts."""
ENDED = frozenset({"done", "cancelled"})
ACTS: dict[str, Callable[[Connection, UUID], bool]] = {
    "pause": jobs.pause,
    "resume": jobs.resume,
    "cancel": jobs.cancel,
}


class Refused(ConsoleError):
    """A rescan that cannot be started as asked."""

    status = 400
    title = "This rescan cannot start"


def _list(visit: Visit) -> Response:
    text = visit.request.query_params.get("before", "")
    before = _uuid(text) if text else None
    with visit.reading() as opened:
        rows = queries.listing(opened.raw, before=before, limit=LISTED + 1)
    more = rows[LISTED - 1].id if len(rows) > LISTED else None
    return visit.page("rescans.html", rows=rows[:LISTED], more=more, before=before, may_start=visit.may(MAIL))


def _new(visit: Visit) -> Response:
    params = visit.request.query_params
    chosen = filters.read(params)
    context = _choices(visit)
    bundle, as_of, at = params.get("bundle", ""), params.get("as_of", "received"), params.get("at", "")
    if as_of == "at" and not at:
        raise Misused("at", "must be a time such as 2026-11-24T12:00 where as of is a time")
    preview = None
    if params.get("preview"):
        with visit.reading() as opened, _refusing():
            wanted = rescans.wanted_by(opened.raw, bundle or None, visit.house.lists_digest)
            known_at = at if as_of == "at" else as_of
            preview = rescans.preview(opened.raw, visit.tenant_id, chosen.asked(), wanted, known_at)
    return visit.page(
        "rescan_new.html", chosen=chosen, bundle=bundle, as_of=as_of, at=at, applies=bool(params.get("apply")),
        preview=preview, most_unasked=rescans.MOST_UNASKED, may_revise=visit.may(REVISE), **context,
    )  # fmt: skip


def _start(visit: Visit) -> Response:
    form = visit.form
    chosen = filters.read(filters.params(form.get("query", "")))
    applies = bool(form.get("apply"))
    if applies and not visit.may(REVISE):
        raise NotAllowed("Only an admin may let a rescan revise verdicts; without that it only reports.")
    with visit.writing() as opened, _refusing():
        pointer = bundles.current(opened.raw)
        rescan_id, found = rescans.start(
            opened.raw,
            visit.tenant_id,
            chosen.asked(),
            rescans.wanted_by(opened.raw, form.get("bundle") or None, visit.house.lists_digest),
            as_of=form.get("as_of", "received"),
            applies=applies,
            actor=visit.actor,
            yes=bool(form.get("yes")),
            live=None if pointer is None else pointer.live,
        )
        audit.record(
            opened.raw, visit.tenant_id, actor=visit.actor, action="rescan.start", object_=rescan_id,
            detail={"messages": found.messages, "apply": applies},
        )  # fmt: skip
    return RedirectResponse(f"/rescans/{rescan_id}", 303)


def _show(visit: Visit) -> Response:
    return visit.page("rescan.html", **_state(visit))


def _live(visit: Visit) -> Response:
    return visit.page("_rescan.html", **_state(visit))


def _state(visit: Visit) -> dict[str, Any]:
    rescan_id = _id(visit)
    reads = visit.may(MAIL)
    # Reasons that nobody has read yet are computed here and kept, so this transaction may write.
    with visit.writing() as opened:
        progress = rescans.progress(opened.raw, rescan_id)
        if progress is None:
            raise NotFound(f"There is no rescan {rescan_id} here.")
        ended = progress.rescan.state in ENDED
        reader = rescans.reader(opened.raw, progress.rescan.bundle) if ended else None
        flips = list(rescans.flips(opened.raw, rescan_id, limit=FLIPS, reasons=reader)) if reads else []
        summary = queries.summary(opened.raw, rescan_id)[:50]
        known = {bundle.digest: bundle.name for bundle in comparison.listing(opened.raw)}
    return {
        "progress": progress,
        "rescan": progress.rescan,
        "ended": ended,
        "flips": flips,
        "most_flips": FLIPS,
        "summary": summary,
        "names": known,
        "reads": reads,
    }


def _act(visit: Visit) -> Response:
    rescan_id, action = _id(visit), visit.request.path_params["action"]
    act = ACTS.get(action)
    if act is None:
        raise NotFound(f"There is no action {action[:40]!r}.")
    with visit.writing() as opened:
        if queries.find(opened.raw, rescan_id) is None:
            raise NotFound(f"There is no rescan {rescan_id} here.")
        if not act(opened.raw, rescan_id):
            raise Refused(f"The rescan is in no state to {action}; reload the page to see how it is.")
        audit.record(opened.raw, visit.tenant_id, actor=visit.actor, action=f"rescan.{action}", object_=rescan_id)
    if visit.request.headers.get("hx-request") == "true":
        return _live(visit)
    return RedirectResponse(f"/rescans/{rescan_id}", 303)


def _export(visit: Visit) -> Response:
    rescan_id, form = _id(visit), visit.request.path_params["form"]
    if form not in (rescans.CSV, rescans.JSON_LINES):
        raise NotFound("Flips are given as flips.csv or flips.jsonl.")
    with visit.writing() as opened:
        found = queries.find(opened.raw, rescan_id)
        if found is None:
            raise NotFound(f"There is no rescan {rescan_id} here.")
        audit.record(opened.raw, visit.tenant_id, actor=visit.actor, action="rescan.export", object_=rescan_id)

    pages = rescans.pages(lambda: _writing(visit), rescan_id, found[0], limit=MOST_EXPORTED)
    media = "text/csv; charset=utf-8" if form == rescans.CSV else "application/jsonl; charset=utf-8"
    name = f'attachment; filename="flips-{rescan_id}.{form}"'
    return StreamingResponse(rescans.sheet(pages, form), media_type=media, headers={"Content-Disposition": name})


@contextlib.contextmanager
def _writing(visit: Visit) -> Iterator[Connection]:
    with visit.writing() as opened:
        yield opened.raw


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """What cannot be rescanned, as a page that says why."""
    try:
        yield
    except rescans.ChoiceError as refused:
        raise Refused(f"{refused}.") from None


def _choices(visit: Visit) -> dict[str, Any]:
    with visit.reading() as opened:
        return {
            "mailboxes": search.mailbox_addresses(opened.raw),
            "known": comparison.listing(opened.raw),
            "pointer": bundles.current(opened.raw),
            "verdicts": VERDICTS,
            "categories": CATEGORIES,
            "as_ofs": AS_OF,
        }


def _id(visit: Visit) -> UUID:
    return _uuid(visit.request.path_params["rescan_id"])


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"{text[:60]!r} is not a rescan's id.") from None


ROUTES = [
    Route("/rescans", page(_list)),
    Route("/rescans", page(_start, roles=MAIL), methods=["POST"]),
    Route("/rescans/new", page(_new, roles=MAIL)),
    Route("/rescans/{rescan_id}", page(_show)),
    Route("/rescans/{rescan_id}/live", page(_live)),
    Route("/rescans/{rescan_id}/flips.{form}", page(_export, roles=MAIL)),
    Route("/rescans/{rescan_id}/{action}", page(_act, roles=EVERYBODY), methods=["POST"]),
]
