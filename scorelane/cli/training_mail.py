"""Labelled mail for training and evaluation, from folders with an index, from any PATH, and from the sample."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from scorelane.cli import sources as mail
from scorelane.cli.errors import Misused
from scorelane.scoring.training import corpus
from scorelane.scoring.training.corpus import SAFE_CLASSES, UNSAFE_CLASSES, Labelled
from scorelane.scoring.training.fit import GENERATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SEED = 101
SHOWN = 3


def read(paths: Sequence[str], *, labels: Path | None = None, sources: str | None = None) -> Iterator[Labelled]:
    """Every labelled message under the paths. Raises Misused, naming mail without a class."""
    given = {} if labels is None else _list(labels)
    for path in paths:
        if (Path(path) / "INDEX.tsv").exists():
            chosen = corpus.sources_of(Path(path)) if sources is None else sources.split(",")
            yield from corpus.read_index(Path(path), chosen)
        else:
            yield from _unindexed(path, given)


def generated(count: int) -> Iterator[Labelled]:
    """Wanted mail of the sample, and half as many attacks; always the same."""
    from scorelane.sample import attacks, legitimate

    for kind, found in (("wanted", legitimate(SEED, count)), ("attack", attacks(SEED, count // 2))):
        for number, one in enumerate(found):
            yield Labelled(
                source=GENERATED,
                unwanted=one.category is not None,
                label=one.category or "ham",
                member=f"{kind}-{number:06}",
                date=one.received_at.isoformat(),
                cluster=f"{GENERATED}:{kind}-{number}",
                raw=one.raw,
            )


def _unindexed(path: str, given: dict[str, str]) -> Iterator[Labelled]:
    missing: list[str] = []
    for found in mail.read([path]):
        if isinstance(found, mail.Rejected):
            raise Misused(f"{found.name}: {found.reason}")
        label = _label(found, given)
        if label is None:
            missing.append(found.name)
            continue
        yield Labelled(
            source=PurePath(path).name.partition(".")[0],
            unwanted=label not in SAFE_CLASSES,
            label=label,
            member=found.name,
            date=found.received_at.isoformat() if found.received_at else "",
            cluster="",
            raw=found.raw,
        )
    if missing:
        shown = ", ".join(missing[:SHOWN])
        raise Misused(
            f"{len(missing)} messages have no class ({shown}): name their folder or file ham, spam, phish or the like, "
            "or list them in --labels"
        )


def _label(found: mail.Source, given: dict[str, str]) -> str | None:
    if given:
        said = given.get(found.name) or given.get(hashlib.sha256(found.raw).hexdigest())
        if said is not None:
            return said
    words = [word.partition(".")[0].lower() for word in found.name.replace(":", "/").replace("#", "/").split("/")]
    return next((word for word in reversed(words) if word in SAFE_CLASSES | UNSAFE_CLASSES), None)


def _list(path: Path) -> dict[str, str]:
    out = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        name, tab, label = line.rpartition("\t")
        if not tab or label not in SAFE_CLASSES | UNSAFE_CLASSES:
            raise Misused(
                f"{path}, line {number}: expected a name or SHA-256, a tab, and one of "
                f"{', '.join(sorted(SAFE_CLASSES | UNSAFE_CLASSES))}"
            )
        out[name] = label
    return out
