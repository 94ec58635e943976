"""The supervisor of the embedded stack: as root and not, touching nothing but its own folder, recovering from kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from worker import programs
from worker.errors import AlreadyRunning
from worker.postgres import MOST_FOLDER_BYTES
from worker.stack import EmbeddedStack

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
HOLD = """
import sys, time
from pathlib import Path
from worker.stack import EmbeddedStack
with EmbeddedStack(Path(sys.argv[1])) as stack:
    print(stack.worker_url, stack.broker_url, stack.postgres.pid, stack.valkey.pid, flush=True)
    sys.stdin.read()
"""


def permissions(folder: Path):
    """Mode and owner of a folder and all above it."""
    return {
        str(place): (place.stat().st_mode, place.stat().st_uid, place.stat().st_gid)
        for place in (folder, *folder.parents)
    }


def hold(home: Path, *before: str):
    """A process that runs the stack until its standard input closes; its line of addresses."""
    process = subprocess.Popen(
        [*before, sys.executable, "-c", HOLD, str(home)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    line = process.stdout.readline().split()
    assert len(line) == 4, "the stack did not start"
    return process, line


def end(process):
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()


def alive(pid: str) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "\nState:\tZ" not in status.read_text()


def gone(*pids: str):
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "a server outlived its supervisor"
        time.sleep(0.05)


def answers(worker_url: str, broker_url: str):
    with psycopg.connect(worker_url) as sql:
        assert sql.execute("SELECT current_user").fetchone() == ("scorelane_worker",)
    with redis.Redis.from_url(broker_url) as client:
        assert client.ping()


def test_no_folder_above_its_own_is_changed(tmp_path):
    before = permissions(tmp_path)
    with EmbeddedStack(tmp_path / "home") as stack:
        answers(stack.worker_url, stack.broker_url)
    assert permissions(tmp_path) == before


@pytest.mark.skipif(
    os.geteuid() != 0, reason="LEFT OUT: only root can become another user; the other tests here ran as one"
)
def test_it_runs_as_an_ordinary_user_as_well_as_as_root(tmp_path):
    place = tmp_path / "ordinary"
    place.mkdir(mode=0o700)
    os.chown(place, NOBODY, NOBODY)
    before = permissions(place)
    as_nobody = [
        sys.executable,
        "-I",
        "-S",
        str(programs.LAUNCH),
        "--uid",
        str(NOBODY),
        "--capability",
        "dac_read_search",
        "--",
    ]
    process, (worker_url, broker_url, postgres, valkey) = hold(place / "home", *as_nobody)
    for pid in (postgres, valkey):
        assert f"\nUid:\t{NOBODY}\t" in Path(f"/proc/{pid}/status").read_text()
    answers(worker_url, broker_url)
    end(process)
    assert permissions(place) == before
    assert {path.stat().st_uid for path in (place / "home").rglob("*")} == {NOBODY}


def test_no_user_is_added_to_the_machine(tmp_path):
    before = Path("/etc/passwd").read_bytes()
    with EmbeddedStack(tmp_path / "home"):
        pass
    assert Path("/etc/passwd").read_bytes() == before


def test_what_it_keeps_is_closed_to_others(tmp_path):
    with EmbeddedStack(tmp_path / "home") as stack:
        home = stack.home
        assert home.stat().st_mode & 0o066 == 0
        for name in ("secrets.json", "stack.json", "valkey.conf"):
            assert (home / name).stat().st_mode & 0o077 == 0
        for name in ("postgres", "log", "run"):
            assert (home / name).stat().st_mode & 0o077 == 0
        commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if readable(path)]
        for secret in json.loads((home / "secrets.json").read_text()).values():
            assert all(secret.encode() not in command for command in commands)


def readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def test_a_killed_run_leaves_no_server_and_no_lock_and_its_data_is_there(tmp_path):
    home = tmp_path / "home"
    process, (_, _, postgres, valkey) = hold(home)
    owner_url = json.loads((home / "stack.json").read_text())["owner_url"]
    with psycopg.connect(owner_url) as sql:
        sql.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    gone(postgres, valkey)
    with EmbeddedStack(home) as again, psycopg.connect(again.owner_url) as sql:
        assert sql.execute("SELECT seven FROM kept").fetchone() == (7,)


def test_a_lock_and_a_pid_file_that_lie_are_recovered_from(tmp_path):
    home = tmp_path / "home"
    with EmbeddedStack(home):
        pass
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (home / "lock").write_text(f"{stranger.pid}\n")
        (home / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n{home}/postgres\n1\n5432\n\n\n")
        with EmbeddedStack(home) as again:
            answers(again.worker_url, again.broker_url)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_that_outlived_its_supervisor_is_stopped_before_the_next(tmp_path):
    home = tmp_path / "home"
    with EmbeddedStack(home) as stack:
        first = stack.postgres.pid
        lock, stack._lock = stack._lock, None
        lock.close()  # as if the supervisor had died and its server had not
        with EmbeddedStack(home) as again:
            assert not alive(str(first))
            answers(again.worker_url, again.broker_url)


def test_a_second_run_in_one_home_is_one_clear_line(tmp_path):
    with (
        EmbeddedStack(tmp_path / "home"),
        pytest.raises(AlreadyRunning, match=rf"runs already in .*process {os.getpid()}"),
    ):
        EmbeddedStack(tmp_path / "home").start()


@pytest.mark.parametrize("depth", [0, 12], ids=["short", "long"])
def test_sockets_fit_whatever_the_length_of_the_home(tmp_path, depth):
    home = tmp_path.joinpath(*['a "folder" with a name'] * depth) / "home"
    assert (len(os.fsencode(home / "run")) > MOST_FOLDER_BYTES) == bool(depth)
    with EmbeddedStack(home) as stack:
        answers(stack.worker_url, stack.broker_url)
        sockets = stack.postgres.sockets
        assert (sockets.parent == home) == (not depth)
    assert not sockets.exists()


def test_sockets_of_a_killed_run_are_removed_by_the_next(tmp_path):
    home = tmp_path.joinpath(*['a "folder" with a name'] * 12) / "home"
    process, (_, _, postgres, valkey) = hold(home)
    left = (home / "run").readlink()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    gone(postgres, valkey)
    with EmbeddedStack(home):
        assert not left.exists()
