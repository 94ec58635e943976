"""``scorelane doctor``: is everything there and at work; one line a check, with what to do where it is not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from scorelane.cli import output
from scorelane.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from db.session import Connection

OK, WORRY, BAD = "ok", "worry", "bad"
OLDEST_SERVER = 150_000
LATE_S = 60.0
"""A message that waits longer in an urgent lane is worth a look."""
REACHES = timedelta(seconds=10)
"""A flip of the pointer has reached every worker by then."""
URGENT = ("interactive", "realtime")


class Finding(NamedTuple):
    """What one check found."""

    check: str
    state: str
    """OK, WORRY for what needs a look, BAD for what stops work."""
    said: str


def doctor(*, as_json: bool) -> int:
    """Print every finding; 1 when something is bad."""
    found = list(_findings(Settings()))
    if as_json:
        output.json_array(one._asdict() for one in found)
    else:
        output.table("", Finding._fields, found)
    return int(any(one.state == BAD for one in found))


def _findings(settings: Settings) -> Iterator[Finding]:
    import psycopg

    from db.session import connect

    try:
        with connect(settings.database_url, application="scorelane-doctor") as connection:
            schema = _schema(connection)
            yield from (_server(connection), schema)
            if schema.state != BAD:
                for check in (_partitions, _dispatcher, _waiting, _dead_letters, _live, _shadow, _scores):
                    yield check(connection)
    except psycopg.OperationalError as fault:
        line = str(fault).strip().splitlines()[0]
        yield Finding("database", BAD, f"does not answer: {line}; see SCORELANE_DATABASE_URL, or: scorelane up")
    yield _broker(settings.broker_url)
    yield _shipped()


def _server(connection: Connection) -> Finding:
    from db import health

    version, role = health.server(connection)
    said = f"PostgreSQL {version // 10_000}.{version % 10_000}, as {role}"
    if version < OLDEST_SERVER:
        return Finding("database", BAD, f"{said}; 15 or newer is needed")
    return Finding("database", OK, said)


def _schema(connection: Connection) -> Finding:
    from db import health, migrate

    stands, head = health.schema(connection), migrate.heads()[0]
    if stands == head:
        return Finding("schema", OK, f"at {head}")
    return Finding("schema", BAD, f"at {stands or 'nothing'}, this version needs {head}; run: scorelane migrate")


def _partitions(connection: Connection) -> Finding:
    from db import partitions

    strays = partitions.strays(connection)
    if strays:
        named = ", ".join(strays)
        return Finding("partitions", BAD, f"rows of a month that has none in {named}; see docs/reliability.md")
    ahead = partitions.months_ahead(connection)
    return Finding("partitions", OK if ahead else BAD, f"for {ahead} months ahead; the dispatcher makes them")


def _dispatcher(connection: Connection) -> Finding:
    from db import health

    holder = health.dispatcher(connection)
    if holder is None:
        return Finding("dispatcher", BAD, "nobody leads, so no lane is fed; start one: python -m worker.dispatcher")
    return Finding("dispatcher", OK, f"{holder} leads")


def _waiting(connection: Connection) -> Finding:
    from db import lanes

    states = [state for state in lanes.states(connection) if state.oldest_s]
    said = ", ".join(f"{state.name} {state.oldest_s:.0f} s" for state in states) or "nothing"
    late = any(state.name in URGENT and (state.oldest_s or 0) > LATE_S for state in states)
    return Finding("oldest waiting", WORRY if late else OK, said + ("; see: scorelane lanes" if late else ""))


def _dead_letters(connection: Connection) -> Finding:
    from db import dead_letters

    count = dead_letters.open_count(connection)
    if count:
        return Finding("dead letters", WORRY, f"{count} open; see: scorelane dead-letters list")
    return Finding("dead letters", OK, "none open")


def _live(connection: Connection) -> Finding:
    from db import bundles

    pointer = bundles.current(connection)
    if pointer is None:
        return Finding("live bundle", BAD, "none, so nothing is scored; first: scorelane model promote BUNDLE")
    return _loaded(connection, "live bundle", pointer.live, pointer.live_path, BAD)


def _shadow(connection: Connection) -> Finding:
    from db import bundles

    pointer = bundles.current(connection)
    if pointer is None or pointer.shadow is None:
        return Finding("shadow bundle", OK, "none")
    return _loaded(connection, "shadow bundle", pointer.shadow, pointer.shadow_path or "", WORRY)


def _loaded(connection: Connection, what: str, digest: str, path: str, otherwise: str) -> Finding:
    from scorelane import stored_bundles
    from scorelane.scoring import BundleMismatch

    try:
        bundle = stored_bundles.load(connection, digest, path)
    except BundleMismatch as fault:
        return Finding(what, otherwise, str(fault))
    return Finding(what, OK, f"{bundle.name} ({digest[:12]}) loads")


def _scores(connection: Connection) -> Finding:
    from db import bundles, health

    last, pointer = health.last_score(connection), bundles.current(connection)
    if last is None or pointer is None:
        return Finding("last score", OK, "none yet")
    said = f"{last.known_at:%Y-%m-%d %H:%M:%S %Z} by bundle {last.bundle[:12]}"
    flipped_at = next(place.since for place in bundles.places(connection) if place.role == "live")
    if last.pointer < pointer.version and last.known_at > flipped_at + REACHES:
        return Finding("last score", WORRY, f"{said}, though {pointer.live[:12]} was live: see the workers' logs")
    return Finding("last score", OK, said)


def _broker(url: str) -> Finding:
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            about = client.info()
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "")
    except redis.RedisError as fault:
        return Finding("broker", BAD, f"does not answer: {fault}; see SCORELANE_BROKER_URL, or: scorelane up")
    # Valkey gives in redis_version the Redis that it began as.
    version = about.get("valkey_version") or about.get("redis_version")
    said = f"{about.get('server_name', 'redis')} {version}, {about.get('used_memory_human')}"
    if policy not in ("", "noeviction"):
        return Finding("broker", WORRY, f"{said}; it may evict queued work: set maxmemory-policy noeviction")
    return Finding("broker", OK, said)


def _shipped() -> Finding:
    from scorelane.scoring import Bundle, BundleMismatch, default_bundle_path

    try:
        return Finding("shipped bundle", OK, f"{Bundle.load(default_bundle_path()).name} loads")
    except BundleMismatch as fault:
        return Finding("shipped bundle", BAD, str(fault))
