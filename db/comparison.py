"""The live bundle beside the one in shadow, over what both scored, and the bundles that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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
    """How many messages got these two verdicts, and by how much the shadow's log-odds lie above the live one's."""

    live: str
    shadow: str
    messages: int
    mean_shift: float


def listing(connection: Connection, limit: int = 20) -> list[Listed]:
    """Bundles, newest first."""
    rows = connection.execute(
        "SELECT digest, name, path, signal_set, registered_at, content IS NOT NULL FROM bundles "
        "ORDER BY registered_at DESC, digest LIMIT %s",
        (limit,),
    ).fetchall()
    return [Listed(*row) for row in rows]  # type: ignore[arg-type]


def cells(connection: Connection, live: str, shadow: str) -> list[Cell]:
    """Verdicts of both bundles over the newest MOST_COMPARED messages that the pair scored, as counts."""
    rows = connection.execute(
        """SELECT s.verdict, h.verdict, count(*), avg(h.log_odds - s.log_odds)
           FROM (SELECT message_id, revision, verdict, log_odds FROM shadow_scores WHERE bundle = %(shadow)s
                 ORDER BY message_id DESC, revision DESC LIMIT %(most)s) h
           JOIN scores s ON s.message_id = h.message_id AND s.revision = h.revision AND s.bundle = %(live)s
           GROUP BY s.verdict, h.verdict""",
        {"live": live, "shadow": shadow, "most": MOST_COMPARED},
    ).fetchall()
    return [Cell(*row) for row in rows]  # type: ignore[arg-type]


def disagreements(connection: Connection, live: str, shadow: str, limit: int) -> list[dict[str, Any]]:
    """The newest messages of the same span to which the two gave different verdicts."""
    cursor = connection.execute(
        """SELECT h.message_id, s.verdict AS live, h.verdict AS shadow, s.log_odds AS live_log_odds,
                  h.log_odds AS shadow_log_odds, m.subject, m.sender
           FROM (SELECT message_id, revision, verdict, log_odds FROM shadow_scores WHERE bundle = %(shadow)s
                 ORDER BY message_id DESC, revision DESC LIMIT %(most)s) h
           JOIN scores s ON s.message_id = h.message_id AND s.revision = h.revision AND s.bundle = %(live)s
           JOIN message_state m ON m.message_id = h.message_id
           WHERE s.verdict <> h.verdict ORDER BY h.message_id DESC LIMIT %(limit)s""",
        {"live": live, "shadow": shadow, "most": MOST_COMPARED, "limit": limit},
    )
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
