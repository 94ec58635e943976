"""Every error is a problem document (RFC 9457) that says what was wrong, in which field, and what would be right."""

from __future__ import annotations

import math
import re
import traceback
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy.exc
import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from scorelane.access import AccessError, Denied
from scorelane.enqueuer import Busy, Rejected, Unavailable
from scorelane.explanations import Gone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI, Request

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
AWAY_RETRY_S = 5


class FieldProblem(BaseModel):
    """One field that cannot be as it is."""

    field: str = Field(description="Where: query.limit, body.label, body.line 3.raw, header.authorization.")
    problem: str = Field(description="What is wrong and what would be right.")


class ProblemDocument(BaseModel):
    """RFC 9457, with the fields that were wrong."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None


class Problem(Exception):
    """Raised by a route to answer with a problem document."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = [FieldProblem(field=field, problem=detail)] if field else None
        self.headers = dict(headers or {})


def missing(what: str, id_: object) -> Problem:
    """404 for a thing that is not there, or not this tenant's: the two look the same."""
    return Problem(404, f"there is no {what} {id_}")


def answer(
    status: int,
    detail: str,
    *,
    errors: Sequence[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response of a problem."""
    document = ProblemDocument(
        title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(errors) if errors else None
    )
    return JSONResponse(
        document.model_dump(exclude_none=True), status, headers=dict(headers or {}), media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Answer every exception that can leave a route with a problem document."""
    for kind, handler in (
        (Problem, _problem),
        (RequestValidationError, _invalid),
        (HTTPException, _http),
        (Busy, _busy),
        (Unavailable, _away),
        (Rejected, _rejected),
        (AccessError, _access),
        (Gone, _gone),
        (psycopg.OperationalError, _away),
        (sqlalchemy.exc.OperationalError, _away),
        (sqlalchemy.exc.TimeoutError, _crowded),
        (psycopg.DataError, _unstorable),
        (sqlalchemy.exc.DataError, _unstorable),
        (Exception, _bug),
    ):
        app.add_exception_handler(kind, handler)  # type: ignore[arg-type]


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem document (RFC 9457).",
        "model": ProblemDocument,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }
}


async def _problem(_: Request, problem: Problem) -> JSONResponse:
    return answer(problem.status, problem.detail, errors=problem.errors, headers=problem.headers)


async def _invalid(_: Request, fault: RequestValidationError) -> JSONResponse:
    errors = [FieldProblem(field=_where(error["loc"]), problem=_right(error)) for error in fault.errors()]
    malformed = any(error["type"] == "json_invalid" for error in fault.errors())
    detail = "; ".join(f"{error.field}: {error.problem}" for error in errors[:5])
    return answer(400 if malformed else 422, detail, errors=errors[:50])


def _where(location: Sequence[object]) -> str:
    return ".".join(str(step) for step in location)


def _right(error: Mapping[str, Any]) -> str:
    said = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "json_invalid":
        return f"not JSON: {error.get('ctx', {}).get('error', said)}"
    return said[:1].lower() + said[1:]


async def _http(request: Request, fault: HTTPException) -> JSONResponse:
    said = {
        404: "there is nothing at this address; the routes stand in /v1/openapi.json",
        405: "this address does not take this method; see the Allow header",
    }
    headers = dict(fault.headers or {})
    if fault.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request)) or headers.get("Allow", "GET")
    return answer(fault.status_code, said.get(fault.status_code, str(fault.detail)), headers=headers)


def _methods(request: Request) -> list[str]:
    """Methods of every route at the request's address; the router names those of the first alone."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    return sorted(
        method.upper()
        for template, methods in paths.items()
        if re.fullmatch(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(template)), request.url.path)
        for method in methods
    )


async def _busy(_: Request, fault: Busy) -> JSONResponse:
    return answer(429, str(fault), headers={"Retry-After": str(math.ceil(fault.retry_after_s))})


async def _away(request: Request, fault: Exception) -> JSONResponse:
    log.warning("database_unavailable", path=request.scope.get("path"), error=type(fault).__name__)
    detail = "the database does not answer now; nothing of this call was stored, try again"
    return answer(503, detail, headers={"Retry-After": str(AWAY_RETRY_S)})


async def _crowded(_: Request, __: Exception) -> JSONResponse:
    return answer(503, "too many calls at once; try again", headers={"Retry-After": "1"})


async def _rejected(_: Request, fault: Rejected) -> JSONResponse:
    return answer(422, str(fault))


async def _access(_: Request, fault: AccessError) -> JSONResponse:
    if isinstance(fault, Denied):
        return answer(401, str(fault), headers={"WWW-Authenticate": 'Bearer realm="scorelane"'})
    return answer(422, str(fault))


async def _gone(_: Request, fault: Gone) -> JSONResponse:
    return answer(410, str(fault))


async def _unstorable(_: Request, fault: Exception) -> JSONResponse:
    log.warning("value_not_storable", error=type(fault).__name__)
    return answer(422, "a value of this call cannot be stored or compared: a NUL character or a number out of range")


async def _bug(request: Request, fault: Exception) -> JSONResponse:
    trace = "".join(traceback.format_exception(fault))
    log.error("request_failed", path=request.scope.get("path"), exception=trace)
    return answer(500, "a fault of ours; it is logged. Nothing of this call was stored")
