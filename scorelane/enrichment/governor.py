"""How often and whether a provider may be asked: token buckets and circuits shared by every worker through Redis.

Redis holds nothing that may not be lost. A bucket that is not there counts as empty, not as full, so an emptied Redis
slows lookups down and never lets a burst through twice; without Redis nothing is asked at all.
"""

from __future__ import annotations

import random
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import redis.asyncio
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scorelane.enrichment.provider import Provider

PREFIX = "scorelane:enrich:"
MOST_WAIT_S = 1.0
"""A lookup waits this long at most for its turn inside a task; a longer wait goes back to the database."""
AWAY_S = 5.0
"""Before anything is asked again when Redis does not answer."""
IDLE_S = 86_400
"""Buckets and circuits that nobody used for a day are forgotten."""
REGISTRY_IDLE_S = 3600
"""A registry's circuit sooner: there may be one for every domain that a stranger's mail names."""

FAILURES_IN_A_ROW = 5
WINDOW_S = 30.0
LEAST_IN_WINDOW = 20
FAILED_SHARE = 0.5
OPEN_S = 5.0
MOST_OPEN_S = 300.0

# Generic cell rate algorithm (ITU-T I.371) with reservation: `tat` is the moment at which the bucket will be full
# again. A caller is told how long to wait and its token is taken now, so nobody polls and no token is lost.
# KEYS: two circuits, buckets. ARGV: most_wait_ms, probe_ms, idle_s, then interval_ms, burst and cost of each bucket.
ADMIT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local most_wait, probe_ms, idle = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local probing = false
for c = 1, 2 do
  local state = redis.call('HMGET', KEYS[c], 'open_until', 'probe_until')
  local open_until, probe_until = tonumber(state[1] or '0'), tonumber(state[2] or '0')
  if open_until > 0 then
    local shut = math.max(open_until, probe_until)
    if shut > now then return {'open', tostring(shut - now)} end
    probing = true
  end
end
local tats, wait = {}, 0
for b = 3, #KEYS do
  local at = 4 + (b - 3) * 3
  local interval, burst, cost = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local tat = tonumber(redis.call('GET', KEYS[b]) or tostring(now + burst * interval + most_wait))
  tat = math.max(tat, now)
  wait = math.max(wait, tat + cost * interval - burst * interval - now)
  tats[b] = tat + cost * interval
end
if wait > most_wait then
  for b = 3, #KEYS do
    if redis.call('EXISTS', KEYS[b]) == 0 then
      local at = 4 + (b - 3) * 3
      redis.call('SET', KEYS[b], now + tonumber(ARGV[at + 1]) * tonumber(ARGV[at]) + most_wait, 'EX', idle)
    end
  end
  return {'wait', tostring(wait)}
end
for b = 3, #KEYS do redis.call('SET', KEYS[b], string.format('%.3f', tats[b]), 'EX', idle) end
if probing then
  for c = 1, 2 do
    if redis.call('HEXISTS', KEYS[c], 'open_until') == 1 then
      redis.call('HSET', KEYS[c], 'probe_until', now + wait + probe_ms)
    end
  end
end
return {probing and 'probe' or 'go', tostring(wait)}
"""

# KEYS: circuit and, where a failure counts once a window, the mark of whose it is. ARGV: ok, pause_ms (0 for none),
# jitter 0 to 1, failures in a row, window_ms, least in the window, failed share, open_ms, most_open_ms, idle_s.
REPORT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local ok, pause = ARGV[1] == '1', tonumber(ARGV[2])
local state = redis.call('HMGET', KEYS[1], 'open_until', 'openings', 'row', 'bad', 'good', 'since')
local open_until, openings = tonumber(state[1] or '0'), tonumber(state[2] or '0')
local row, bad, good = tonumber(state[3] or '0'), tonumber(state[4] or '0'), tonumber(state[5] or '0')
local since = tonumber(state[6] or '0')
if pause > 0 then
  redis.call('HSET', KEYS[1], 'open_until', math.max(open_until, now + pause))
  redis.call('EXPIRE', KEYS[1], math.max(tonumber(ARGV[10]), math.ceil(pause / 1000)))
  return 'paused'
end
if ok then
  if open_until > 0 then
    if open_until > now then return 'open' end
    redis.call('DEL', KEYS[1])
    return 'closed'
  end
  if row == 0 and bad == 0 then return 'closed' end
end
if not ok and KEYS[2] and open_until == 0 and not redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[5]) then
  return 'counted'
end
if now - since > tonumber(ARGV[5]) then bad, good, since = 0, 0, now end
if ok then row = 0; good = good + 1 else row = row + 1; bad = bad + 1 end
redis.call('HSET', KEYS[1], 'row', row, 'bad', bad, 'good', good, 'since', since)
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[10]))
if ok then return 'closed' end
local total = bad + good
local failing = row >= tonumber(ARGV[4]) or (total >= tonumber(ARGV[6]) and bad >= total * tonumber(ARGV[7]))
if open_until > now or not (failing or open_until > 0) then return open_until > now and 'open' or 'closed' end
local open_ms = math.min(tonumber(ARGV[9]), tonumber(ARGV[8]) * 2 ^ openings)
open_ms = open_ms * (0.8 + 0.4 * tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'open_until', now + open_ms, 'openings', openings + 1, 'row', 0, 'bad', 0, 'good', 0)
redis.call('HDEL', KEYS[1], 'probe_until')
redis.call('EXPIRE', KEYS[1], math.max(tonumber(ARGV[10]), math.ceil(open_ms / 1000)))
return 'opened'
"""


class Verdict(Enum):
    """Whether a lookup may go out."""

    GO = "go"
    """After waiting `wait_s`."""
    PROBE = "probe"
    """The same; it is the one that tries whether an open circuit may close."""
    WAIT = "wait"
    """Its turn is `wait_s` away: too far to wait here."""
    OPEN = "open"
    """The provider or registry failed lately; not before `wait_s`."""
    AWAY = "away"
    """Redis does not answer, so nobody knows the rate: nothing goes out."""


class Admission(NamedTuple):
    """A verdict with seconds."""

    verdict: Verdict
    wait_s: float

    @property
    def may_go(self) -> bool:
        """Whether the lookup goes out."""
        return self.verdict in (Verdict.GO, Verdict.PROBE)


class Governor:
    """Admits lookups and learns from what became of them. Safe to share in one event loop."""

    def __init__(self, broker_url: str, *, most_wait_s: float = MOST_WAIT_S) -> None:
        self._redis: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
            broker_url, socket_timeout=2, socket_connect_timeout=2
        )
        self._admit = self._redis.register_script(ADMIT)
        self._report = self._redis.register_script(REPORT)
        self._most_wait_s = most_wait_s

    async def admit(self, provider: Provider, registry: str) -> Admission:
        """Whether one lookup may go out, with a token of the provider's bucket and of its registry's taken."""
        options = provider.options
        keys = [*circuits(provider.name, registry), f"{PREFIX}bucket:{provider.name}"]
        limits: list[float] = [1000 / options.rate_per_s, options.burst, provider.cost]
        if registry and options.registry_rate_per_s is not None:
            keys.append(f"{PREFIX}bucket:{provider.name}:{registry}")
            limits += [1000 / options.registry_rate_per_s, options.registry_burst, 1]
        probe_ms = 1000 * (options.timeout_s + self._most_wait_s)
        try:
            said, wait_ms = await self._admit(keys=keys, args=[1000 * self._most_wait_s, probe_ms, IDLE_S, *limits])
        except (RedisError, OSError):
            return Admission(Verdict.AWAY, AWAY_S)
        return Admission(Verdict(said.decode()), max(0.0, float(wait_ms) / 1000))

    async def succeeded(self, provider: str, registry: str) -> None:
        """An answer came, be it that nothing is known: circuits close."""
        for key in circuits(provider, registry):
            await self._tell(key, ok=True)

    async def failed(self, provider: str, registry: str, *, pause_s: float | None = None) -> None:
        """No answer. With `pause_s` the registry (or the provider without one) is left alone for that long."""
        outer, inner = circuits(provider, registry)
        idle_s = REGISTRY_IDLE_S if registry else IDLE_S
        if pause_s is not None:
            await self._tell(inner, ok=False, pause_s=pause_s, idle_s=idle_s)
            return
        await self._tell(inner, ok=False, idle_s=idle_s)
        if not registry:
            return
        # One registry's trouble is not the provider's: its circuit sees each registry once a window, in the share of
        # all. Else whoever runs a server that hangs could close the provider to everybody.
        mark = f"{PREFIX}failed:{provider}:{registry}"
        await self._tell(outer, mark, ok=False, row=4 * LEAST_IN_WINDOW)

    async def _tell(
        self,
        *keys: str,
        ok: bool,
        pause_s: float = 0.0,
        row: int = FAILURES_IN_A_ROW,
        idle_s: int = IDLE_S,
    ) -> None:
        arguments = [
            int(ok), 1000 * min(pause_s, IDLE_S), random.random(), row, int(1000 * WINDOW_S),  # noqa: S311 - jitter
            LEAST_IN_WINDOW, FAILED_SHARE, 1000 * OPEN_S, 1000 * MOST_OPEN_S, idle_s,
        ]  # fmt: skip
        try:
            await self._report(keys=keys, args=arguments)
        except (RedisError, OSError):
            return  # what is not counted now is counted at the next failure

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()


def circuits(provider: str, registry: str) -> tuple[str, str]:
    """Keys of the provider's circuit and of its registry's (the same one where it has none)."""
    outer = f"{PREFIX}circuit:{provider}"
    return outer, f"{outer}:{registry}" if registry else outer


def open_providers(client: Any, names: Iterable[str]) -> Mapping[str, float]:
    """Seconds for which a provider's whole circuit stays open, of those that are open; for the dispatcher."""
    names = list(names)
    seconds, micros = client.time()
    now_ms = seconds * 1000 + micros / 1000
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.hget(f"{PREFIX}circuit:{name}", "open_until")
        said = pipeline.execute()
    left = {name: (float(until) - now_ms) / 1000 for name, until in zip(names, said, strict=True) if until}
    return {name: wait_s for name, wait_s in left.items() if wait_s > 0}
