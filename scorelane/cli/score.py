"""``scorelane score``: verdicts without a queue or a database, the same function that the workers call."""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scorelane.cli import output, sources
from scorelane.cli.batches import batches, tell
from scorelane.cli.errors import FAILED, CommandError, Misused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scorelane.cli.sources import Rejected, Source
    from scorelane.extract import Extractor
    from scorelane.mail import Message
    from scorelane.scoring import Scorer
    from scorelane.signals.context import Directory
    from scorelane.signals.reference import Lists

CHUNK_MESSAGES = 256
REASONS = 5


class Standing(NamedTuple):
    """What mail is scored with."""

    scorer: Scorer
    directory: Directory


def score(
    paths: list[str],
    *,
    jsonl: bool,
    explain: bool,
    bundle: Path | None,
    tenant: str | None = None,
    directory: Path | None = None,
) -> int:
    """Score everything under the paths; a line a message as they come, or one table. The exit code."""
    from scorelane.extract import Extractor
    from scorelane.settings import Settings
    from scorelane.signals.reference import read_reference

    standing = _standing(bundle, tenant, directory)
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
            for row in scored(standing, batch, extractor, lists=lists, explain=explain or not jsonl):
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
    if rejected:
        output.note(f"{count} scored, {rejected} rejected")
    return FAILED if rejected else 0


def scored(
    standing: Standing, batch: Sequence[Source], extractor: Extractor, *, lists: Lists | None = None, explain: bool
) -> Iterator[dict[str, Any]]:
    """The contract's row of each message in order; with `explain`, its strongest reasons."""
    from scorelane.mail import parse
    from scorelane.scoring import explain as explain_row
    from scorelane.scoring import read_by_model

    messages = _opened([parse(source.raw, received_at=source.received_at) for source in batch], extractor)
    scorer, now = standing.scorer, datetime.now(UTC)
    result = scorer.score(messages, directory=standing.directory, lists=lists)
    for position, source in enumerate(batch):
        author, category = messages[position].author, result.categories[position]
        log_odds = float(result.log_odds[position])
        row: dict[str, Any] = {
            "source": source.name,
            "sha256": hashlib.sha256(source.raw).hexdigest(),
            "score": float(result.score[position]),
            "log_odds": log_odds,
            "verdict": scorer.policy.decide(log_odds, category, author.addr if author else "", now).verdict,
            "category": category,
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


def _standing(bundle: Path | None, tenant: str | None, directory: Path | None) -> Standing:
    """A bundle under its own policy and an empty directory, or under a tenant's, which workers would use, too."""
    from scorelane.cli.directory import read_file
    from scorelane.scoring import Bundle, Policy, Scorer, default_bundle_path
    from scorelane.signals.context import Directory

    if tenant is not None and directory is not None:
        raise Misused("give --tenant, whose directory is stored, or --directory with a file")
    if tenant is not None:
        return _of_tenant(tenant, bundle)
    held = Directory() if directory is None else read_file(directory)
    loaded = Bundle.load(bundle or default_bundle_path())
    return Standing(Scorer(loaded, Policy.from_bundle(loaded)), held)


def _of_tenant(tenant: str, bundle: Path | None) -> Standing:
    from db import bundles, directories, policies
    from db.session import connect
    from scorelane import directory, stored_bundles
    from scorelane.cli.tenants import tenant_id
    from scorelane.scoring import Bundle, Policy, Scorer, default_bundle_path
    from scorelane.scoring.policy import read_policy
    from scorelane.settings import Settings

    with connect(Settings().database_url, application="scorelane-cli") as connection:
        owner = tenant_id(connection, tenant)
        version = directories.latest(connection, owner)
        held = directory.decode(directories.body(connection, owner, version), version)
        policy_version, said = policies.body(connection, owner)
        pointer = bundles.current(connection)
        if bundle is None and pointer is not None:
            loaded = stored_bundles.load(connection, pointer.live, pointer.live_path)
        else:
            loaded = Bundle.load(bundle or default_bundle_path())
    own = read_policy(said) if policy_version else None
    return Standing(Scorer(loaded, Policy.from_bundle(loaded, own, policy_version)), held)


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
