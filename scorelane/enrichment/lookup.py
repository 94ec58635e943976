"""Many lookups at once, each under the governor and within its provider's time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import structlog

from scorelane.enrichment.backoff import delay_s
from scorelane.enrichment.errors import Blocked, Refused, Rejected, TimedOut, Unavailable
from scorelane.enrichment.governor import Verdict
from scorelane.enrichment.provider import Finding, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from scorelane.enrichment.catalogue import Catalogue
    from scorelane.enrichment.governor import Governor
    from scorelane.enrichment.provider import Provider

log = structlog.get_logger()

IN_FLIGHT = 64
"""Lookups of one task that are under way together."""
TOGETHER_S = 0.03
"""Answers of so long are settled together."""


SAID = (
    "ok", "not_found", "rejected", "refused", "timeout", "failed", "blocked", "rate_limited", "breaker_open",
    "governor_away", "off", "bug",
)  # fmt: skip
"""Every outcome that is counted."""


class Due(NamedTuple):
    """A request, and how often it failed before."""

    request: Request
    failures: int = 0


class Outcome(NamedTuple):
    """What became of one request: findings to store, or seconds until it is asked again."""

    request: Request
    said: str
    """One of SAID."""
    findings: tuple[Finding, ...] = ()
    fresh_s: float = 0.0
    usable_s: float = 0.0
    retry_s: float | None = None
    status: str | None = None
    """Why there is no answer yet, as a fact's status; None where one came."""
    asked: bool = True
    """Whether the provider was asked at all: only then a failure counts."""


async def look_up(
    due: Sequence[Due],
    catalogue: Catalogue,
    governor: Governor,
    settle: Callable[[list[Outcome]], Awaitable[None]],
    *,
    in_flight: int = IN_FLIGHT,
) -> None:
    """Look up all, giving outcomes to `settle` as they come, those of one moment together.

    At most `in_flight` lookups are asked or not settled yet: whoever is killed loses no more answers than that. Raises
    what `settle` raises, and nothing for what a provider does.
    """
    slots = asyncio.Semaphore(in_flight)

    async def one(item: Due) -> Outcome:
        await slots.acquire()
        return await _look_up(item, catalogue, governor)

    pending = {asyncio.ensure_future(one(item)) for item in due}
    try:
        while pending:
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if in_flight > 1:
                await asyncio.sleep(TOGETHER_S)
            done = {task for task in pending if task.done()}
            pending -= done
            await settle([task.result() for task in done])
            for _ in done:
                slots.release()
    finally:
        for task in pending:
            task.cancel()


async def _look_up(due: Due, catalogue: Catalogue, governor: Governor) -> Outcome:
    provider = catalogue.get(due.request.provider)
    if provider is None:
        return _settled(due.request, "off", "absent", (), 3600.0)
    registry = provider.registry(due.request.entity)
    admission = await governor.admit(provider, registry)
    if not admission.may_go:
        return _held_back(due, admission.verdict, admission.wait_s)
    if admission.wait_s:
        await asyncio.sleep(admission.wait_s)
    return await _ask(due, provider, registry, governor)


async def _ask(due: Due, provider: Provider, registry: str, governor: Governor) -> Outcome:
    request, options = due.request, provider.options
    try:
        async with asyncio.timeout(options.timeout_s):
            findings = await provider.look_up(request.entity)
    except (TimeoutError, Unavailable) as fault:
        known = fault if isinstance(fault, Unavailable) else TimedOut(f"longer than {options.timeout_s:g} s")
        if known.elsewhere:
            await governor.succeeded(provider.name, registry)
        else:
            await governor.failed(provider.name, registry, pause_s=known.retry_after_s)
        said = "blocked" if isinstance(known, Blocked) else known.status
        retry_s = delay_s(due.failures + 1, known.retry_after_s)
        return Outcome(request, said, retry_s=retry_s, status=known.status)
    except Rejected as fault:
        await governor.succeeded(provider.name, registry)
        said = "refused" if isinstance(fault, Refused) else "rejected"
        return _settled(request, said, "failed", provider.kinds, options.fresh_s)
    except Exception:
        log.exception("provider_bug", provider=provider.name)
        return _settled(request, "bug", "failed", provider.kinds, options.negative_s)
    await governor.succeeded(provider.name, registry)
    found = any(finding.status == "ok" for finding in findings)
    fresh_s = options.fresh_s if found else options.negative_s
    return Outcome(request, "ok" if found else "not_found", findings, fresh_s, fresh_s + options.stale_s)


def _settled(request: Request, said: str, status: str, kinds: Sequence[str], fresh_s: float) -> Outcome:
    findings = tuple(Finding(kind, status=status) for kind in kinds)
    return Outcome(request, said, findings, fresh_s, fresh_s, asked=said != "off")


def _held_back(due: Due, verdict: Verdict, wait_s: float) -> Outcome:
    said, status = {
        Verdict.WAIT: ("rate_limited", "timeout"),
        Verdict.OPEN: ("breaker_open", "breaker_open"),
        Verdict.AWAY: ("governor_away", "timeout"),
    }[verdict]
    # Spread over a half more, so that those who wait for the same moment do not come together.
    retry_s = wait_s + delay_s(1, base_s=max(wait_s / 2, 0.2))
    return Outcome(due.request, said, retry_s=retry_s, status=status, asked=False)
