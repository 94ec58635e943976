"""The application: routes, limits, problem documents, and what a process keeps while it serves."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from starlette.concurrency import run_in_threadpool

from scorelane.api import (
    administration,
    catalogue,
    events,
    flips,
    intake,
    labels,
    messages,
    operations,
    privacy,
    problems,
    rescans,
    stream,
)
from scorelane.api.caller import service
from scorelane.api.limits import BodyLimit
from scorelane.api.service import Service
from scorelane.enqueuer.lanes import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from scorelane.api.config import ApiConfig

VERSION = "/v1"
ROOMS = (
    intake, stream, messages, labels, rescans, flips, operations, catalogue, events, administration, privacy,
)  # fmt: skip


def create_app(config: ApiConfig) -> FastAPI:
    """One process's application; connections open when it starts serving and close when it stops."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = Service(config)
        try:
            yield
        finally:
            await run_in_threadpool(app.state.service.close)

    app = FastAPI(
        title="Scorelane",
        version="1",
        description="Scores e-mail for attacks. Send mail, read verdicts with every revision and its reasons.",
        openapi_url=f"{VERSION}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.add_middleware(BodyLimit, limit_of=_body_limits(config))
    problems.install(app)
    versioned = APIRouter(prefix=VERSION, responses=problems.RESPONSES)
    for room in ROOMS:
        versioned.include_router(room.router)
    app.include_router(versioned)
    app.include_router(health)
    return app


health = APIRouter(include_in_schema=False)


@health.get("/healthz")
async def alive() -> dict[str, Any]:
    """The process answers."""
    return {"status": "ok"}


@health.get("/readyz")
def ready(request: Request) -> dict[str, Any]:
    """The database answers too; else a 503 problem."""
    service(request).ready()
    return {"status": "ok"}


def _body_limits(config: ApiConfig) -> Callable[[str], int | None]:
    limits: dict[str, int | None] = {
        f"{VERSION}/messages": MESSAGE_BYTES,
        f"{VERSION}/messages/batch": config.batch_bytes,
        f"{VERSION}/messages/stream": None,
    }
    return lambda path: limits.get(path, config.body_bytes)
