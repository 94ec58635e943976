"""What a forked job may do: compute on memory it has, and write its answer."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from scorelane.extract.limits import Limits

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38


def load_prctl() -> Callable[..., int] | None:
    """Linux's prctl, looked up while files may still be opened; None elsewhere."""
    if sys.platform != "linux":
        return None
    function = ctypes.CDLL(None, use_errno=True).prctl
    return lambda *args: int(function(*(ctypes.c_ulong(arg) for arg in args)))


def mapped_bytes() -> int:
    """Address space of this process now; 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _cap(kind: int, value: int, slack: int = 0) -> None:
    _, hard = resource.getrlimit(kind)
    soft, hard = value, value + slack if hard == resource.RLIM_INFINITY else min(value + slack, hard)
    with contextlib.suppress(OSError, ValueError):  # macOS refuses some; the wall time still holds
        resource.setrlimit(kind, (min(soft, hard), hard))


def enter(limits: Limits, base_bytes: int, prctl: Callable[..., int] | None, parent: int) -> None:
    """Give up everything but CPU, memory and open descriptors; cannot be undone.

    No file, socket or pipe can be opened afterwards (RLIMIT_NOFILE 0), so there is no network either.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    _cap(resource.RLIMIT_CORE, 0)
    _cap(resource.RLIMIT_FSIZE, 0)
    _cap(resource.RLIMIT_CPU, limits.cpu_s, slack=1)  # SIGXCPU first: it tells why
    _cap(resource.RLIMIT_NPROC, 0)
    if base_bytes:
        _cap(resource.RLIMIT_AS, base_bytes + limits.memory_bytes)
    _cap(resource.RLIMIT_NOFILE, 0)
