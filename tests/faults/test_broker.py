"""The broker killed, emptied, full, and behind a network that drops; and what strangers push into it."""

from __future__ import annotations

import base64
import json
import time

from scorelane.enqueuer import wire


def test_a_killed_broker_costs_nothing(rig, tenant):
    load = rig.load(tenant, rig.scale.messages)
    time.sleep(0.5)
    rig.stack.valkey.kill()
    time.sleep(min(3.0, rig.scale.outage_s))
    rig.stack.valkey.start()
    rig.lifted(f"broker killed, back after {min(3.0, rig.scale.outage_s):.0f} s")
    rig.audit(tenant, load.finish())


def test_a_broker_that_is_long_away_costs_nothing(rig, tenant):
    load = rig.load(tenant, rig.scale.messages)
    time.sleep(0.5)
    rig.stack.valkey.kill()
    time.sleep(rig.scale.outage_s)
    rig.stack.valkey.start()
    rig.lifted(f"broker killed, back after {rig.scale.outage_s:.0f} s")
    rig.audit(tenant, load.finish())


def test_an_emptied_broker_gets_everything_again(rig, tenant):
    load = rig.load(tenant, rig.scale.messages)
    with rig.broker() as broker:
        for _ in range(3):
            time.sleep(0.3)
            broker.flushall()
    rig.lifted("FLUSHALL three times in mid-run")
    rig.audit(tenant, load.finish())


def test_a_full_broker_is_waited_out(rig, tenant):
    with rig.broker() as broker:
        load = rig.load(tenant, rig.scale.messages)
        time.sleep(0.3)
        broker.config_set("maxmemory", "1mb")
        time.sleep(rig.scale.outage_s)
        broker.config_set("maxmemory", "512mb")
    rig.lifted(f"broker out of memory for {rig.scale.outage_s:.0f} s")
    rig.audit(tenant, load.finish())


def test_a_network_that_freezes_is_waited_out(rig, tenant):
    load = rig.load(tenant, rig.scale.messages)
    time.sleep(0.3)
    rig.proxy.freeze()
    time.sleep(rig.scale.freeze_s)
    rig.proxy.thaw()
    rig.lifted(f"broker behind a proxy that freezes for {rig.scale.freeze_s:.0f} s")
    rig.audit(tenant, load.finish())


def _task(task="scorelane.score_chunks", body=None, **headers):
    arguments = [[[1, 1]]] if body is None else body
    return json.dumps(
        {
            "body": base64.b64encode(json.dumps([arguments, {}, {}]).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"lang": "py", "task": task, "id": "stranger", "root_id": "stranger", **headers},
            "properties": {
                "correlation_id": "stranger",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "realtime"},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": f"stranger-{time.monotonic_ns()}",
            },
        }
    ).encode()


STRANGERS = {
    "text": b"garbage",
    "bytes": b"\xff\xfe\x00\x01",
    "number": b"17",
    "empty object": b"{}",
    "list": b"[1, 2, 3]",
    "no properties": b'{"body": "e30=", "headers": {}}',
    "bad base64": _task().replace(b'"body": "', b'"body": "a'),
    "unknown task": _task("os.system"),
    "no id": _task().replace(b'"id": "stranger", ', b""),
    "pickle": _task().replace(b"application/json", b"application/x-python-serialize"),
    "unknown encoding": _task().replace(b'"base64"', b'"base65"'),
    "no body": _task().replace(b'"body"', b'"soul"'),
    "text for pairs": _task(body=["abc"]),
    "negative pairs": _task(body=[[[-1, 5]]]),
    "floats": _task(body=[[[1.5, 2]]]),
    "too many pairs": _task(body=[[[n, n] for n in range(1, 100_000)]]),
    "no argument": _task(body=[]),
    "named": _task(body=[[[1, 1]], 7]),
    "oversized": _task(body=["x" * 8_000_000]),
}


def test_strangers_in_a_lane_are_counted_and_dropped(rig, tenant):
    """Each kind goes in front of real work, which must come through; one discard is counted for each."""
    before = _discarded(rig)
    mains = [rig.pid("worker-realtime"), rig.pid("worker-bulk")]
    accepted = rig.accept(tenant, rig.mail(20), lane="realtime")
    with rig.broker() as broker:
        for stranger in STRANGERS.values():
            broker.lpush("realtime", stranger)
            broker.lpush("backfill", stranger)
    accepted += rig.accept(tenant, rig.mail(20), lane="realtime")
    accepted += rig.accept(tenant, rig.mail(20), lane="backfill")
    rig.lifted(f"{2 * len(STRANGERS)} unknown, broken and oversized payloads")
    rig.audit(tenant, accepted)
    rig.wait_until(lambda: _discarded(rig) - before == 2 * len(STRANGERS), "every stranger is counted")
    assert [rig.pid("worker-realtime"), rig.pid("worker-bulk")] == mains


def test_a_stranger_with_a_stale_fence_finds_nothing(rig, tenant):
    """A well-formed task that nobody dispatched is dropped without a trace in the results."""
    accepted = rig.accept(tenant, rig.mail(20), lane="realtime")
    rig.wait_until(lambda: rig._open(tenant) == 0, "scored")
    pairs = [[rig.one("SELECT max(id) FROM chunks"), 1]]
    assert wire.unpack([pairs]) == [tuple(pairs[0])]
    with rig.broker() as broker:
        broker.lpush("realtime", _task(body=[pairs]))
    rig.audit(tenant, accepted)


def _discarded(rig):
    return rig.one("SELECT coalesce(sum(value), 0)::integer FROM counters WHERE name = 'discarded'")
