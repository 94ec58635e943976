"""Stored vectors, of whatever signal sets, as the columns of one set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from scorelane.signals.registry import SignalSet

NOT_COMPUTED = 255
"""Status of a value that a vector never had: its set lacks the signal, or has it at another version."""

Columns = tuple[tuple[str, ...] | None, tuple[int, ...]]
"""Names and versions of a stored set; None for one that is unknown."""


def aligned(
    sets: Sequence[str],
    vectors: Sequence[bytes],
    statuses: Sequence[bytes],
    wanted: SignalSet,
    columns_of: Callable[[str], Columns],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """(values, statuses) of stored rows in the columns of `wanted`, shape (rows, signals).

    A value counts only at the version that `wanted` has of the signal, since a version is a meaning; the rest is
    NaN with status NOT_COMPUTED. `columns_of` tells a stored set's columns by its hash.
    """
    values = np.full((len(vectors), len(wanted)), np.nan, np.float32)
    codes = np.full((len(vectors), len(wanted)), NOT_COMPUTED, np.uint8)
    place = {key: at for at, key in enumerate(zip(wanted.names, wanted.versions, strict=True))}
    for digest in dict.fromkeys(sets):
        names, versions = columns_of(digest)
        if names is None:
            continue
        pairs = [(at, place.get(key)) for at, key in enumerate(zip(names, versions, strict=True))]
        source = [at for at, to in pairs if to is not None]
        target = [to for _, to in pairs if to is not None]
        rows = [at for at, of in enumerate(sets) if of == digest]
        held = np.frombuffer(b"".join(vectors[at] for at in rows), "<f4").reshape(len(rows), len(names))
        said = np.frombuffer(b"".join(statuses[at] for at in rows), np.uint8).reshape(len(rows), len(names))
        values[np.ix_(rows, target)] = held[:, source]
        codes[np.ix_(rows, target)] = said[:, source]
    return values, codes
