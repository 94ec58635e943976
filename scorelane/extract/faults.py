"""Faults that a test may ask a job to have, to prove the jail around it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path


def _hang() -> None:
    while True:
        time.sleep(60)


def _spin() -> None:
    while True:
        pass


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _memory() -> None:
    kept = []
    while True:
        kept.append(bytearray(32 << 20))


def _file() -> None:
    with Path(__file__).open("rb") as file:
        file.read(1)


def _socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def _raise() -> None:
    raise ValueError("asked for")


def _recurse() -> None:
    sys.setrecursionlimit(1_000_000)

    def down(level: int) -> int:
        return down(level + 1) + 1

    down(0)


_FAULTS = {
    "hang": _hang,
    "spin": _spin,
    "crash": _crash,
    "memory": _memory,
    "file": _file,
    "socket": _socket,
    "raise": _raise,
    "recurse": _recurse,
}


def inject(name: str) -> None:
    """Do the named misdeed; nothing for the empty name."""
    if name:
        _FAULTS[name]()
