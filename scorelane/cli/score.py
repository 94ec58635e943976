"""``scorelane score``: verdicts without a queue or a database, the same function that the workers call."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorelane.cli import output, sources
from scorelane.cli.batches import batches, tell
from scorelane.cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scorelane.cli.sources import Rejected, Source
    from scorelane.extract import Extractor
    from scorelane.mail import Message
    from scorelane.scoring import Scorer
    from scorelane.signals.reference import Lists

CHUNK_MESSAGES = 256
REASONS = 5


def score(paths: list[str], *, jsonl: bool, explain: bool, bundle: Path | None) -> None:
    """Score everything under the paths; a line a message as they come, or one table."""
    from scorelane.extract import Extractor
    from scorelane.scoring import Bundle, Policy, Scorer, default_bundle_path
    from scorelane.settings import Settings
    from scorelane.signals.reference import read_reference

    loaded = Bundle.load(bundle or default_bundle_path())
    scorer = Scorer(loaded, Policy.from_bundle(loaded))
    lists = read_reference(Settings().lists_folder).lists
    count = 0
    rejected = 0

    def refuse(item: Rejected) -> None:
        nonlocal rejected
        rejected += 1
        tell(item)

    rows: list[dict[str, Any]] = []
    with Extractor() as extractor, output.progress("scoring") as done:
        for batch in batches(sources.read(paths), most=CHUNK_MESSAGES, on_rejected=refuse):
            for row in scored(scorer, batch, extractor, lists=lists, explain=explain or not jsonl):
                count += 1
                if jsonl:
                    sys.stdout.write(output.to_json(row if explain else _without_reasons(row)) + "\n")
                else:
                    rows.append(row)
            sys.stdout.flush()
            done(count)
    if rows:
        _table(rows)
    if not count:
        raise CommandError(f"no message was found ({rejected} rejected)")


def scored(
    scorer: Scorer, batch: Sequence[Source], extractor: Extractor, *, lists: Lists | None = None, explain: bool
) -> Iterator[dict[str, Any]]:
    """The contract's row of each message in order; with `explain`, its strongest reasons."""
    from scorelane.mail import parse
    from scorelane.scoring import explain as explain_row
    from scorelane.scoring import read_by_model

    messages = _opened([parse(source.raw, received_at=source.received_at) for source in batch], extractor)
    result = scorer.score(messages, lists=lists)
    for position, source in enumerate(batch):
        row: dict[str, Any] = {
            "source": source.name,
            "sha256": hashlib.sha256(source.raw).hexdigest(),
            "score": float(result.score[position]),
            "log_odds": float(result.log_odds[position]),
            "verdict": result.verdicts[position],
            "category": result.categories[position],
            "bundle": scorer.bundle.name,
        }
        if explain:
            explanation = explain_row(
                scorer.bundle,
                result.matrix[position],
                float(result.text_log_odds[position]),
                read_by_model(messages[position]),
                messages[position],
            )
            row["reasons"] = explanation.reasons(REASONS)
        yield row


def _opened(messages: list[Message], extractor: Extractor) -> list[Message]:
    """Messages joined with what their attachments hold; as they are where no server can be started."""
    from scorelane.extract import Unavailable, open_all

    try:
        return open_all(messages, extractor)
    except Unavailable as fault:
        output.note(f"attachments were not opened: {fault}")
        return messages


def _without_reasons(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "reasons"}


def _table(rows: Sequence[dict[str, Any]]) -> None:
    columns = ("verdict", "category", "score", "log_odds", "source", "reason")
    cells = [
        (row["verdict"], row["category"], row["score"], row["log_odds"], row["source"], next(iter(row["reasons"]), ""))
        for row in rows
    ]
    output.table("", columns, cells, numbers=("score", "log_odds"))
