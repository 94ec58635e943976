"""One request of a person who has logged in, and the decorator that makes a page of a function."""

from __future__ import annotations

import functools
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse

from db import console_sessions, users
from scorelane.console import sessions
from scorelane.console.errors import Forged, Misused, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping
    from contextlib import AbstractContextManager

    from starlette.requests import Request
    from starlette.responses import Response

    from db.tenancy import Scope
    from scorelane.console.house import House

MOST_FIELDS, MOST_FORM_BYTES = 60, 32 * 1024
MAIL = frozenset({"analyst", "admin"})
"""Roles that may read mail."""
OPERATIONS = frozenset({"ops", "admin"})
"""Roles that may act on lanes and dead letters."""
EVERYBODY = MAIL | OPERATIONS


class Tenant(NamedTuple):
    """A tenant that a user may see, and as what."""

    id: int
    name: str
    role: str


@dataclass(frozen=True)
class Visit:
    """Who asks, for which tenant, with which form."""

    request: Request
    house: House
    session: console_sessions.Session
    token_hash: bytes
    tenants: tuple[Tenant, ...]
    tenant: Tenant | None
    form: Mapping[str, str]

    @property
    def actor(self) -> str:
        """The name that stands in ledgers and the audit log."""
        return f"console:{self.session.user}"

    @property
    def role(self) -> str | None:
        """Of the user in the tenant looked at."""
        return None if self.tenant is None else self.tenant.role

    @property
    def tenant_id(self) -> int:
        """Of the tenant looked at, which a page that reads mail always has."""
        assert self.tenant is not None
        return self.tenant.id

    def may(self, roles: Collection[str]) -> bool:
        """Whether the user's role is one of these."""
        return self.role in roles

    def reading(self) -> AbstractContextManager[Scope]:
        """A read-only transaction that sees this tenant."""
        return self.house.transaction(self._tenant_id(), user_id=self.session.user_id, read_only=True)

    def writing(self) -> AbstractContextManager[Scope]:
        """A transaction that sees and changes this tenant."""
        return self.house.transaction(self._tenant_id(), user_id=self.session.user_id)

    def page(self, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
        """A whole page, or a fragment where the template is one."""
        return HTMLResponse(self.house.render(template, visit=self, theme=theme(self.request), **context), status)

    def _tenant_id(self) -> int | None:
        return None if self.tenant is None else self.tenant.id


MOST_ROW = 2**63 - 1


def row_number(field: str, text: str) -> int:
    """The number of a row in an address. Raises Misused."""
    if not (text.isascii() and text.isdigit()) or int(text[:20]) > MOST_ROW:
        raise Misused(field, f"{text[:40]!r} is not the number of a row")
    return int(text)


def theme(request: Request) -> str:
    """What the reader chose: light, dark or auto."""
    chosen = request.cookies.get("theme")
    return chosen if chosen in ("light", "dark") else "auto"


def page(
    handler: Callable[[Visit], Response], *, roles: Collection[str] = EVERYBODY, tenant: bool = True
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that lets in who has logged in with one of the roles, and only forms of the session's own pages."""

    @functools.wraps(handler)
    async def endpoint(request: Request) -> Response:
        form = await read_form(request) if request.method == "POST" else {}
        return await run_in_threadpool(_visit, handler, request, form, roles, tenant)

    return endpoint


def _visit(
    handler: Callable[[Visit], Response],
    request: Request,
    form: Mapping[str, str],
    roles: Collection[str],
    tenant: bool,  # noqa: FBT001
) -> Response:
    house: House = request.app.state.house
    token_hash = sessions.token_hash(request)
    with house.transaction() as opened:
        session = None if token_hash is None else sessions.find(opened.raw, token_hash)
    if session is None or token_hash is None:
        return to_login(request)
    if request.method == "POST":
        check_origin(request)
        if not hmac.compare_digest(session.csrf_token.encode(), form.get("csrf", "").encode()):
            raise Forged("The form was made for another session. Reload the page and send it again.")
    with house.transaction(user_id=session.user_id, read_only=True) as opened:
        mine = tuple(Tenant(*row) for row in users.tenants_of(opened.raw, session.user_id))
    chosen = next((one for one in mine if one.id == session.tenant_id), mine[0] if mine else None)
    visit = Visit(request, house, session, token_hash, mine, chosen, form)
    if tenant and chosen is None:
        return visit.page("no_tenant.html")
    if tenant and chosen is not None and chosen.role not in roles:
        raise NotAllowed(f"You are {chosen.role} of {chosen.name}; this page is for {' and '.join(sorted(roles))}.")
    return handler(visit)


def to_login(request: Request) -> Response:
    """To the login page, and back afterwards; a fragment asks the whole page to go there."""
    where = "/login"
    if request.headers.get("hx-request") == "true":
        return HTMLResponse("", 401, {"HX-Redirect": where})
    if request.method == "GET" and request.url.path != "/":
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        where += "?" + urlencode({"next": back})
    return RedirectResponse(where, 303)


async def read_form(request: Request) -> dict[str, str]:
    """Fields of a small URL-encoded form, the last of each name. Raises Misused for more than that."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_FORM_BYTES:
            raise Misused("form", f"must be smaller than {MOST_FORM_BYTES // 1024} KB")
    try:
        return dict(
            parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
        )
    except ValueError:
        raise Misused("form", f"must be URL-encoded UTF-8 of at most {MOST_FIELDS} fields") from None


def check_origin(request: Request) -> None:
    """Raises Forged for a form that another site sent."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site not in (None, "same-origin", "none") or (
        origin not in (None, "null") and urlsplit(origin or "").netloc != request.headers.get("host")
    ):
        raise Forged("The form came from another site.")
