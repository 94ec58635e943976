"""The inbox: flagged messages under filters that live in the URL, and the one search box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse
from starlette.routing import Route

from db import messages, search
from scorelane import choosing
from scorelane.console import filters
from scorelane.console.visit import MAIL, page
from scorelane.scoring.category import CATEGORIES
from scorelane.scoring.policy import VERDICTS

if TYPE_CHECKING:
    from starlette.responses import Response

    from scorelane.console.visit import Visit

PAGE_MESSAGES = 50


def _start(visit: Visit) -> Response:
    return RedirectResponse("/messages" if visit.may(MAIL) else "/lanes", 303)


def _list(visit: Visit) -> Response:
    chosen = filters.read(visit.request.query_params)
    with visit.reading() as opened:
        wanted = choosing.chosen(opened.raw, visit.tenant_id, chosen.flagged.asked(), known_only=False)
        rows = messages.listing(opened.raw, wanted, PAGE_MESSAGES + 1, before=chosen.last)
        counts = search.flagged_counts(opened.raw)
        mailboxes = search.mailbox_addresses(opened.raw)
    more = rows[PAGE_MESSAGES - 1]["id"] if len(rows) > PAGE_MESSAGES else None
    return visit.page(
        "inbox.html",
        chosen=chosen,
        rows=rows[:PAGE_MESSAGES],
        more=None if more is None else chosen.url(before=str(more)),
        counts=counts,
        most_counted=search.MOST_COUNTED,
        mailboxes=mailboxes,
        categories=CATEGORIES,
        verdicts=VERDICTS,
    )


def _search(visit: Visit) -> Response:
    params = visit.request.query_params
    words = params.get("q", "").strip()
    if not words:
        return RedirectResponse("/messages", 303)
    return RedirectResponse(filters.search(params.get("in", "anything"), words).url(), 303)


ROUTES = [
    Route("/", page(_start)),
    Route("/messages", page(_list, roles=MAIL)),
    Route("/search", page(_search, roles=MAIL)),
]
