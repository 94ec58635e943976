"""Workers killed, frozen, poisoned and deployed under load."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from db import dead_letters
from scorelane.enqueuer import Enqueuer
from worker.processes import Group
from worker.watchdog import Watchdog


def test_killed_workers_lose_nothing(rig, tenant):
    """Mains and children die at random under load."""
    chance = random.Random(rig.scale.kills)
    load = rig.load(tenant, rig.scale.messages, lasting=True)
    for number in range(rig.scale.kills):
        time.sleep(chance.uniform(0.1, 0.8))
        name = chance.choice(["worker-realtime", "worker-bulk"])
        rig.wait_until(lambda name=name: rig.children(name), f"{name} has children")
        victims = rig.children(name) if number % 2 else [rig.process(name).pid]
        rig.kill(chance.choice(victims or [rig.process(name).pid]))
    rig.lifted(f"{rig.scale.kills} SIGKILLs of workers")
    rig.audit(tenant, load.finish())


def test_a_task_that_a_frozen_worker_took_is_published_again(rig, tenant):
    """Its connection waits in BRPOP, so the broker hands the task to a process that will never read it."""
    main = rig.pid("worker-realtime")
    accepted = 0
    with Enqueuer(rig.stack.worker_url, rig.stack.broker_url) as door, rig.broker() as broker:

        def accept():
            return len(door.accept(rig.mail(10), tenant=tenant, mailbox="all@acme.test", lane="realtime"))

        accepted += accept()
        for _ in range(20):
            rig.wait_until(lambda: rig.blocked() == 2 and not broker.hlen("unacked"), "both workers are idle")
            rig.kill(main, signal.SIGSTOP)
            waits = rig.blocked() == 2
            accepted += accept()
            if waits and broker.llen("realtime") == 0 and not broker.hlen("unacked"):
                break
            rig.kill(main, signal.SIGCONT)
        else:
            pytest.fail("the broker never handed a task to the frozen worker")
    rig.kill(main)
    rig.lifted("SIGSTOP, publish, SIGKILL of an idle worker")
    rig.audit(tenant, accepted)


def test_a_silent_worker_is_replaced(rig, tenant):
    """Frozen, it is alive by every sign; only that its lane has work and nobody takes any gives it away."""
    groups = [Group("realtime", ("interactive", "realtime"), 1), Group("bulk", ("rescan", "backfill"), 1)]
    main = rig.pid("worker-realtime")
    with Watchdog(
        rig.processes, groups, rig.stack.worker_url, rig.stack.broker_url, stall_s=rig.scale.stall_s, start_s=15
    ) as watchdog:
        rig.kill(main, signal.SIGSTOP)
        accepted = rig.accept(tenant, rig.mail(30), lane="realtime")
        rig.lifted(f"a silent worker, replaced after {watchdog.stall_s:.0f} s without progress")
        rig.audit(tenant, accepted)
    assert rig.pid("worker-realtime") != main
    assert rig.one("SELECT sum(value)::integer FROM counters WHERE name = 'replaced'") >= 1


def test_a_slow_worker_that_lost_its_fence_writes_nothing(rig, tenant):
    """Once with the whole chunk computed, once in mid-chunk, when some of its messages are saved one by one."""
    flag = rig.flag("slow", "1.0")
    accepted = rig.accept(tenant, rig.mail(4, "slow"))
    log = Path(rig.stack.home) / "log" / "worker-bulk.log"
    already = log.read_text().count('"fence_lost"')

    def overtake(attempt, saved):
        """End the lease of the chunk under way, as if its worker had been away for as long."""
        rig.wait_until(
            lambda: rig.one(
                "SELECT count(*) FROM chunks c JOIN tenants t ON t.id = c.tenant_id "
                "WHERE t.name = %s AND c.state = 'claimed' AND c.attempt = %s AND "
                "(SELECT count(*) FROM message_state s WHERE s.tenant_id = t.id AND s.state = 'scored') >= %s",
                tenant, attempt, saved,
            ),
            f"attempt {attempt} is under way",
        )  # fmt: skip
        with rig.sql() as sql:
            sql.execute("UPDATE chunks SET lease_until = now() - interval '1 s' WHERE state = 'claimed'")

    overtake(1, 0)
    overtake(2, 1)
    flag.unlink()
    rig.lifted("a worker that loses its fence, twice")
    rig.audit(tenant, accepted)
    assert log.read_text().count('"fence_lost"') - already >= 1
    assert (
        rig.one("SELECT max(attempt) FROM chunks c JOIN tenants t ON t.id = c.tenant_id WHERE t.name = %s", tenant) == 3
    )


def test_poison_alone_reaches_dead_letters_and_comes_back_after_a_fix(rig, tenant):
    flag = rig.flag("poison")
    mail = [*rig.mail(20), *rig.mail(1, "poison"), *rig.mail(20)]
    accepted = rig.accept(tenant, mail)
    rig.lifted("a message that kills its worker three times")
    rig.audit(tenant, accepted, dead=1)
    with rig.sql() as sql:
        (letter,) = dead_letters.listing(sql, tenant=tenant)
        assert letter.attempts == 3
        assert "died" in letter.error
        flag.unlink()
        assert dead_letters.replay(sql, letter.id, "ann")
    rig.audit(tenant, accepted)


def test_a_deploy_redoes_no_message(rig, tenant):
    load = rig.load(tenant, rig.scale.messages, lasting=True)
    names = ["worker-realtime", "worker-bulk"]
    slowest = 0.0
    for number in range(rig.scale.kills):
        time.sleep(0.3)
        name = names[number % 2]
        pid = rig.pid(name)
        started = time.monotonic()
        rig.kill(pid, signal.SIGTERM)
        try:
            rig.wait_until(lambda pid=pid, name=name: rig.process(name).pid != pid, "the worker ended", 20)
        except AssertionError:
            rig.kill(pid, signal.SIGUSR1)  # Celery writes every thread's stack into its log
            raise
        slowest = max(slowest, time.monotonic() - started)
        rig.wait_until(rig.all_ready, "the next worker is ready")
    rig.lifted(f"{rig.scale.kills} SIGTERMs of workers (slowest end {slowest:.1f} s)")
    accepted = load.finish()
    rig.audit(tenant, accepted)
    redone = rig.one(
        "SELECT count(*) FROM chunks c JOIN tenants t ON t.id = c.tenant_id WHERE t.name = %s AND attempt > 1", tenant
    )
    assert redone == 0
