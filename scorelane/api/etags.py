"""Entity tags where they pay: what has not changed is not sent again (RFC 9110 section 13)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from fastapi.responses import Response

if TYPE_CHECKING:
    from fastapi import Request


def etag(*parts: object) -> str:
    """A strong tag of what the parts say."""
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}"'


def unchanged(request: Request, tag: str) -> Response | None:
    """304 where the caller holds this version; else None."""
    held = request.headers.get("if-none-match", "")
    if held.strip() != "*" and tag not in (one.strip().removeprefix("W/") for one in held.split(",")):
        return None
    return Response(status_code=304, headers={"ETag": tag})
