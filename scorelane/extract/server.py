"""The warmed server: ``python -m scorelane.extract.server``, requests on stdin, answers on stdout.

It imports every reader once, then forks a jailed child for each job, so that a job costs a fork and
not an interpreter. It touches no content itself. It ends when stdin ends or its parent is another.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from scorelane.extract import analyze, faults, frames, jail
from scorelane.extract.errors import ServerGone
from scorelane.extract.protocol import Request, decode_request, encode
from scorelane.mail.opened import Extraction, Status

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWER_BYTES = 4 << 20
REQUEST_BYTES = 256 << 20
READY = b"ready"
_IDLE_MS = 2000
_TICK_MS = 200


class Job:
    """One forked child and the pipe it answers on."""

    def __init__(self, pid: int, fd: int, request: Request) -> None:
        self.pid = pid
        self.fd = fd
        self.deadline = time.monotonic() + request.limits.wall_s
        self.answer = bytearray()

    def collect(self, parent_alive: Callable[[], bool]) -> str:
        """Read until the child closes its pipe; returns why the reading ended: "", timeout or flood."""
        poller = select.poll()
        poller.register(self.fd, select.POLLIN)
        while True:
            left_ms = (self.deadline - time.monotonic()) * 1000
            if left_ms <= 0:
                return "timeout"
            if not parent_alive():
                return "timeout"
            if not poller.poll(min(left_ms, _TICK_MS)):
                continue
            chunk = os.read(self.fd, 1 << 16)
            if not chunk:
                return ""
            self.answer += chunk
            if len(self.answer) > ANSWER_BYTES:
                return "flood"

    def end(self) -> int:
        """Kill the child and whatever it started, reap it; returns its wait status."""
        os.close(self.fd)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return os.waitpid(self.pid, 0)[1]


class Server:
    """The loop. `null` is a descriptor of /dev/null, opened while that is possible."""

    def __init__(self, requests: int, answers: int, null: int) -> None:
        self.requests = requests
        self.answers = answers
        self.null = null
        self.parent = os.getppid()
        self.pid = os.getpid()
        self.prctl = jail.load_prctl()

    def parent_alive(self) -> bool:
        """Whether the process that started this one is still there."""
        return os.getppid() == self.parent

    def serve(self) -> None:
        """Answer requests until stdin ends."""
        gc.collect()
        gc.freeze()  # the child must not touch, and so copy, the pages of warmed objects
        frames.write_frame(self.answers, READY)
        poller = select.poll()
        poller.register(self.requests, select.POLLIN)
        while self.parent_alive():
            if not poller.poll(_IDLE_MS):
                continue
            try:
                request = decode_request(frames.read_frame(self.requests, REQUEST_BYTES))
            except ServerGone:
                return
            frames.write_frame(self.answers, self.run(request))

    def run(self, request: Request) -> bytes:
        """The encoded extraction of one request; always an answer."""
        job = self.fork(request)
        ended = job.collect(self.parent_alive)
        if not ended:
            # The pipe closed: the child is exiting; its own status tells how, so do not race it.
            status = _reap(job)
        else:
            job.end()
            return encode(Extraction(status="timeout" if ended == "timeout" else "limit", true_type="", detail=ended))
        return bytes(job.answer) if status == 0 and job.answer else _failure(status)

    def fork(self, request: Request) -> Job:
        """Start the child of one request."""
        reading, writing = os.pipe()
        base_bytes = jail.mapped_bytes()
        pid = os.fork()
        if pid == 0:
            try:
                os.setpgid(0, 0)
                os.close(reading)
                for fd in {self.requests, self.answers, 0, 1, 2}:
                    os.dup2(self.null, fd)
                self.work(request, writing, base_bytes)
            finally:
                os._exit(70)
        os.close(writing)
        return Job(pid, reading, request)

    def work(self, request: Request, writing: int, base_bytes: int) -> None:
        """In the child: jail, analyse, answer, exit."""
        os.close(self.null) if self.null > 2 else None  # noqa: PLR2004 - the standard descriptors
        jail.enter(request.limits, base_bytes, self.prctl, self.pid)
        try:
            faults.inject(request.fault)
            found = analyze.analyze(
                request.content,
                kind=request.kind,
                limits=request.limits,
            )
        except MemoryError:
            found = Extraction(status="limit", true_type="", detail="memory_bytes")
        except Exception as error:  # noqa: BLE001 - told in the status; the next job is another process
            found = Extraction(status="crashed", true_type="", detail=_told(error))
        body = encode(found)
        while body:
            body = body[os.write(writing, body) :]
        os._exit(0)


def _told(error: Exception) -> str:
    name = type(error).__name__
    number = error.errno if isinstance(error, OSError) else None
    return f"{name} {errno.errorcode.get(number, number)}" if number is not None else name


def _reap(job: Job) -> int:
    os.close(job.fd)
    while time.monotonic() < job.deadline:
        pid, status = os.waitpid(job.pid, os.WNOHANG)
        if pid:
            return status
        time.sleep(0.0005)
    with contextlib.suppress(ProcessLookupError):
        os.kill(job.pid, signal.SIGKILL)
    return os.waitpid(job.pid, 0)[1] or 1


def _failure(wait_status: int) -> bytes:
    status: Status = "crashed"
    detail = f"exit {os.waitstatus_to_exitcode(wait_status)}"
    if os.WIFSIGNALED(wait_status):
        number = os.WTERMSIG(wait_status)
        detail = f"signal {number}"
        if number == signal.SIGXCPU:
            status, detail = "timeout", "cpu_s"
    return encode(Extraction(status=status, true_type="", detail=detail))


def main() -> None:
    """Warm up and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    requests, answers = os.dup(0), os.dup(1)
    os.dup2(null, 0)
    os.dup2(null, 1)  # a library that prints must not write into the frames
    analyze.warm()
    with contextlib.suppress(BrokenPipeError, msgspec.MsgspecError):
        Server(requests, answers, null).serve()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
