"""Who saw or changed what, for admins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.routing import Route

from db import audit
from scorelane.console.errors import Misused
from scorelane.console.visit import page, row_number

if TYPE_CHECKING:
    from starlette.responses import Response

    from scorelane.console.visit import Visit

ROLES = frozenset({"admin"})
ACTS, MOST_CHARS = 100, 200
FIELDS = ("actor", "action", "object")


def _list(visit: Visit) -> Response:
    params = visit.request.query_params
    asked = {name: _text(name, params.get(name, "")) for name in FIELDS}
    before = row_number("before", params["before"]) if params.get("before") else None
    with visit.reading() as opened:
        rows = audit.listing(
            opened.raw,
            actor=asked["actor"] or None,
            action=asked["action"] or None,
            object_=asked["object"] or None,
            before=before,
            limit=ACTS + 1,
        )
    more = rows[ACTS - 1]["id"] if len(rows) > ACTS else None
    return visit.page("audit.html", rows=rows[:ACTS], more=more, before=before, asked=asked, url=_url(asked))


def _url(asked: dict[str, str]) -> Any:
    """The page's address under its filters, some of them changed."""

    def url(**changes: object) -> str:
        pairs = [(name, value) for name, value in {**asked, **changes}.items() if value]
        return "/audit" + ("?" + urlencode(pairs) if pairs else "")

    return url


def _text(field: str, text: str) -> str:
    text = text.strip()
    if len(text) > MOST_CHARS or "\0" in text:
        raise Misused(field, f"must be at most {MOST_CHARS} characters, none of them NUL")
    return text


ROUTES = [Route("/audit", page(_list, roles=ROLES))]
