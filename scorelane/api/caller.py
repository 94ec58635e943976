"""Who calls: a bearer key, its tenant and role, and the one transaction that sees this tenant's rows."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from db import audit
from db.tenancy import Scope, scope
from scorelane import access
from scorelane.api.problems import Problem
from scorelane.api.service import Service

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

BEARER = HTTPBearer(auto_error=False, description="A key: `scorelane keys create`. It fixes tenant and role.")


def service(request: Request) -> Service:
    """What this process keeps."""
    found: Service = request.app.state.service
    return found


@dataclass(frozen=True)
class Caller:
    """A verified key."""

    service: Service
    key_id: str
    name: str
    tenant_id: int
    tenant: str
    role: str

    @property
    def actor(self) -> str:
        """How the records name this caller."""
        return f"key {self.key_id}"

    @contextlib.contextmanager
    def database(self) -> Iterator[Scope]:
        """One transaction that sees the rows of this caller's tenant and no others."""
        with scope(self.service.engine, self.tenant_id) as opened:
            yield opened

    def note(self, opened: Scope, action: str, object_: object = None, **detail: Any) -> None:
        """Write into the audit log, in the act's own transaction."""
        audit.record(
            opened.raw, self.tenant_id, actor=self.actor, action=action, object_=object_, detail=detail or None
        )


def allow(*roles: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency that lets keys of these roles pass, and those of admins."""
    allowed = (*roles, "admin")

    async def caller(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
    ) -> Caller:
        shared = service(request)
        if credentials is None:
            raise access.Denied("send a key: Authorization: Bearer slk_…")
        stored = await shared.verified(credentials.credentials)
        shared.buckets.take(stored.id, stored.rate_per_s)
        if stored.role not in allowed:
            raise Problem(403, f"a key of role {stored.role} may not do this; it takes {' or '.join(allowed)}")
        return Caller(shared, stored.id, stored.name, stored.tenant_id, stored.tenant, stored.role)

    return caller


Ingest = Annotated[Caller, Depends(allow("ingest"))]
Analyst = Annotated[Caller, Depends(allow("analyst"))]
Ops = Annotated[Caller, Depends(allow("ops"))]
Reader = Annotated[Caller, Depends(allow("analyst", "ops"))]
Anyone = Annotated[Caller, Depends(allow(*access.ROLES))]
Admin = Annotated[Caller, Depends(allow())]
