"""Labelled vectors as a Parquet file, written a row group at a time: memory stays flat however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scorelane.signals.columns import NOT_COMPUTED
from scorelane.signals.context import STATUSES

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


def schema(set_: SignalSet) -> pa.Schema:
    """What a row is, then `statuses`, a byte a signal in column order, then a float32 column a signal."""
    codes = {str(at): status for at, status in enumerate(STATUSES)} | {str(NOT_COMPUTED): "not computed"}
    signals = [
        pa.field(s.name, pa.float32(), metadata={"version": str(s.version), "family": s.family}) for s in set_.signals
    ]
    statuses = pa.field("statuses", pa.binary(len(set_)), metadata=codes)
    about = [pa.field(name, kind) for name, kind in ABOUT]
    return pa.schema([*about, statuses, *signals], metadata={"signal_set": set_.hash})


class Writer:
    """Gathers rows into row groups. Used with `with`: leaving it writes the last group and the footer."""

    def __init__(self, path: Path, set_: SignalSet) -> None:
        self._schema = schema(set_)
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._about: dict[str, list[Any]] = {name: [] for name, _ in ABOUT}
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
        """Add rows: what each is, by the names of ABOUT, and its values and statuses (rows, signals)."""
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
        about = [pa.array(self._about[name], kind) for name, kind in ABOUT]
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
