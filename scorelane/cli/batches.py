"""Groups what `sources.read` finds into batches that memory can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorelane.cli import output
from scorelane.cli.sources import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from scorelane.cli.sources import Found, Rejected

BATCH_BYTES = 16 * 1024 * 1024


def batches(found: Iterable[Found], *, most: int, on_rejected: Callable[[Rejected], None]) -> Iterator[list[Source]]:
    """Lists of up to `most` messages and about `BATCH_BYTES`; what is no message goes to `on_rejected`."""
    batch: list[Source] = []
    size_bytes = 0
    for item in found:
        if not isinstance(item, Source):
            on_rejected(item)
            continue
        batch.append(item)
        size_bytes += len(item.raw)
        if len(batch) >= most or size_bytes >= BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def tell(rejected: Rejected) -> None:
    """The line of something that is not mail."""
    output.note(f"{rejected.name}: {rejected.reason}")
