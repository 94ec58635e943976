"""The live bundle beside the one in shadow, over what both scored, and the bundles that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from db.labels import STANDING

if TYPE_CHECKING:
    from datetime import datetime

    from db.session import Connection

MOST_COMPARED = 20_000


class Listed(NamedTuple):
    """One registered bundle."""

    digest: str
    name: str
    path: str
    signal_set: str
    registered_at: datetime
    stored: bool
    """Its content is in the database, so that it needs no folder."""


class Cell(NamedTuple):
    """Messages that got these two verdicts."""

    live: str
    shadow: str
    messages: int
    mean_shift: float
    """By how much the shadow's log-odds lie above the live one's."""
    unwanted: int
    """Of these, messages whose standing label is attack or spam."""
    legitimate: int


class Bin(NamedTuple):
    """Messages whose log-odds lie in one span, by each bundle."""

    live: int
    shadow: int


class Scope(NamedTuple):
    """Two bundles, over the newest MOST_COMPARED messages that both scored: of one tenant or all, since a time."""

    live: str
    shadow: str
    tenant_id: int | None = None
    since: datetime | None = None


def listing(connection: Connection, limit: int = 20) -> list[Listed]:
    """Bundles, newest first."""
    rows = connection.execute(
        "SELECT digest, name, path, signal_set, registered_at, content IS NOT NULL FROM bundles "
        "ORDER BY registered_at DESC, digest LIMIT %s",
        (limit,),
    ).fetchall()
    return [Listed(*row) for row in rows]  # type: ignore[arg-type]


_BOTH = """both_scored AS MATERIALIZED (
    SELECT s.message_id, s.tenant_id, s.verdict AS live, h.verdict AS shadow,
           s.log_odds AS live_log_odds, h.log_odds AS shadow_log_odds
    FROM (SELECT message_id, revision, verdict, log_odds FROM shadow_scores
          WHERE bundle = %(shadow)s AND (%(tenant)s::integer IS NULL OR tenant_id = %(tenant)s)
            AND (%(since)s::timestamptz IS NULL OR known_at >= %(since)s)
          ORDER BY message_id DESC, revision DESC LIMIT %(most)s) h
    JOIN scores s ON s.message_id = h.message_id AND s.revision = h.revision AND s.bundle = %(live)s)"""


def cells(connection: Connection, scope: Scope) -> list[Cell]:
    """Verdicts of both bundles, and what people said of the messages, as counts."""
    rows = connection.execute(
        f"""WITH {_BOTH}
            SELECT b.live, b.shadow, count(*), avg(b.shadow_log_odds - b.live_log_odds),
                   count(*) FILTER (WHERE l.label IN ('attack', 'spam')), count(*) FILTER (WHERE l.label = 'legitimate')
            FROM both_scored b
            LEFT JOIN LATERAL (
                SELECT l.label FROM labels l
                WHERE l.tenant_id = b.tenant_id AND l.message_id = b.message_id AND {STANDING}
                ORDER BY l.id DESC LIMIT 1) l ON true
            GROUP BY b.live, b.shadow ORDER BY b.live, b.shadow""",  # noqa: S608 - constants
        _given(scope),
    ).fetchall()
    return [Cell(*row) for row in rows]  # type: ignore[arg-type]


def bins(connection: Connection, scope: Scope) -> list[Bin]:
    """How the log-odds of both are distributed over the tenths of the live one's, from low to high."""
    rows = connection.execute(
        f"""WITH {_BOTH}, edges AS (
                SELECT array_agg(DISTINCT edge ORDER BY edge) AS found FROM (
                    SELECT unnest(percentile_disc(ARRAY[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
                                  WITHIN GROUP (ORDER BY live_log_odds)) AS edge FROM both_scored) tenths),
            placed AS (
                SELECT width_bucket(live_log_odds, found) AS bin, 1 AS live, 0 AS shadow FROM both_scored, edges
                UNION ALL
                SELECT width_bucket(shadow_log_odds, found), 0, 1 FROM both_scored, edges)
            SELECT sum(live)::integer, sum(shadow)::integer FROM placed GROUP BY bin ORDER BY bin""",  # noqa: S608 - likewise
        _given(scope),
    ).fetchall()
    return [Bin(*row) for row in rows]  # type: ignore[arg-type]


def disagreements(connection: Connection, scope: Scope, limit: int) -> list[dict[str, Any]]:
    """The newest messages of the same span to which the two gave different verdicts."""
    cursor = connection.execute(
        f"""WITH {_BOTH}
            SELECT b.message_id, b.live, b.shadow, b.live_log_odds, b.shadow_log_odds, m.subject, m.sender
            FROM both_scored b JOIN message_state m ON m.message_id = b.message_id
            WHERE b.live <> b.shadow ORDER BY b.message_id DESC LIMIT %(limit)s""",  # noqa: S608 - likewise
        {**_given(scope), "limit": limit},
    )
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _given(scope: Scope) -> dict[str, Any]:
    return {
        "live": scope.live,
        "shadow": scope.shadow,
        "tenant": scope.tenant_id,
        "since": scope.since,
        "most": MOST_COMPARED,
    }
