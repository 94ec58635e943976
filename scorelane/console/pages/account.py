"""The user's own account: roles, and a new password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from db import console_sessions, logins, users
from scorelane import accounts
from scorelane.console import attempts
from scorelane.console.errors import Misused
from scorelane.console.visit import page

if TYPE_CHECKING:
    from starlette.responses import Response

    from scorelane.console.visit import Visit


def _show(visit: Visit) -> Response:
    return visit.page("account.html", done=None)


def _set_password(visit: Visit) -> Response:
    old, new, again = (visit.form.get(name, "") for name in ("current", "new", "again"))
    with visit.house.transaction() as opened:
        found = users.for_login(opened.raw, visit.session.user)
    address = attempts.address_of(visit.request)
    try:
        right = attempts.is_right(visit.house, visit.session.user, address, found, old)
    except attempts.Locked:
        raise Misused("current password", "was wrong too often; try again later") from None
    if found is None or not right:
        raise Misused("current password", "is not the one in force")
    if new != again:
        raise Misused("new password", "must be the same both times")
    try:
        hashed = accounts.hash_password(new)
    except accounts.AccountError as refused:
        raise Misused("new password", str(refused).removeprefix("password: ")) from None
    with visit.house.transaction() as opened:
        users.set_password(opened.raw, found.id, hashed)
        logins.succeeded(opened.raw, visit.session.user, address)
        ended = console_sessions.close_others(opened.raw, found.id, visit.token_hash)
    others = f"; {ended} other session{'s' if ended > 1 else ''} ended" if ended else ""
    return visit.page("account.html", done=f"Your password is changed{others}.")


ROUTES = [
    Route("/account", page(_show, tenant=False)),
    Route("/account/password", page(_set_password, tenant=False), methods=["POST"]),
]
