"""Logging in and out, and choosing the tenant to look at."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route

from db import console_sessions, logins, users
from scorelane.console import attempts, sessions
from scorelane.console.errors import Forged, Misused
from scorelane.console.visit import check_origin, page, read_form, theme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from scorelane.console.house import House
    from scorelane.console.visit import Visit

log = structlog.get_logger()

FORM_COOKIE = "scorelane_login"
WRONG = "The name or the password is wrong."


async def login(request: Request) -> Response:
    """The form, and what it sends."""
    if request.method == "POST":
        form = await read_form(request)
        return await run_in_threadpool(_log_in, request, form)
    return await run_in_threadpool(_show, request, back=request.query_params.get("next", ""))


def _show(request: Request, *, back: str, name: str = "", fault: str = "", status: int = 200) -> Response:
    house: House = request.app.state.house
    token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    html = house.render("login.html", token=token, back=back, name=name, fault=fault, theme=theme(request))
    response = HTMLResponse(html, status)
    sessions.give(response, FORM_COOKIE, token, https=house.https, path="/login")
    return response


def _log_in(request: Request, form: Mapping[str, str]) -> Response:
    house: House = request.app.state.house
    check_origin(request)
    given = request.cookies.get(FORM_COOKIE, "")
    if not given or not hmac.compare_digest(given.encode(), form.get("token", "").encode()):
        raise Forged("The login form has expired. Open it again.")
    name, back = form.get("name", "").strip().lower(), form.get("next", "")
    with house.transaction() as opened:
        found = users.for_login(opened.raw, name)
    address = attempts.address_of(request)
    try:
        right = attempts.is_right(house, name, address, found, form.get("password", ""))
    except attempts.Locked as locked:
        return _show(request, back=back, name=name, fault=str(locked), status=429)
    if found is None or not right or found.disabled:
        log.warning("login_refused", user_id=None if found is None else found.id)
        return _show(request, back=back, name=name, fault=WRONG, status=401)
    with house.transaction(user_id=found.id) as opened:
        users.record_login(opened.raw, found.id)
        logins.succeeded(opened.raw, name, address)
        mine = users.tenants_of(opened.raw, found.id)
        old = sessions.token_hash(request)
        if old is not None:
            console_sessions.close(opened.raw, old)
        token = sessions.begin(opened.raw, found.id, tenant_id=mine[0][0] if mine else None)
    log.info("logged_in", user_id=found.id)
    response = RedirectResponse(_inside(back), 303)
    response.delete_cookie(FORM_COOKIE, path="/login")
    sessions.give(response, sessions.COOKIE, token, https=house.https)
    return response


def _inside(path: str) -> str:
    """A path of this console; the start page for anything else."""
    local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if local else "/"


def _log_out(visit: Visit) -> Response:
    with visit.house.transaction() as opened:
        console_sessions.close(opened.raw, visit.token_hash)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(sessions.COOKIE)
    return response


def _choose(visit: Visit) -> Response:
    wanted = visit.form.get("tenant", "")
    chosen = next((tenant for tenant in visit.tenants if str(tenant.id) == wanted), None)
    if chosen is None:
        raise Misused("tenant", "must be one of those that you may see")
    with visit.house.transaction() as opened:
        console_sessions.choose_tenant(opened.raw, visit.token_hash, chosen.id)
    return RedirectResponse("/", 303)


ROUTES = [
    Route("/login", login, methods=["GET", "POST"], name="login"),
    Route("/logout", page(_log_out, tenant=False), methods=["POST"]),
    Route("/tenant", page(_choose, tenant=False), methods=["POST"]),
]
