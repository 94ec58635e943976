"""Parser and every signal against generated mail: nothing may raise, fail or take over a second a megabyte.

    fuzz.py [--seconds N] [--keep FOLDER]

Three ways share the time: hypothesis builds messages, stretched tokens fill a megabyte each, and atheris follows the
coverage of the code. What is found is written to the folder; a regression test reads `tests/mail/found/`.
"""

from __future__ import annotations

import argparse
import os
import runpy
import subprocess
import sys
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
STRATEGIES = ROOT / "tests" / "mail" / "strategies.py"
MEGABYTE = 1_000_000
LIMIT_S = 1.0
TRIES = 3
"""A machine that is busy may be slow once: the best of some tries counts."""
SHARES = {"stretched": 0.35, "hypothesis": 0.25, "atheris": 0.4}
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


class Found(Exception):
    """An input that must not be."""


def main() -> int:
    """Exit code 0 when nothing was found."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=float(os.environ.get("SECONDS_TO_FUZZ", "90")))
    options.add_argument("--keep", type=Path, default=Path(".fuzz"))
    options.add_argument("--way", choices=SHARES, help="Run one way alone, in this process.")
    options.add_argument("--seed", type=int, default=int(time.time()))
    chosen = options.parse_args()
    chosen.keep.mkdir(parents=True, exist_ok=True)
    if chosen.way:
        return WAYS[chosen.way](chosen.seconds, chosen.keep, chosen.seed)
    failed = False
    for way, share in SHARES.items():
        seconds = chosen.seconds * share
        words = ["--way", way, "--seconds", str(seconds), "--keep", str(chosen.keep), "--seed", str(chosen.seed)]
        failed |= subprocess.run([sys.executable, __file__, *words], check=False).returncode != 0
    print(f"seed {chosen.seed}; " + (f"findings are in {chosen.keep}/" if failed else "nothing found"))
    return int(failed)


def target() -> Callable[[bytes], None]:
    """Parse and compute every signal, alone and with all context; raises `Found` for what must not be."""
    from scorelane.mail import Limits, parse
    from scorelane.signals import compute, signal_set
    from scorelane.signals.context import STATUSES, Directory, Fact, History, Person

    failed = STATUSES.index("failed")
    names = signal_set().names
    tenant = Directory(
        domains=frozenset({"b.test"}),
        people=(Person("Ann Lee", ("ann@b.test",), "CEO", is_vip=True),),
        partners=frozenset({"evil.test"}),
        authserv_ids=frozenset({"mx.b.test", ""}),
    )
    past = History(address_count=3, domain_days_known=9.0, near_duplicates=2, link_domain_min_count=0)
    kinds = ("domain_age_days", "ip_listed", "url_listed", "domain_listed")
    facts = {kind: (Fact("1", kind, "a.test", "ok", 1.0),) for kind in kinds}
    small = Limits(header_block_bytes=500, parts=4, depth=2, html_bytes=500, html_depth=8, links=3, nested_levels=1)

    def run(raw: bytes) -> None:
        message = parse(raw, received_at=NOW)
        parse(raw, limits=small)
        problems: list[str] = []

        def note(name: str, error: Exception) -> None:
            problems.append(f"{name}: {error!r}")

        for context in ({}, {"history": past, "facts": facts, "directory": tenant}):
            vector = compute(message, on_failure=note, **context)  # type: ignore[arg-type]
            problems += [names[at] for at, status in enumerate(vector.statuses) if status == failed]
        if problems:
            raise Found(f"signals failed: {', '.join(problems[:5])}")

    return run


def stretch(seconds: float, keep: Path, seed: int) -> int:
    """Megabytes of a few repeated tokens, each within the time limit."""
    run = target()
    build = runpy.run_path(str(STRATEGIES))["stretched"]
    run(b"")
    end = time.monotonic() + seconds
    worst, count, failed = 0.0, 0, 0
    while time.monotonic() < end:
        raw = build(seed + count, MEGABYTE)
        count += 1
        spent, problem = _measured(run, raw)
        worst = max(worst, spent)
        if problem or spent > LIMIT_S:
            failed += 1
            _report(keep, raw, problem or f"{spent:.2f} s")
    print(f"stretched: {count} megabytes, slowest {worst:.2f} s of CPU, {failed} found")
    return int(failed > 0)


def _measured(run: Callable[[bytes], None], raw: bytes) -> tuple[float, str]:
    """(CPU seconds of the best try, what it raised)."""
    best = float("inf")
    for _ in range(TRIES):
        before = time.process_time()
        try:
            run(raw)
        except Exception as error:  # noqa: BLE001 - any is a finding
            return 0.0, repr(error)
        best = min(best, time.process_time() - before)
        if best <= LIMIT_S:
            break
    return best, ""


def by_hypothesis(seconds: float, keep: Path, seed: int) -> int:
    """Built messages, shrunk to the smallest that fails."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    run = target()
    strategies = runpy.run_path(str(STRATEGIES))
    counts = {"run": 0, "found": 0}
    end = time.monotonic() + seconds

    last: list[bytes] = [b""]
    batch = 0
    while time.monotonic() < end and not counts["found"]:
        batch += 1

        @seeded(seed + batch)
        @settings(
            max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )  # fmt: skip
        @given(strategies["messages"]())
        def check(raw: bytes) -> None:
            last[0] = raw
            counts["run"] += 1
            run(raw)

        try:
            check()
        except Exception as error:  # noqa: BLE001 - any is a finding
            counts["found"] += 1
            _report(keep, last[0], repr(error))
    print(f"hypothesis: {counts['run']:,} messages, {counts['found']} found")
    return int(counts["found"] > 0)


def by_atheris(seconds: float, keep: Path, seed: int) -> int:
    """Mutated messages, led by the coverage of parser and signals, in a child that libFuzzer may end."""
    corpus = keep / "corpus"
    corpus.mkdir(exist_ok=True)
    build = runpy.run_path(str(STRATEGIES))["stretched"]
    for number in range(40):
        (corpus / f"start-{number}").write_bytes(build(number, 600))
    words = [
        str(corpus), f"-max_total_time={max(1, int(seconds))}", f"-seed={seed & 0x7FFFFFFF}", "-max_len=4000",
        "-timeout=20", "-rss_limit_mb=2048", f"-artifact_prefix={keep}/", "-verbosity=0", "-print_final_stats=1",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, __file__, "--atheris-child", *words], capture_output=True, text=True, check=False
    )
    runs = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    print(f"atheris: {runs[0].split()[-1] if runs else 'no'} messages, {'found' if done.returncode else '0 found'}")
    if done.returncode:
        print("\n".join(done.stderr.splitlines()[-25:]))
    return int(done.returncode != 0)


def _atheris_child(words: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["scorelane.mail", "scorelane.signals"]):
        run = target()

    def once(raw: bytes) -> None:
        run(raw)

    atheris.Setup([sys.argv[0], *words], once)
    atheris.Fuzz()


def _report(keep: Path, raw: bytes, why: str) -> None:
    path = keep / f"{sha256(raw).hexdigest()[:12]}.eml"
    path.write_bytes(raw)
    print(f"  {path}: {why[:300]}", flush=True)


WAYS: dict[str, Callable[[float, Path, int], int]] = {
    "stretched": stretch,
    "hypothesis": by_hypothesis,
    "atheris": by_atheris,
}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--atheris-child"]:
        _atheris_child(sys.argv[2:])
    sys.exit(main())
