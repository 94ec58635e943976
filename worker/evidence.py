"""Which dispatched chunks the broker still holds: what the lists and the unacknowledged tasks say."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

POPPED_S = 10.0
"""A task that a worker took is claimed at once; one that is unclaimed so long after was taken by a dead worker."""
MOST_TASKS = 20_000


def dispatch_ids(client: redis.Redis, lane: str) -> set[int]:
    """Dispatch ids in the lane's list, and in tasks that a worker took lately and has not acknowledged.

    Raises RedisError when the broker does not answer.
    """
    since = time.time() - POPPED_S
    # Lists first: a task that moves from the list to `unacked` between two commands would be seen in neither.
    with client.pipeline(transaction=True) as pipe:
        pipe.lrange(lane, 0, MOST_TASKS)
        pipe.zrangebyscore("unacked_index", since, "+inf")
        waiting, tags = pipe.execute()
    taken = client.hmget("unacked", tags) if tags else []
    found: set[int] = set()
    for task in waiting:
        found.update(_ids(task))
    for entry in taken:
        found.update(_ids(_first(entry)))
    return found


def _first(entry: bytes | str | None) -> Any:
    """An entry of `unacked` is a list of the task, its exchange and its routing key."""
    try:
        return json.loads(entry or b"")[0]
    except (ValueError, TypeError, LookupError):
        return None


def _ids(task: Any) -> Iterator[int]:
    """Dispatch ids in one task; none where it is garbage."""
    try:
        message = json.loads(task) if isinstance(task, bytes) else task
        arguments = json.loads(base64.b64decode(message["body"]))[0]
        yield from [int(dispatch) for _, dispatch in arguments[0]]
    except (ValueError, TypeError, LookupError):
        return
