"""Stored facts: what was known of entities at a time, and what feeds and lists say of many at once. Append-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from db.session import Connection

COVERS = "*"
"""Entity of the fact that says a list covers its kind."""


class Known(NamedTuple):
    """One stored fact."""

    id: int
    provider: str
    kind: str
    entity: str
    status: str
    value: float | None


class Import(NamedTuple):
    """What an import changed."""

    id: int
    entries: int
    added: int
    removed: int
    bad: list[str]
    """Entities that were not on the list before."""


def any_stored(connection: Connection) -> bool:
    """Whether there are facts at all; without providers and feeds nothing else need be asked."""
    row = connection.execute("SELECT EXISTS (SELECT FROM facts)").fetchone()
    return row is not None and bool(row[0])


def known(connection: Connection, entities: Iterable[str], as_of: datetime | None = None) -> dict[str, list[Known]]:
    """By entity, each provider's last usable word on each kind, as it was known at a time (None: now).

    Facts that say "this list covers its kind" stand under `COVERS`.
    """
    rows = connection.execute(
        """SELECT DISTINCT ON (entity, kind, provider) id, provider, kind, entity, status, value
           FROM facts, (SELECT coalesce(%(at)s, clock_timestamp()) AS time) AS moment
           WHERE entity = ANY (%(entities)s) AND known_at <= moment.time
             AND (usable_until IS NULL OR usable_until > moment.time)
           ORDER BY entity, kind, provider, known_at DESC, id DESC""",
        {"entities": [*set(entities), COVERS], "at": as_of},
    ).fetchall()
    return _by_entity(Known(*row) for row in rows)  # type: ignore[arg-type]


def by_id(connection: Connection, ids: Sequence[int]) -> dict[str, list[Known]]:
    """The facts that a stored context names, by entity."""
    rows = connection.execute(
        "SELECT id, provider, kind, entity, status, value FROM facts WHERE id = ANY (%s) ORDER BY id", (list(ids),)
    ).fetchall()
    return _by_entity(Known(*row) for row in rows)  # type: ignore[arg-type]


def fresh(
    connection: Connection, requests: Sequence[tuple[str, str]]
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Of requests, those whose answer is fresh, and those whose answer is old but still usable."""
    rows = connection.execute(
        """SELECT n.provider, n.entity, coalesce(l.fresh_until > clock_timestamp(), false),
                  EXISTS (SELECT FROM facts f WHERE f.entity = n.entity AND f.provider = n.provider
                            AND f.status IN ('ok', 'not_found') AND f.usable_until > clock_timestamp())
           FROM unnest(%s::text[], %s::text[]) AS n (provider, entity)
           LEFT JOIN lookups l ON l.provider = n.provider AND l.entity = n.entity
           WHERE l.provider IS NOT NULL""",
        ([r[0] for r in requests], [r[1] for r in requests]),
    ).fetchall()
    answers = {(str(p), str(e)): (bool(is_fresh), bool(usable)) for p, e, is_fresh, usable in rows}
    return (
        {pair for pair, (is_fresh, _) in answers.items() if is_fresh},
        {pair for pair, (is_fresh, usable) in answers.items() if usable and not is_fresh},
    )


def import_list(
    connection: Connection,
    *,
    feed: str,
    kind: str,
    author: str,
    entries: Iterable[tuple[str, float, datetime | None]],
) -> Import:
    """Make a feed's list the given one, in one transaction: (entity, value, first seen or None for now).

    Entities that are new or have another value get a fact; those that are gone get one with value 0; the rest keeps
    the facts it has, so that importing the same list again writes nothing.
    """
    provider = f"feed:{feed}"
    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"{provider} {kind}",))
        connection.execute(
            "CREATE TEMPORARY TABLE incoming (entity text, value float8, seen timestamptz) ON COMMIT DROP"
        )
        with connection.cursor().copy("COPY incoming FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["text", "float8", "timestamptz"])
            for entry in entries:
                copy.write_row(entry)
        connection.execute(
            """CREATE TEMPORARY TABLE listed ON COMMIT DROP AS
               SELECT entity, max(value) AS value, min(seen) AS seen FROM incoming GROUP BY entity"""
        )
        connection.execute(
            """CREATE TEMPORARY TABLE held ON COMMIT DROP AS
               SELECT entity, value FROM (
                   SELECT DISTINCT ON (entity) entity, value FROM facts WHERE provider = %s AND kind = %s
                   ORDER BY entity, known_at DESC, id DESC) last WHERE value > 0 AND entity <> %s""",
            (provider, kind, COVERS),
        )
        connection.execute("ANALYZE listed, held")
        added = connection.execute(
            """INSERT INTO facts (provider, kind, entity, status, value, observed_at)
               SELECT %s, %s, l.entity, 'ok', l.value, least(coalesce(l.seen, clock_timestamp()), clock_timestamp())
               FROM listed l LEFT JOIN held h USING (entity) WHERE h.entity IS NULL OR h.value IS DISTINCT FROM l.value
               RETURNING entity""",
            (provider, kind),
        ).fetchall()
        fresh_ones = connection.execute(
            "SELECT l.entity FROM listed l LEFT JOIN held h USING (entity) WHERE h.entity IS NULL ORDER BY 1"
        ).fetchall()
        removed = connection.execute(
            """INSERT INTO facts (provider, kind, entity, status, value, observed_at)
               SELECT %s, %s, h.entity, 'ok', 0, clock_timestamp()
               FROM held h LEFT JOIN listed l USING (entity) WHERE l.entity IS NULL""",
            (provider, kind),
        ).rowcount
        connection.execute(
            """INSERT INTO facts (provider, kind, entity, status, value, observed_at)
               SELECT %(provider)s, %(kind)s, %(covers)s, 'ok', 0, clock_timestamp()
               WHERE NOT EXISTS (SELECT FROM facts WHERE provider = %(provider)s AND kind = %(kind)s
                                   AND entity = %(covers)s)""",
            {"provider": provider, "kind": kind, "covers": COVERS},
        )
        row = connection.execute(
            """INSERT INTO feed_imports (feed, kind, author, entries, added, removed)
               SELECT %s, %s, %s, count(*), %s, %s FROM listed RETURNING id, entries""",
            (feed, kind, author, len(added), removed),
        ).fetchone()
        assert row is not None
    return Import(int(str(row[0])), int(str(row[1])), len(added), removed, [str(entity) for (entity,) in fresh_ones])


def forget(connection: Connection, most: int = 50_000) -> int:
    """Delete facts that no stored score can have used and that say nothing of today; how many, at most `most`.

    Scores go by whole months past the longest retention of any tenant, and so do these.
    """
    connection.execute(
        "DELETE FROM lookups WHERE state = 'resting' AND fresh_until < clock_timestamp() - interval '90 days'"
    )
    return connection.execute(
        """DELETE FROM facts WHERE id IN (
               SELECT f.id FROM facts f
               WHERE f.known_at < (SELECT date_trunc('month', clock_timestamp()
                                   - make_interval(days => coalesce(max(score_days), 400))) FROM tenants)
                 AND (f.usable_until < clock_timestamp() OR EXISTS (
                      SELECT FROM facts later WHERE later.entity = f.entity AND later.kind = f.kind
                        AND later.provider = f.provider AND later.known_at > f.known_at))
               LIMIT %s)""",
        (most,),
    ).rowcount


def feeds(connection: Connection) -> list[tuple[str, str, int, datetime, int]]:
    """(feed, kind, entries, last import, imports) of every list."""
    return connection.execute(
        """SELECT DISTINCT ON (feed, kind) feed, kind, entries, imported_at,
                  count(*) OVER (PARTITION BY feed, kind)
           FROM feed_imports ORDER BY feed, kind, imported_at DESC"""
    ).fetchall()  # type: ignore[return-value]


def _by_entity(facts: Iterable[Known]) -> dict[str, list[Known]]:
    found: dict[str, list[Known]] = {}
    for fact in facts:
        found.setdefault(fact.entity, []).append(fact)
    return found
