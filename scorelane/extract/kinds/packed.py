"""Content of members that only libarchive unpacks: RAR 3 to 5, and cabinets by MSZIP and LZX."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import archi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Unpacker:
    """Reads members by their number in the archive, folders counted; cheapest in their order."""

    def __init__(self, content: bytes) -> None:
        """Open nothing yet: an archive may hold nothing worth it."""
        self._content = content
        self._entries: Iterator[Any] = iter(())
        self._next = -1

    def reader(self, number: int) -> Callable[[int], bytes]:
        """A way to unpack at most so many bytes of a member."""
        return lambda size_bytes: self._read(number, size_bytes)

    def _read(self, number: int, size_bytes: int) -> bytes:
        """The member's first bytes.

        Raises:
            NotImplementedError: when it is broken, encrypted, split over files, or packed by no known way.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return bytes(self._entry(number).read(size_bytes))
        except (archi.Error, StopIteration, UnicodeError) as error:
            self._next = -1  # what comes after an error cannot be trusted
            raise NotImplementedError(str(error)) from error

    def _entry(self, number: int) -> Any:
        if self._next < 0 or number < self._next:
            self._entries, self._next = iter(archi.Archive(io.BytesIO(self._content))), 0
        entry = next(self._entries)
        while self._next < number:
            entry = next(self._entries)
            self._next += 1
        self._next += 1
        return entry
