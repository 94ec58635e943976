"""Quality beside the peers: every system learns from the same messages and is judged on the same others.

`make bench-quality`; CORPORA names the folder of labelled mail. Prints three tables and, with --json FILE, writes them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from mail import CORPORA
from own_mail import OwnMail
from quality_systems import Bogofilter, Bytes, Scorelane, System

from scorelane.cli import training_mail
from scorelane.scoring.tokens import EDITION
from scorelane.scoring.training import corpus, intervals
from scorelane.scoring.training.fit import GENERATED, folds_of
from scorelane.scoring.training.intervals import Scores
from scorelane.scoring.training.report import RATES, lost_area, told
from scorelane.signals import signal_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scorelane.scoring.training.corpus import Dataset, Labelled

TRAINED = ("csdmc2010", "cwl_2026", "dovecot_list_2002", "lists_modern", "nazario_old", "spamassassin")
TWO_CLASSES = ("spamassassin", "lists_modern", "csdmc2010")
PHISHING = ("cwl_2026", "nazario_old")
GENERATED_COUNT = 4_000
SPLIT = "2007-05-20"
FOLDS = 3
SYSTEMS = ("scorelane", "bogofilter", "stripped", "unstripped")

Mask = npt.NDArray[np.bool_]


class Mail(NamedTuple):
    """Messages as bytes and as vectors, in one order."""

    data: Dataset
    raws: list[bytes]
    dates: npt.NDArray[np.str_]


def main() -> None:
    """Run the parts that were asked for."""
    arguments = _arguments()
    for needed, present in (
        (f"{CORPORA}/INDEX.tsv", (CORPORA / "INDEX.tsv").exists()),
        ("bogofilter", shutil.which("bogofilter") or "bogofilter" not in arguments.systems),
    ):
        if not present:
            sys.exit(f"bench-quality needs {needed}, which is not there: set CORPORA, or install Debian's bogofilter")
    results: dict[str, Any] = {}
    keep = arguments.vectors
    systems = arguments.systems
    if "trec" in arguments.parts:
        results["trec"] = list(
            _told("TREC07p, train before 20 May 2007, test after, campaigns apart", _trec(systems, keep))
        )
    if "sources" in arguments.parts:
        rows = _sources(systems, keep)
        results["sources"] = list(_told("one source left out, thresholds from the others' wanted mail", rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["trec", "sources"], help="trec, sources")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS, help="which to run; all unless given")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--vectors", type=Path, help="folder that keeps vectors, to judge another recipe in a minute")
    return parser.parse_args()


def _load(sources: Sequence[str], generated: int, keep: Path | None) -> Mail:
    started = time.perf_counter()
    found = [*corpus.read_index(CORPORA, sources), *training_mail.generated(generated)]
    found.sort(key=lambda one: (one.source, one.date, one.member))
    mail = Mail(_vectors(found, keep), [one.raw for one in found], np.array([one.date for one in found]))
    print(f"read {len(found):,} messages in {time.perf_counter() - started:.0f} s", flush=True)
    return mail


def _vectors(found: Sequence[Labelled], keep: Path | None) -> Dataset:
    """Vectors of the messages, from the folder where the same mail was read by the same signals and tokens."""
    if keep is None:
        return corpus.vectors(found)
    state = hashlib.sha256(f"{signal_set().hash} {EDITION}".encode())
    for one in found:
        state.update(hashlib.sha256(one.raw).digest())
    file = keep / f"{state.hexdigest()[:20]}.pickle"
    if file.exists():
        data: Dataset = pickle.loads(file.read_bytes())
        return data
    data = corpus.vectors(found)
    keep.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps(data))
    return data


def _systems(mail: Mail, chosen: Sequence[str], *, is_own_mail: bool) -> Iterator[System]:
    """One at a time: their features are large."""
    for name in chosen:
        if name == "scorelane":
            yield OwnMail(mail.data, mail.raws) if is_own_mail else Scorelane(mail.data)
        elif name == "bogofilter":
            yield Bogofilter(mail.raws, mail.data.unwanted)
        else:
            yield Bytes(mail.raws, mail.data.unwanted, is_stripped=name == "stripped")


def _trec(systems: Sequence[str], keep: Path | None) -> Iterator[dict[str, Any]]:
    mail = _load(["trec07p"], 0, keep)
    learn = mail.dates < SPLIT
    judge = ~learn & ~np.isin(mail.data.clusters, np.unique(mail.data.clusters[learn]))
    bad = mail.data.unwanted[judge]
    for system in _systems(mail, systems, is_own_mail=True):
        scores = system.scores(learn, judge)
        unwanted, wanted = (Scores(scores[rows], mail.data.clusters[judge][rows]) for rows in (bad, ~bad))
        row = _row(system, "trec07p, later part", wanted, unwanted)
        for budget in RATES:
            row[f"recall at {budget:.1%}"] = _recall(unwanted, wanted, budget)
        yield row


def _sources(systems: Sequence[str], keep: Path | None) -> Iterator[dict[str, Any]]:
    """Points 2 and 3: the same models answer both."""
    mail = _load([*TRAINED, "trec07p"], GENERATED_COUNT, keep)
    for system in _systems(mail, systems, is_own_mail=False):
        for left_out in (*TWO_CLASSES, *PHISHING):
            yield _left_out(system, mail.data, left_out)


def _left_out(system: System, data: Dataset, left_out: str) -> dict[str, Any]:
    """Learn from two thirds of the campaigns of all other sources; take thresholds from the wanted mail of the rest."""
    sources, unwanted = data.sources, data.unwanted
    others = (sources != left_out) & (sources != "trec07p")
    rest = folds_of(data.clusters, FOLDS) == 0
    learn = others & ~rest
    judge = ~learn
    scores = np.full(len(unwanted), np.nan)
    scores[judge] = system.scores(learn, judge)

    def of(rows: Mask) -> Scores:
        return Scores(scores[rows], data.clusters[rows])

    bad, good = of((sources == left_out) & unwanted), of((sources == left_out) & ~unwanted)
    held = others & rest & ~unwanted & (sources != GENERATED)
    lists = held & (sources == "lists_modern")
    ordinary = of((sources == "trec07p") & ~unwanted)
    fixed = of(lists if left_out != "lists_modern" else held)
    row = _row(system, left_out, good, bad)
    for budget in RATES:
        row[f"recall at {budget:.1%}"] = _recall(bad, fixed, budget)
        if len(good.values):
            row[f"recall at {budget:.1%} of own"] = _recall(bad, good, budget)
            row[f"own flagged at {budget:.1%}"] = _recall(good, fixed, budget)
    row["trec07p ham flagged"] = _recall(ordinary, fixed, RATES[0])
    row["recall at 0.1% of trec07p ham"] = _recall(bad, ordinary, RATES[0])
    return row


def _row(system: System, judged: str, wanted: Scores, unwanted: Scores) -> dict[str, Any]:
    row: dict[str, Any] = {
        "system": system.name,
        "judged": judged,
        "lost_area": lost_area(wanted.values, unwanted.values),
    }
    area = intervals.lost_area(wanted, unwanted)
    if area is not None:
        row["1-AUC%"] = dict(zip(("rate", "low", "high"), area, strict=True))
    return row


def _recall(judged: Scores, wanted: Scores, budget: float) -> dict[str, Any]:
    """Share above the threshold that the budget gives over the wanted mail; the interval is over campaigns of both."""
    return told(intervals.recall(judged, wanted, budget), len(judged.values))


def _told(title: str, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    print(f"\n{title}", flush=True)
    for row in rows:
        line = [f"{row['system']:20} {row['judged']:20}"]
        line += [
            f"{name} {found['rate']:.4f} ({found['low']:.4f}-{found['high']:.4f})"
            for name, found in row.items()
            if isinstance(found, dict)
        ]
        print("  ".join(line), flush=True)
        yield row


if __name__ == "__main__":
    main()
