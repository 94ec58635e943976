"""The Celery application of the workers: ``celery -A worker.app worker -Q LANE[,LANE]``.

Prefork children open their own connections and load their own bundle; the parent gives a dead child's chunks back.
"""

from __future__ import annotations

import os
from typing import Any

# A forked child that predicts with OpenMP threads of its parent's library hangs.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import psycopg
import structlog
from billiard.exceptions import WorkerLostError
from celery.signals import setup_logging, worker_init, worker_process_init
from celery.worker.request import Request

import tasks.enrich
import tasks.score
from db import chunks, lanes, lookups
from db.session import connect
from scorelane.enqueuer import wire
from scorelane.enrichment import Catalogue
from scorelane.garbage import collect_seldom
from scorelane.logs import configure_logs
from scorelane.settings import Settings
from tasks.facts import Enrichment
from tasks.session import Session, place
from worker.consumer import Discards, install

log = structlog.get_logger()
settings = Settings()
app = wire.make_app(settings.broker_url, visibility_timeout_s=settings.visibility_timeout_s)
app.conf.task_time_limit = settings.task_time_limit_s
discards = Discards(lambda: settings.database_url)
install(app, discards)
enrichment = Enrichment(
    Catalogue.of(settings.enrichment),
    settings.broker_url,
    settings.enrichment_deadline_s,
    settings.enrichment_in_flight,
)
_session: Session | None = None


class LeaseRequest(Request):  # type: ignore[misc]
    """Gives the chunks of a child that died back at once, instead of when their lease ends."""

    def on_timeout(self, soft: bool, timeout: float) -> None:  # noqa: FBT001 - Celery's signature
        """Called in the parent when a task ran out of time."""
        super().on_timeout(soft, timeout)
        if not soft:
            self._release(f"ran longer than {timeout:.0f} s")

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Called in the parent when a task raised or its child died."""
        result = super().on_failure(exc_info, send_failed_event, return_ok)
        fault = getattr(exc_info.exception, "exc", exc_info.exception)  # billiard wraps what it carries over
        if isinstance(fault, WorkerLostError):
            self._release("its worker died")
        return result

    def _release(self, error: str) -> None:
        try:
            pairs = wire.unpack(self._payload[0])
            with connect(settings.database_url, application="scorelane-release") as connection:
                released = chunks.release(connection, pairs, error)
                if released:
                    lanes.count(connection, self.delivery_info["routing_key"], {"retried": released}, os.getpid())
        except (psycopg.Error, ValueError, LookupError):
            log.warning("release_left_to_lease", error=error)
        else:
            log.warning("lease_released", chunks=released, error=error)


class BatchRequest(LeaseRequest):
    """Makes the lookups of a child that died due again at once."""

    def _release(self, error: str) -> None:
        try:
            with connect(settings.database_url, application="scorelane-release") as connection:
                released = lookups.release(connection, int(self._payload[0][0]))
        except (psycopg.Error, ValueError, TypeError, IndexError):
            log.warning("release_left_to_lease", error=error)
        else:
            log.warning("lookups_released", lookups=released, error=error)


@app.task(name=wire.SCORE_CHUNKS, bind=True, Request=LeaseRequest, typing=False)  # type: ignore[untyped-decorator]
def score_chunks(task: Any, *payload: object, **named: object) -> None:
    """Score chunks of messages: each a chunk id with the dispatch id that fences it."""
    try:
        pairs = wire.unpack(payload, named)
    except ValueError as fault:
        discards.count((task.request.delivery_info or {}).get("routing_key"), f"bad payload: {fault}")
        return
    tasks.score.score_chunks(_own_session(), pairs)


@app.task(name=wire.ENRICH, bind=True, Request=BatchRequest, typing=False)  # type: ignore[untyped-decorator]
def enrich(task: Any, *payload: object, **_: object) -> None:
    """Ask providers about a batch of lookups, named by its id."""
    if len(payload) != 1 or not isinstance(payload[0], int):
        discards.count((task.request.delivery_info or {}).get("routing_key"), "bad payload: no batch id")
        return
    tasks.enrich.enrich(_own_session(), payload[0])


def _own_session() -> Session:
    global _session  # noqa: PLW0603 - one session a process, made after the fork
    if _session is None:
        _session = Session(
            settings.database_url, group=settings.worker_group, enrichment=enrichment, lists=settings.lists_folder
        )
    return _session


@setup_logging.connect  # type: ignore[untyped-decorator]
def _logs(**_: object) -> None:
    configure_logs(settings.log_level)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _warm(**_: object) -> None:
    """Load the bundle before the first chunk comes; without a database yet, the first chunk does it."""
    try:
        _own_session().warm()
    except Exception as fault:  # noqa: BLE001 - warming is optional, the task reports what is wrong
        log.warning("not_warmed", error=str(fault))
    collect_seldom()


@worker_init.connect  # type: ignore[untyped-decorator]
def _release_of_the_dead(**_: object) -> None:
    """Give back at once what workers of this place held when they died, instead of when their leases end."""
    try:
        with connect(settings.database_url, application="scorelane-release") as connection:
            held = chunks.claimed_at(connection, place())
            dead = [(chunk, dispatch) for chunk, dispatch, pid in held if not _alive(pid)]
            if dead and chunks.release(connection, dead, "its worker died"):
                log.warning("leases_of_the_dead_released", chunks=len(dead))
    except psycopg.Error:
        log.warning("release_left_to_lease")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
