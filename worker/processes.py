"""The processes of the whole system on one machine: dispatcher, workers by lane group, Flower."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import structlog

from worker import programs
from worker.errors import StartFailed

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

log = structlog.get_logger()

MOST_BACKOFF_S = 30.0
STEADY_S = 5.0
"""A program that ran this long starts again without waiting; one that fails at once waits longer each time."""


@dataclass(frozen=True)
class Group:
    """Workers that serve some lanes together."""

    name: str
    lanes: tuple[str, ...]
    concurrency: int
    nice: int = 0

    def command(self) -> list[str]:
        """The Celery command line; the same one stands in docker-compose.yml."""
        return [
            sys.executable, "-m", "celery", "--quiet", "-A", "worker.app:app", "worker",
            "-Q", ",".join(self.lanes), "-n", f"{self.name}@%h", "--concurrency", str(self.concurrency),
            "--pool", "prefork", "-E", "--without-gossip", "--without-mingle",
        ]  # fmt: skip


def lane_groups(concurrency: int | None = None) -> tuple[Group, ...]:
    """The worker groups: urgent lanes apart from bulk, bulk yielding the processor, slow waits apart from both."""
    cores = os.cpu_count() or 1
    return (
        Group("realtime", ("interactive", "realtime"), concurrency or max(1, cores // 2)),
        Group("bulk", ("rescan", "backfill"), concurrency or cores, nice=10),
        Group("enrich", ("enrich",), concurrency or 1),
    )


@dataclass
class Program:
    """One supervised program."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    nice: int = 0
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    due: float = field(default=0.0)


class Processes:
    """Starts programs, restarts those that end, stops all in order."""

    def __init__(self, home: Path, env: Mapping[str, str]) -> None:
        self._home = home
        self.environment = self._env = {
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
            **env,
        }
        self.programs: list[Program] = []
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def add_dispatcher(self) -> None:
        """Feed the lanes."""
        self.programs.append(Program("dispatcher", [sys.executable, "-m", "worker.dispatcher"], self._env))

    def add_group(self, group: Group) -> None:
        """Serve some lanes."""
        env = {**self._env, "SCORELANE_WORKER_GROUP": group.name}
        self.programs.append(Program(f"worker-{group.name}", group.command(), env, nice=group.nice))

    def add_flower(self, port: int, password: str) -> None:
        """Show the lanes: behind a login, on the loopback, with bounded memory."""
        command = [
            sys.executable, "-m", "celery", "--quiet", "-A", "worker.app:app", "flower", "--address=127.0.0.1",
            f"--port={port}", "--max_tasks=10000", "--max_workers=200", "--purge_offline_workers=300",
            "--tasks_columns=name,args,state,received,started,runtime,worker,uuid",
        ]  # fmt: skip
        env = {**self._env, "FLOWER_BASIC_AUTH": f"scorelane:{password}", "SCORELANE_WORKER_GROUP": "flower"}
        self.programs.append(Program("flower", command, env))

    def add_console(self, port: int, api_url: str) -> None:
        """Show analysts their mail: under the role that row-level security holds, never the workers'."""
        env = {name: value for name, value in self._env.items() if name != "SCORELANE_DATABASE_URL"}
        env |= {"SCORELANE_API_DATABASE_URL": api_url, "SCORELANE_CONSOLE_PORT": str(port)}
        self.programs.append(Program("console", [sys.executable, "-m", "scorelane.console"], env))

    def add_api(self, port: int) -> None:
        """Serve HTTP on the loopback."""
        env = {**self._env, "SCORELANE_API_PORT": str(port)}
        self.programs.append(Program("api", [sys.executable, "-m", "scorelane.api"], env))

    def add_exporter(self, port: int) -> None:
        """Serve metrics and health on the loopback."""
        env = {**self._env, "SCORELANE_EXPORTER_PORT": str(port)}
        self.programs.append(Program("exporter", [sys.executable, "-m", "worker.exporter"], env))

    def age_s(self, name: str) -> float:
        """Seconds since a program was last started; 0 when it does not run."""
        program = next(p for p in self.programs if p.name == name)
        runs = program.process is not None and program.process.poll() is None
        return time.monotonic() - program.started if runs else 0.0

    def replace(self, name: str, grace_s: float = 5.0) -> None:
        """Stop a program that does nothing any more; the supervisor starts another. A frozen one is killed."""
        program = next(p for p in self.programs if p.name == name)
        if program.process is not None:
            programs.stop(program.process, signal.SIGTERM, grace_s)

    def add_outbox(self) -> None:
        """Deliver events to webhooks and files."""
        self.programs.append(Program("outbox", [sys.executable, "-m", "worker.outbox"], self._env))

    def start(self) -> None:
        """Start everything that was added, from a thread that lives as long as the programs do."""
        self._watcher.start()

    def pid(self, name: str) -> int:
        """Process id of a running program. Raises StartFailed when it does not run."""
        program = next(p for p in self.programs if p.name == name)
        if program.process is None or program.process.poll() is not None:
            raise StartFailed(f"{name} does not run: {programs.tail(self._log(name))}")
        return program.process.pid

    def stop(self) -> None:
        """Workers finish the chunk in hand; nothing is left behind."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        for program in self.programs:
            if program.process is not None and program.process.poll() is None:
                program.process.send_signal(signal.SIGTERM)
        for program in self.programs:
            if program.process is not None:
                programs.stop(program.process, signal.SIGTERM, 15)

    def _log(self, name: str) -> Path:
        return self._home / "log" / f"{name}.log"

    def _watch(self) -> None:
        while not self._stopping.is_set():
            now = time.monotonic()
            for program in self.programs:
                if program.process is None or program.process.poll() is not None:
                    self._restart(program, now)
            self._stopping.wait(0.1)

    def _restart(self, program: Program, now: float) -> None:
        if program.process is not None and program.due <= program.started:
            steady = now - program.started > STEADY_S
            program.restarts = 0 if steady else program.restarts + 1
            delay_s = 0.0 if program.restarts == 0 else min(MOST_BACKOFF_S, 0.5 * 2 ** (program.restarts - 1))
            program.due = now + delay_s
            log.warning("program_ended", program=program.name, code=program.process.returncode, again_in_s=delay_s)
        if now < program.due:
            return
        with self._log(program.name).open("ab") as output:
            program.process = programs.start(program.command, log=output, env=program.env, nice=program.nice)
        program.started = time.monotonic()
