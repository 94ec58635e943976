"""The contract between whoever publishes and the workers: Celery's settings, task names, payloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorelane.enqueuer.lanes import LANES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from celery import Celery

SCORE_CHUNKS = "scorelane.score_chunks"
ENRICH = "scorelane.enrich"
EPOCH_KEY = "scorelane:epoch"
"""Set by the dispatcher; its absence says that Redis was emptied."""


def make_app(broker_url: str, *, visibility_timeout_s: int = 120) -> Celery:
    """The Celery application that every process shares: same settings, no result backend, JSON only."""
    from celery import Celery  # noqa: PLC0415 - loaded at the first publish, not at import
    from kombu.entity import Queue  # noqa: PLC0415

    app = Celery("scorelane", broker=broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=False,
        task_create_missing_queues=False,
        task_queues=[Queue(name) for name in LANES],  # type: ignore[no-untyped-call]
        task_default_queue="realtime",
        task_send_sent_event=True,
        worker_send_task_events=True,
        task_track_started=True,
        task_time_limit=60,
        worker_prefetch_multiplier=1,
        worker_proc_alive_timeout=60,
        worker_lost_wait=1.0,  # how long after a child died its result may still come through the pipe
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        broker_transport_options={
            "visibility_timeout": visibility_timeout_s,
            "unacked_restore_interval": max(1, min(10, visibility_timeout_s // 4)),
            "unacked_restore_throttle": 1,  # kombu looks at every tenth interval only
            "unacked_mutex_expire": 30,  # a worker killed while it restores must not stop the others for 5 minutes
            "priority_steps": [0],
            "queue_order_strategy": "round_robin",
            "health_check_interval": 10,
            "socket_timeout": 15,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
        },
        timezone="UTC",
        enable_utc=True,
    )
    return app


def describe(lane: str, parts: Sequence[tuple[int, int, str]]) -> str:
    """What Flower shows of a task: ``chunk 812 · realtime · 64 messages · acme`` (id, messages, tenant)."""
    first = parts[0]
    messages = sum(part[1] for part in parts)
    tenants = sorted({part[2] for part in parts})
    who = tenants[0] if len(tenants) == 1 else f"{len(tenants)} tenants"
    what = f"chunk {first[0]}" if len(parts) == 1 else f"chunks {first[0]} +{len(parts) - 1}"
    return f"{what} · {lane} · {messages} message{'' if messages == 1 else 's'} · {who}"


def pack(lane: str, work: Iterable[tuple[int, int, int, str]]) -> list[tuple[list[tuple[int, int]], str]]:
    """Group (chunk id, dispatch id, messages, tenant) into tasks of at most one chunk's size: (pairs, description)."""
    limit = LANES[lane].chunk_messages
    tasks: list[tuple[list[tuple[int, int]], str]] = []
    group: list[tuple[int, int, int, str]] = []
    for item in work:
        if group and sum(part[2] for part in group) + item[2] > limit:
            tasks.append(_task(lane, group))
            group = []
        group.append(item)
    if group:
        tasks.append(_task(lane, group))
    return tasks


MOST_PAIRS = 512
"""Most chunks of one task: as many as the largest chunk has messages."""


def unpack(arguments: object, named: object = None) -> list[tuple[int, int]]:
    """(chunk id, dispatch id) pairs of a task's arguments. Raises ValueError for anything that `pack` never made."""
    if named:
        raise ValueError("named arguments")
    if not isinstance(arguments, (list, tuple)) or len(arguments) != 1 or not isinstance(arguments[0], list):
        raise ValueError("not one list of pairs")
    pairs = arguments[0]
    if len(pairs) > MOST_PAIRS:
        raise ValueError(f"{len(pairs):,} chunks in one task, at most {MOST_PAIRS} are taken")
    if not all(isinstance(pair, list) and [type(one) for one in pair] == [int, int] for pair in pairs):
        raise ValueError("a pair is not two whole numbers")
    if not all(0 < one < 2**63 for pair in pairs for one in pair):
        raise ValueError("a number is out of range")
    return [(pair[0], pair[1]) for pair in pairs]


def _task(lane: str, group: Sequence[tuple[int, int, int, str]]) -> tuple[list[tuple[int, int]], str]:
    pairs = [(chunk, dispatch) for chunk, dispatch, _, _ in group]
    return pairs, describe(lane, [(chunk, messages, tenant) for chunk, _, messages, tenant in group])
