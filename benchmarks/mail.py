"""Mail that a benchmark runs on: a PATH, a folder of labelled archives, or generated."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import NamedTuple

from scorelane.cli import sources
from scorelane.sample import sample_mailbox

CORPORA = Path(os.environ.get("CORPORA", "../shared/corpora"))
GENERATED = 5_000
SEED = 11


class Mail(NamedTuple):
    """Messages and where they are from."""

    title: str
    messages: list[sources.Source]
    unwanted: list[bool | None]
    """A label a message, None where nobody gave one."""


def load(archive: str = "spamassassin", most: int | None = None) -> Mail:
    """Messages of the paths on the command line, of $MAIL, of an archive of CORPORA, or generated ones."""
    named = sys.argv[1:] or os.environ.get("MAIL", "").split()
    default = CORPORA / f"{archive}.tar.zst"
    if not named and default.exists():
        named = [str(default)]
    if not named:
        sample = list(sample_mailbox(SEED, most or GENERATED))
        found = [sources.Source(f"sample:{n}", one.raw, one.received_at) for n, one in enumerate(sample)]
        return _stated("generated mail", found, [one.label != "legitimate" for one in sample])
    found = []
    for item in sources.read(named):
        if isinstance(item, sources.Source):
            found.append(item)
        if most is not None and len(found) == most:
            break
    if not found:
        sys.exit(f"no message in {' '.join(named)}; name a PATH in MAIL, or a folder with {archive}.tar.zst in CORPORA")
    classes = _classes()
    labels = [classes.get(one.name.partition(":")[2]) for one in found]
    return _stated(" ".join(Path(name).name for name in named), found, labels)


def _classes() -> dict[str, bool]:
    """Whether a member of an archive of CORPORA is unwanted."""
    index = CORPORA / "INDEX.tsv"
    if not index.exists():
        return {}
    with index.open(encoding="utf-8", newline="") as lines:
        return {row["member"]: row["class"] != "ham" for row in csv.DictReader(lines, delimiter="\t")}


def _stated(name: str, found: list[sources.Source], labels: list[bool | None]) -> Mail:
    mean_kb = sum(len(one.raw) for one in found) / len(found) / 1000
    return Mail(f"{name}: {len(found):,} messages, {mean_kb:.1f} kB each", found, labels)
