"""Lines at the end of a file that others rotate: on disk when `append` returns, and each a line of its own."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def append(target: Path, text: bytes) -> None:
    """Write whole lines at a file's end, and have them on disk. Raises OSError.

    What a full disk or a crash cut off before is ended first, so that it spoils no line of this time. A pipe is no
    file: opening one would wait for its reader.
    """
    descriptor = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o640)
    try:
        held = os.fstat(descriptor)
        if not stat.S_ISREG(held.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        cut = held.st_size > 0 and os.pread(descriptor, 1, held.st_size - 1) != b"\n"
        view = memoryview(b"\n" + text if cut else text)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if held.st_size == 0:
        _keep_name(target.parent)


def _keep_name(folder: Path) -> None:
    """Have a new file's name on disk, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
