"""The caller's side: one server process, one job at a time, always an answer."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

import msgspec

from scorelane.extract import frames
from scorelane.extract.errors import ServerGone, Unavailable
from scorelane.extract.limits import DEFAULT, Limits
from scorelane.extract.protocol import Request, decode
from scorelane.extract.sniff import SUPPORTED, true_type
from scorelane.mail.opened import Extraction, Status

if TYPE_CHECKING:
    from types import TracebackType

_ANSWER_BYTES = 4 << 20
_START_S = 20.0
_GRACE_S = 2.0
"""What the server may take beyond the job's own wall time before it counts as hung."""
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Extractor:
    """Holds one warmed server; a context manager.

    Started at the first job, restarted when it dies. Threads may share it; jobs queue up. After a fork the
    child makes its own server and leaves the parent's alone.
    """

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.limits = limits
        self.restarts = 0
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process is not None else None

    def extract(self, content: bytes, *, declared_type: str = "", filename: str = "", fault: str = "") -> Extraction:
        """What the content holds; failures of any kind are its `status`.

        Takes at most the limits' `wall_s` and a grace of two seconds, plus a start of the server.
        Raises `Unavailable` only where no server can be started: a fault of the machine must not be
        kept as the content's.
        """
        kind = true_type(content, declared_type, filename)
        name = filename[: self.limits.item_chars].encode("utf-8", "replace").decode("utf-8")
        return msgspec.structs.replace(self.open(content, kind, fault=fault), name=name)

    def open(self, content: bytes, kind: str, *, fault: str = "") -> Extraction:
        """The same for a known true type; depends on nothing but content, type and `extractor_version`."""
        if kind not in SUPPORTED and not fault:
            return Extraction(status="unsupported", true_type=kind)
        if len(content) > self.limits.content_bytes:
            return Extraction(status="limit", true_type=kind, detail="content_bytes")
        request = Request(content=content, kind=kind, limits=self.limits, fault=fault)
        with self._lock:
            found = self._ask(msgspec.msgpack.encode(request))
        return found if found.true_type else msgspec.structs.replace(found, true_type=kind)

    def close(self) -> None:
        """End the server; a later `extract` starts another."""
        with self._lock:
            self._stop()

    def _ask(self, frame: bytes) -> Extraction:
        for attempt in (1, 2):
            try:
                process = self._running()
            except (ServerGone, TimeoutError, OSError) as error:
                self._stop()
                raise Unavailable("the extraction server did not start; see its words on stderr") from error
            assert process.stdin is not None
            assert process.stdout is not None
            deadline = time.monotonic() + self.limits.wall_s + _GRACE_S
            status: Status
            try:
                frames.write_frame(process.stdin.fileno(), frame, deadline)
                return decode(frames.read_frame(process.stdout.fileno(), _ANSWER_BYTES, deadline))
            except TimeoutError:
                status, again = "timeout", False
            except (ServerGone, OSError):
                # An idle server may have been killed; a second death is the content's doing.
                status, again = "crashed", attempt == 1
            except msgspec.MsgspecError:
                status, again = "crashed", False
            self._stop()
            self.restarts += 1
            if not again:
                return Extraction(status=status, true_type="", detail="server")
        return Extraction(status="crashed", true_type="", detail="server")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner != os.getpid():
            self._disown()
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._stop()
        process = subprocess.Popen(
            [sys.executable, "-m", "scorelane.extract.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, **_THREADS},
            start_new_session=True,
        )
        self._process, self._owner = process, os.getpid()
        assert process.stdin is not None
        assert process.stdout is not None
        os.set_blocking(process.stdin.fileno(), False)
        os.set_blocking(process.stdout.fileno(), False)
        frames.read_frame(process.stdout.fileno(), 64, time.monotonic() + _START_S)
        return process

    def _disown(self) -> None:
        """Close a forked copy's ends of the parent's pipes without harming the parent's server."""
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.returncode = 0  # not ours to wait for

    def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        if self._owner != os.getpid():
            self._disown()
            return
        self._process = None
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.kill()
        process.wait()
