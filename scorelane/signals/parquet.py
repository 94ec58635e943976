"""Labelled vectors as a Parquet file, written a row group at a time: memory stays flat however many there are.

Where wanted the file holds hashed words and campaigns, too, and is all that training needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scorelane.signals.columns import NOT_COMPUTED
from scorelane.signals.context import STATUSES
from scorelane.signals.errors import NotExported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import numpy.typing as npt

    from scorelane.signals.registry import SignalSet

ROW_GROUP = 16_384
"""Rows held at once: 24 MB with 360 signals, and a footer of a few MB a million rows."""
ABOUT = (
    ("message_id", pa.string()),
    ("tenant", pa.string()),
    ("received_at", pa.timestamp("us", "UTC")),
    ("revision", pa.int32()),
    ("label", pa.string()),
    ("weight", pa.float32()),
    ("labelled_at", pa.timestamp("us", "UTC")),
    ("signal_set", pa.string()),
)
"""Columns before the signals' own."""
OF_TEXT = (("campaign", pa.string()), ("words", pa.list_(pa.int32())))
"""Columns of what training reads beside the vector: a fingerprint that near-duplicates share, and hashed words."""
WORDS_EDITION = b"words_edition"


class Logged(NamedTuple):
    """What a file holds of each message, in its order."""

    about: dict[str, list[Any]]
    """By the names of ABOUT."""
    values: npt.NDArray[np.float32]
    """(rows, signals of the wanted set); NaN where the file has none at the wanted version."""
    campaigns: list[str]
    """Empty where the file or the message has none."""
    words: list[npt.NDArray[np.int32]]
    words_edition: int | None
    """Of the hashing; None for a file without words."""


def read(path: Path, set_: SignalSet) -> Logged:
    """A file that `Writer` wrote, in the columns of a set. Raises NotExported."""
    try:
        table = pq.read_table(path)
    except FileNotFoundError as fault:
        raise NotExported(f"{path} is not there") from fault
    except (pa.ArrowException, OSError) as fault:
        raise NotExported(f"{path} is no Parquet file") from fault
    lacking = [name for name, _ in ABOUT if name not in table.column_names]
    if lacking:
        raise NotExported(f"{path} lacks the column {lacking[0]}; write it with: scorelane signals export {path}")
    values = np.full((table.num_rows, len(set_)), np.nan, np.float32)
    for at, signal in enumerate(set_.signals):
        version = (table.schema.field(signal.name).metadata or {}) if signal.name in table.column_names else {}
        if version.get(b"version") == str(signal.version).encode():
            values[:, at] = table[signal.name].to_numpy()
    edition = (table.schema.metadata or {}).get(WORDS_EDITION)
    has_text = edition is not None and {name for name, _ in OF_TEXT} <= set(table.column_names)
    return Logged(
        about={name: table[name].to_pylist() for name, _ in ABOUT},
        values=values,
        campaigns=table["campaign"].to_pylist() if has_text else [""] * table.num_rows,
        words=[np.array(found, np.int32) for found in table["words"].to_pylist()] if has_text else [],
        words_edition=int(edition) if has_text and edition is not None else None,
    )


def schema(set_: SignalSet, words_edition: int | None = None) -> pa.Schema:
    """What a row is, then `statuses`, a byte a signal in column order, then a float32 column a signal.

    With the edition of hashed words, the columns OF_TEXT stand before `statuses`.
    """
    codes = {str(at): status for at, status in enumerate(STATUSES)} | {str(NOT_COMPUTED): "not computed"}
    signals = [
        pa.field(s.name, pa.float32(), metadata={"version": str(s.version), "family": s.family}) for s in set_.signals
    ]
    statuses = pa.field("statuses", pa.binary(len(set_)), metadata=codes)
    about = [pa.field(name, kind) for name, kind in _about(words_edition)]
    metadata = {b"signal_set": set_.hash.encode()}
    if words_edition is not None:
        metadata[WORDS_EDITION] = str(words_edition).encode()
    return pa.schema([*about, statuses, *signals], metadata=metadata)


def _about(words_edition: int | None) -> tuple[tuple[str, Any], ...]:
    return ABOUT if words_edition is None else ABOUT + OF_TEXT


class Writer:
    """Gathers rows into row groups. Used with `with`: leaving it writes the last group and the footer."""

    def __init__(self, path: Path, set_: SignalSet, words_edition: int | None = None) -> None:
        self._schema = schema(set_, words_edition)
        self._kinds = _about(words_edition)
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._about: dict[str, list[Any]] = {name: [] for name, _ in self._kinds}
        self._values = np.empty((ROW_GROUP, len(set_)), np.float32)
        self._statuses = np.empty((ROW_GROUP, len(set_)), np.uint8)
        self._held = 0
        self.rows = 0

    def add(
        self,
        about: Mapping[str, Sequence[object]],
        values: npt.NDArray[np.float32],
        statuses: npt.NDArray[np.uint8],
    ) -> None:
        """Add rows: what each is, by the names of ABOUT, and its values and statuses (rows, signals).

        Where the file has words, `about` holds the columns OF_TEXT, too.
        """
        start = 0
        while start < len(values):
            count = min(ROW_GROUP - self._held, len(values) - start)
            for name, column in self._about.items():
                column.extend(about[name][start : start + count])
            self._values[self._held : self._held + count] = values[start : start + count]
            self._statuses[self._held : self._held + count] = statuses[start : start + count]
            self._held += count
            start += count
            if self._held == ROW_GROUP:
                self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        about = [pa.array(self._about[name], kind) for name, kind in self._kinds]
        codes = pa.array([row.tobytes() for row in self._statuses[: self._held]], self._schema.field("statuses").type)
        signals = [pa.array(column) for column in self._values[: self._held].T]
        self._file.write_table(pa.Table.from_arrays([*about, codes, *signals], schema=self._schema), ROW_GROUP)
        self.rows += self._held
        self._held = 0
        for column in self._about.values():
            column.clear()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Write what is held, unless something failed, and close the file."""
        if kind is None:
            self._flush()
        self._file.close()
