"""How much must be computed again: what is not stored at the wanted version, and what may know more by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scorelane.rescans.needs import Wanted

STORED, TEXT, FULL, GONE = "stored", "text", "full", "gone"
"""The stored vector is predicted on; so it is, with the text model read again; all is computed; raw mail is gone."""
FILLED = "filled"
"""The vector gained the signals that it lacked; the work of backfills alone."""

RATES = {STORED: 25_000.0, TEXT: 5_000.0, FULL: 1_500.0, GONE: 50_000.0}
"""Messages a second that a preview reckons with on two cores."""


def work_of(
    wanted: Wanted,
    as_of: str,
    *,
    names: Sequence[str] | None,
    versions: Sequence[int] = (),
    text_model: str | None,
    has_raw: bool,
    same_lists: bool = True,
) -> str:
    """What one message needs; `names` and `versions` are those of its stored vector, None where there is none.

    A column that reads reference lists has the meaning of the lists it was computed with, so that new lists ask for
    all of it again, whatever else is replayed.
    """
    needed = _needed(wanted, as_of, names, versions, text_model)
    if wanted.reads_lists and not same_lists:
        needed = FULL
    return GONE if needed != STORED and not has_raw else needed


def _needed(
    wanted: Wanted, as_of: str, names: Sequence[str] | None, versions: Sequence[int], text_model: str | None
) -> str:
    if names is None:
        return FULL
    held = dict(zip(names, versions, strict=True))
    lacking = [name for name, version in wanted.columns.items() if held.get(name) != version]
    knows_more = as_of == "time" and set(wanted.columns) > wanted.context_free
    if lacking or knows_more:
        return FULL
    return STORED if text_model == wanted.text_model else TEXT
