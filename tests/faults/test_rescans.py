"""Rescans by the real dispatcher and workers: killed, paused, resumed, cancelled while they run."""

from __future__ import annotations

from db import jobs
from scorelane import rescans
from scorelane.rescans import Asked

RESULTS = "SELECT message_id, work, verdict, log_odds, category FROM rescan_results WHERE rescan_id = %s ORDER BY 1"


def begin(rig, tenant, messages=600):
    """Scored mail whose parsing a flag makes slow, and a function that starts a rescan of all of it from raw mail."""
    rig.audit(tenant, rig.accept(tenant, rig.mail(messages, subject="sluggish")))
    tenant_id = rig.one("SELECT id FROM tenants WHERE name = %s", tenant)

    def start():
        with rig.sql() as sql:
            wanted = rescans.wanted_by(sql, None)
            return rescans.start(sql, tenant_id, Asked(), wanted, as_of="now", actor="ann")[0]

    return start


def state(rig, rescan_id):
    with rig.sql() as sql:
        return rescans.progress(sql, rescan_id)


def results(rig, rescan_id):
    with rig.sql() as sql:
        return sql.execute(RESULTS, (rescan_id,)).fetchall()


def in_hand(rig, rescan_id):
    return rig.one("SELECT count(*) FROM chunks WHERE job_id = %s AND state IN ('published', 'claimed')", rescan_id)


def test_a_rescan_whose_workers_were_killed_ends_as_one_that_was_never(rig, tenant):
    start = begin(rig, tenant)
    unharmed = start()
    rig.wait_until(lambda: state(rig, unharmed).rescan.state == "done", "the first rescan is done")
    flag = rig.flag("sluggish", "0.006")
    killed = start()
    for number in range(rig.scale.kills):
        rig.wait_until(
            lambda: rig.one("SELECT count(*) FROM chunks WHERE job_id = %s AND state = 'claimed'", killed),
            "a worker has a chunk of the rescan",
        )
        children: list[int] = []
        rig.wait_until(lambda seen=children: seen.extend(rig.children("worker-bulk")) or seen, "it has a child")
        rig.kill(rig.pid("worker-bulk") if number % 2 else children[0])
    flag.unlink()
    rig.wait_until(lambda: state(rig, killed).rescan.state == "done", "the killed rescan is done")
    ended = state(rig, killed).rescan
    assert (ended.done, ended.dead, ended.messages) == (600, 0, 600)
    found = results(rig, killed)
    assert len(found) == 600
    assert found == results(rig, unharmed)


def test_two_rescans_of_one_mailbox_run_side_by_side(rig, tenant):
    start = begin(rig, tenant, messages=300)
    both = [start(), start()]
    for one in both:
        rig.wait_until(lambda one=one: state(rig, one).rescan.state == "done", "both rescans are done")
    first, second = (results(rig, one) for one in both)
    assert len(first) == 300
    assert first == second


def test_a_running_rescan_is_paused_resumed_and_cancelled(rig, tenant):
    start = begin(rig, tenant)
    flag = rig.flag("sluggish", "0.003")
    rescan_id = start()
    rig.wait_until(lambda: in_hand(rig, rescan_id), "workers have some of the rescan")
    with rig.sql() as sql:
        assert jobs.pause(sql, rescan_id)
    rig.wait_until(lambda: in_hand(rig, rescan_id) == 0, "what was in hand is finished or given back")
    paused = state(rig, rescan_id).rescan
    assert paused.state == "paused"
    assert paused.done < 600
    assert len(results(rig, rescan_id)) == paused.done
    with rig.sql() as sql:
        assert jobs.resume(sql, rescan_id)
    rig.wait_until(lambda: in_hand(rig, rescan_id), "workers have some of the rescan again")
    with rig.sql() as sql:
        assert jobs.cancel(sql, rescan_id)
    flag.unlink()
    rig.wait_until(lambda: in_hand(rig, rescan_id) == 0, "nothing of it is in hand")
    rig.wait_until(lambda: state(rig, rescan_id).rescan.finished_at, "all of it is done or given up")
    ended = state(rig, rescan_id).rescan
    assert ended.state == "cancelled"
    assert len(results(rig, rescan_id)) == ended.done
    assert ended.done + ended.cancelled == 600
