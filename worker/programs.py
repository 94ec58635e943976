"""Programs on a leash: started through launch.py, stopped in order, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
LAUNCH = Path(__file__).resolve().parent / "launch.py"


def start(
    program: Sequence[str],
    *,
    log: IO[Any] | int,
    env: Mapping[str, str] | None = None,
    death_signal: int = signal.SIGTERM,
    nice: int = 0,
    uid: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own that gets `death_signal` when this process ends."""
    options = ["--nice", str(nice), "--parent", str(os.getpid()), "--signal", str(int(death_signal))]
    if uid is not None:
        options += ["--uid", str(uid), "--capability", "dac_read_search"]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCH), *options, "--", *program],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=None if env is None else {**os.environ, **env},
        cwd=ROOT if uid is None else "/",
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes], number: int, grace_s: float) -> None:
    """Signal a program and wait; kill its session when it does not end in time."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    # What the program left of its own session (children of a killed worker) goes with it.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def tail(path: Path, lines: int = 5) -> str:
    """Last lines of a log as one line, for an error message."""
    try:
        return " | ".join(path.read_text("utf-8", "replace").strip().splitlines()[-lines:])
    except OSError:
        return "no log"
