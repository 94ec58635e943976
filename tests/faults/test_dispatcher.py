"""The dispatcher killed at the worst moment, frozen, doubled, and with a wrong clock."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from worker.processes import Program


def test_a_dispatcher_killed_between_commit_and_publish(rig, tenant):
    """The chunks say `published`, and no task of them was ever sent."""
    kills = max(2, rig.scale.kills // 2)
    accepted = 0
    for _ in range(kills):
        pid = rig.pid("dispatcher")
        flag = rig.flag("publish")
        accepted += rig.accept(tenant, rig.mail(100))
        rig.wait_until(lambda flag=flag: not flag.exists(), "the dispatcher came to its publish")
        rig.wait_until(lambda pid=pid: rig.process("dispatcher").pid != pid, "the next dispatcher started")
        assert rig._limbo()
    rig.lifted(f"dispatcher killed {kills} times between commit and publish")
    rig.audit(tenant, accepted)


def test_a_frozen_leader_is_replaced_and_does_no_harm_when_it_thaws(rig, tenant):
    second = Program("dispatcher-2", [sys.executable, "-m", "worker.dispatcher"], rig.env)
    rig.processes.programs.append(second)
    try:
        rig.wait_until(lambda: second.process is not None and second.process.poll() is None, "a second one runs")
        epoch = _epoch(rig)
        leader = rig.pid("dispatcher")
        rig.kill(leader, signal.SIGSTOP)
        rig.lifted("leading dispatcher frozen")
        accepted = rig.accept(tenant, rig.mail(rig.scale.messages // 2))
        rig.wait_until(lambda: _epoch(rig) > epoch, "another took over")
        load = rig.load(tenant, rig.scale.messages // 2)
        time.sleep(0.3)
        rig.kill(leader, signal.SIGCONT)
        accepted += load.finish()
        rig.audit(tenant, accepted)
    finally:
        rig.kill(rig.pid("dispatcher"), signal.SIGCONT)
        rig.processes.programs.remove(second)
        second.process.terminate()
        second.process.wait(20)


def test_two_dispatchers_that_change_places_publish_nothing_twice(rig, tenant):
    second = Program("dispatcher-2", [sys.executable, "-m", "worker.dispatcher"], rig.env)
    rig.processes.programs.append(second)
    try:
        load = rig.load(tenant, rig.scale.messages)
        for _ in range(4):
            time.sleep(0.5)
            with rig.sql() as sql:
                sql.execute("UPDATE dispatcher_lease SET lease_until = now() - interval '1 s', holder = 'nobody'")
        rig.audit(tenant, load.finish())
    finally:
        rig.processes.programs.remove(second)
        second.process.terminate()
        second.process.wait(20)


@pytest.fixture
def skew(tmp_path):
    """The library that shifts a process's clock."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("LEFT OUT: needs a C compiler to shift a clock")
    library = tmp_path / "skew.so"
    source = Path(__file__).parent / "skew.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def test_a_minute_of_clock_skew_between_processes_changes_nothing(rig, tenant, skew):
    """One clock is a minute ahead, one a minute behind: only the database's is ever compared."""
    before = {program.name: program.env for program in rig.processes.programs}
    shifts = {"dispatcher": "-60", "worker-realtime": "60", "worker-bulk": "-60"}
    try:
        for program in rig.processes.programs:
            program.env = {**program.env, "LD_PRELOAD": str(skew), "SKEW_S": shifts[program.name]}
            rig.kill(program.process.pid)
            program.process.wait()
        rig.wait_until(rig.all_ready, "all run with their wrong clocks")
        script = "import time; print(time.time())"
        shifted = subprocess.run(
            [sys.executable, "-c", script],
            env={"LD_PRELOAD": str(skew), "SKEW_S": "60"},
            capture_output=True,
            check=True,
        )
        assert 55 < float(shifted.stdout) - time.time() < 65
        load = rig.load(tenant, rig.scale.messages)
        rig.lifted("a minute of clock skew each way")
        rig.audit(tenant, load.finish())
    finally:
        for program in rig.processes.programs:
            program.env = before[program.name]
            rig.kill(program.process.pid)
            program.process.wait()


def _epoch(rig):
    return rig.one("SELECT epoch FROM dispatcher_lease")
