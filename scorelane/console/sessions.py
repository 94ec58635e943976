"""Cookies and the sessions behind them. The browser holds a random token, the server its hash."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from db import console_sessions

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from db.session import Connection

COOKIE = "scorelane_session"
LASTS_S = 12 * 3600
IDLE_S = 2 * 3600
TOUCH_S = 60
TOKEN_CHARS = 43


def token_hash(request: Request) -> bytes | None:
    """Hash of the request's token, or None where it has none."""
    token = request.cookies.get(COOKIE, "")
    return hashlib.sha256(token.encode()).digest() if len(token) == TOKEN_CHARS else None


def find(connection: Connection, hashed: bytes) -> console_sessions.Session | None:
    """The open session of a token's hash."""
    found = console_sessions.find(connection, hashed, idle_s=IDLE_S)
    if found is not None:
        console_sessions.touch(connection, hashed, after_s=TOUCH_S)
    return found


def begin(connection: Connection, user_id: int, *, tenant_id: int | None) -> str:
    """Token of a new session, never one that the browser brought along."""
    token = secrets.token_urlsafe(32)
    console_sessions.open_(
        connection,
        hashlib.sha256(token.encode()).digest(),
        user_id=user_id,
        tenant_id=tenant_id,
        csrf_token=secrets.token_urlsafe(32),
        lasts_s=LASTS_S,
    )
    return token


def give(response: Response, name: str, value: str, *, https: bool, path: str = "/") -> None:
    """Set a cookie that scripts cannot read and other sites' forms do not carry."""
    response.set_cookie(name, value, httponly=True, samesite="lax", secure=https, path=path)
