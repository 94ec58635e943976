"""Lanes and jobs at a glance, live; dead letters with what can be done about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse
from starlette.routing import Route

from db import audit, dead_letters, jobs, lanes, tenancy
from scorelane.console.errors import Misused, NotFound
from scorelane.console.visit import MAIL, OPERATIONS, page, row_number
from scorelane.enqueuer.lanes import LANES

if TYPE_CHECKING:
    from starlette.responses import Response

    from scorelane.console.visit import Visit

JOBS, LETTERS = 12, 50
MOST_TENANTS = 200


def _lanes(visit: Visit) -> Response:
    return visit.page("lanes.html", **_states(visit))


def _live(visit: Visit) -> Response:
    return visit.page("_lanes.html", **_states(visit))


def _states(visit: Visit) -> dict[str, Any]:
    with visit.reading() as opened:
        found = lanes.states(opened.raw)
        newest = jobs.listing(opened.raw, limit=JOBS)
        letters = dead_letters.page(opened.raw, resolved=False, before=None, limit=LETTERS + 1)
    return {"lanes": found, "jobs": newest, "dead": len(letters), "most_dead": LETTERS}


def _dead(visit: Visit) -> Response:
    params = visit.request.query_params
    before = row_number("before", params.get("before", "")) if params.get("before") else None
    resolved = params.get("resolved") == "yes"
    with visit.reading() as opened:
        rows = dead_letters.page(opened.raw, resolved=resolved, before=before, limit=LETTERS + 1)
    more = rows[LETTERS - 1]["id"] if len(rows) > LETTERS else None
    return visit.page(
        "dead_letters.html", rows=rows[:LETTERS], more=more, resolved=resolved, before=before,
        may_act=visit.may(OPERATIONS), may_read=visit.may(MAIL),
    )  # fmt: skip


def _resolve(visit: Visit) -> Response:
    letter = row_number("dead letter", visit.request.path_params["letter_id"])
    action = visit.form.get("action", "")
    if action not in ("replay", "discard"):
        raise Misused("action", f"{action[:40]!r} is not one of replay, discard")
    act = dead_letters.replay if action == "replay" else dead_letters.discard
    with visit.writing() as opened:
        if not act(opened.raw, letter, visit.actor) or visit.tenant is None:
            raise NotFound(f"There is no open dead letter {letter} here; somebody may have dealt with it.")
        audit.record(opened.raw, visit.tenant.id, actor=visit.actor, action=f"dead_letter.{action}", object_=letter)
    return RedirectResponse("/dead-letters", 303)


def _fleet(visit: Visit) -> Response:
    shown = visit.tenants[:MOST_TENANTS]
    with visit.reading() as opened:
        rows = []
        for tenant in shown:  # row-level security shows one tenant at a time
            tenancy.look_at(opened.raw, tenant.id)
            rows.append((tenant, lanes.backlog(opened.raw)))
    rows.sort(key=lambda row: (-(row[1].oldest_s or 0), row[0].name))
    return visit.page("fleet.html", rows=rows, lanes=tuple(LANES), more=len(visit.tenants) > len(shown))


ROUTES = [
    Route("/lanes", page(_lanes)),
    Route("/lanes/live", page(_live)),
    Route("/lanes/fleet", page(_fleet)),
    Route("/dead-letters", page(_dead)),
    Route("/dead-letters/{letter_id}", page(_resolve, roles=OPERATIONS), methods=["POST"]),
]
