"""The application: routes, error pages, static files."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from scorelane.console.errors import ConsoleError, NotFound
from scorelane.console.headers import SecurityHeaders
from scorelane.console.house import HERE, House
from scorelane.console.pages import account, audit, inbox, lanes, login, message, models, rescans
from scorelane.console.visit import theme

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

log = structlog.get_logger()


class Config(NamedTuple):
    """What the console must know."""

    database_url: str
    """Under the API's role."""
    https: bool = False
    """A proxy before it speaks HTTPS."""
    lists: Path | None = None
    """Folder of the operator's reference lists, where there is one."""


def create_app(config: Config) -> ASGIApp:
    """The ASGI application."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.house = House(config.database_url, https=config.https, lists=config.lists)
        yield
        app.state.house.close()

    routes = [
        Route("/healthz", _healthy),
        *login.ROUTES,
        *account.ROUTES,
        *inbox.ROUTES,
        *message.ROUTES,
        *lanes.ROUTES,
        *models.ROUTES,
        *rescans.ROUTES,
        *audit.ROUTES,
        Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
    ]
    handlers: dict[Any, Any] = {ConsoleError: _told, HTTPException: _http, Exception: _bug}
    return SecurityHeaders(Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers), https=config.https)


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, ConsoleError)
    return _error_page(request, error.status, error.title, str(error))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == NotFound.status:
        return _error_page(request, 404, NotFound.title, "There is no page at this address.")
    return _error_page(request, error.status_code, "That did not work", str(error.detail))


async def _bug(request: Request, error: Exception) -> Response:
    log.error("page_failed", path=request.url.path, error=type(error).__name__, exc_info=error)
    return _error_page(request, 500, ConsoleError.title, "This is a fault of the console. It is in its log.")


def _error_page(request: Request, status: int, title: str, line: str) -> Response:
    """A whole page, or for a fragment the line alone, so that it stands where the answer was expected."""
    house: House = request.app.state.house
    fragment = request.headers.get("hx-request") == "true"
    template = "_error.html" if fragment else "error.html"
    headers = {"HX-Reswap": "innerHTML", "HX-Retarget": "#notice", "HX-Reselect": "*"} if fragment else {}
    return HTMLResponse(
        house.render(template, status=status, title=title, line=line, theme=theme(request)), status, headers
    )
