"""``scorelane signals new`` and ``check``: from a name to a signal that may be merged, within a checkout."""

from __future__ import annotations

import difflib
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from xml.etree import ElementTree as ET

import typer

from scorelane.cli import output
from scorelane.cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scorelane.signals import Signal

COST_SEED, COST_MESSAGES, COST_PASSES = 1, 150, 3
BUDGET_US = 50.0
"""What one signal may cost a message at the mean: four times the dearest of today's, a tenth of all."""
ROOT = Path(__file__).parents[2]
TESTS = Path("tests/signals")
CHECKS = ("conformance", "lock", "budget", "examples", "golden")


@dataclass
class Checked:
    """What the checks say of one signal."""

    signal: Signal
    cost_us: float
    faults: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in CHECKS})

    @property
    def is_ok(self) -> bool:
        """Whether it may be merged."""
        return not any(self.faults.values())

    def row(self, budget_us: float) -> dict[str, Any]:
        """The contract's row."""
        return {
            "signal": self.signal.name,
            "family": self.signal.family,
            "version": self.signal.version,
            "ok": self.is_ok,
            **{name: not self.faults[name] for name in CHECKS},
            "cost_us": round(self.cost_us, 2),
            "budget_us": budget_us,
            "faults": [f"{name}: {fault}" for name in CHECKS for fault in self.faults[name]],
        }


def new(
    name: Annotated[str, typer.Argument(help="Small letters and underscores, as in link_to_ip.")],
    family: Annotated[str, typer.Option(help="The folder it belongs to, as `signals list` shows.")],
) -> None:
    """Write a signal's module and its test; both fail until they are written."""
    from scorelane.signals.template import create

    made = create(name, family, _checkout())
    sys.stdout.write(f"{made.path}\n{made.test_path}\n")
    output.note(f"write both, then: scorelane signals check {name} --lock")


def check(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Only these; else all.")] = None,
    lock: Annotated[bool, typer.Option("--lock", help="First record new signals and raised versions.")] = False,
    budget_us: Annotated[float, typer.Option(min=0, help="Microseconds that a signal may take at the mean.")] = (
        BUDGET_US
    ),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Check signals before merging: conformance, hash lock, budget, examples and golden values, in seconds."""
    from scorelane.signals import all_signals

    root = _checkout()
    wanted = named(names) if names else list(all_signals())
    if lock:
        _record(root)
    checked, others = _check(wanted, root, budget_us)
    rows = [one.row(budget_us) for one in checked]
    if as_json:
        output.json_array(rows)
    else:
        columns = ("signal", "family", *CHECKS, "us")
        said = {True: "ok", False: "fails"}
        cells = [
            (row["signal"], row["family"], *(said[row[name]] for name in CHECKS), f"{row['cost_us']:.1f}")
            for row in rows
        ]
        output.table("", columns, cells, numbers=("us",))
    for row in rows:
        for fault in row["faults"]:
            output.note(f"{row['signal']}: {fault}")
    for line in others:
        output.note(line)
    failing = sum(not row["ok"] for row in rows)
    if failing or others:
        raise CommandError(f"{failing} of {len(rows)} signals fail" if failing else "not every check passed")


def named(names: Iterable[str]) -> list[Signal]:
    """The signals of these names; a name that is none gets one line with what is near."""
    from scorelane.signals import all_signals

    known = {signal.name: signal for signal in all_signals()}
    found = []
    for name in dict.fromkeys(names):
        if name not in known:
            near = difflib.get_close_matches(name, known, 3)
            hint = f"; near: {', '.join(near)}" if near else "; see: scorelane signals list"
            raise CommandError(f"there is no signal {name!r}{hint}")
        found.append(known[name])
    return found


def sample_costs(passes: int = 1) -> dict[str, float]:
    """Mean microseconds of each signal without what it shares with others, over sample mail; the best pass counts."""
    from scorelane.mail import parse
    from scorelane.sample import sample_mailbox
    from scorelane.signals.cost import measure

    messages = [parse(one.raw, received_at=one.received_at) for one in sample_mailbox(COST_SEED, COST_MESSAGES)]
    measure(messages[:20])  # the first call of each signal fills caches
    best: dict[str, float] = {}
    for _ in range(passes):
        for cost in measure(messages):
            best[cost.name] = min(cost.mean_us, best.get(cost.name, cost.mean_us))
    return best


def _check(signals: Sequence[Signal], root: Path, budget_us: float) -> tuple[list[Checked], list[str]]:
    """(what is said of each signal, lines on what is no signal's own)."""
    from scorelane.signals import conformance, signal_set
    from scorelane.signals.lock import PARSER, current_lock, read_lock

    costs = sample_costs(COST_PASSES)
    seen = conformance.run(set_=signal_set([signal.name for signal in signals]))
    tested, others = _tests(signals, root)
    locked, current = read_lock(), current_lock()
    gone = sorted(locked.keys() - current.keys())
    others += [f"lock: {', '.join(gone)} is locked and gone; record that with --lock"] if gone else []
    others += [f"lock: the parser {fault}" for fault in _lock_faults(PARSER, locked, current)]
    checked = []
    for signal in signals:
        one = Checked(signal, costs[signal.name])
        one.faults["conformance"] = conformance.faults(signal, seen)
        one.faults["lock"] = _lock_faults(signal.name, locked, current)
        if one.cost_us > budget_us:
            one.faults["budget"] = [
                f"{one.cost_us:.1f} us a message, and {budget_us:g} are allowed; share work in a @derived value"
            ]
        for kind in ("examples", "golden"):
            one.faults[kind] = tested.get((signal.name, kind), [])
        checked.append(one)
    return checked, others


def _lock_faults(name: str, locked: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    from scorelane.signals.lock import broken

    if locked.get(name) == current[name]:
        return []
    if name in locked and broken({name: locked[name]}, {name: current[name]}):
        return ["its meaning changed and its version did not; raise the version, then: scorelane signals check --lock"]
    return [f"version {current[name]['version']} is not in the lock file; record it with --lock"]


def _tests(signals: Sequence[Signal], root: Path) -> tuple[dict[tuple[str, str], list[str]], list[str]]:
    """Run examples, golden mail and the signals' own tests: (faults by signal and check, other lines)."""
    own = {f"test_{signal.name}": signal.name for signal in signals}
    own = {test: name for test, name in own.items() if (root / TESTS / f"{test}.py").exists()}
    files = [str(TESTS / f"{name}.py") for name in ("test_examples", "test_golden", *own)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["-q", "--tb=short", "--confcutdir", str(TESTS), "-p", "no:cacheprovider", f"--junitxml={report}"]
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *files], cwd=root, capture_output=True, text=True, check=False
        )
        if not report.exists():
            raise CommandError(f"the examples could not be run: {_last_line(ran.stderr or ran.stdout)}")
        cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 - our own report
    names = {signal.name for signal in signals}
    found: dict[tuple[str, str], list[str]] = {}
    others = []
    shown = set()
    for case in cases:
        module = case.get("classname", "").rsplit(".", 1)[-1] or case.get("name", "").rsplit(".", 1)[-1]
        test, _, parameter = case.get("name", "").partition("[")
        parameter = parameter.rstrip("]")  # a second row of a signal carries a number
        name = own.get(module) or (parameter if parameter in names else parameter.rstrip("0123456789").rstrip("_"))
        kind = "golden" if module == "test_golden" else "examples"
        if kind == "examples":
            shown.add(name)
        fault = case.find("failure") if case.find("failure") is not None else case.find("error")
        if fault is None:
            continue
        line = f"{test}: {_last_line(fault.get('message', '').partition(chr(10))[0])}"
        if name in names:
            found.setdefault((name, kind), []).append(line)
        elif not parameter:
            others.append(f"{kind}: {line}")
    for name in sorted(names - shown):
        found.setdefault((name, "examples"), []).append(
            f"it has none; write {TESTS}/test_{name}.py or a row in {TESTS}/examples"
        )
    return found, others


def _record(root: Path) -> None:
    """Write the lock file and the golden values; nothing where a meaning changed under its old version."""
    from scorelane.signals.lock import write_lock

    changed = write_lock()
    ran = subprocess.run(
        [sys.executable, str(TESTS / "test_golden.py")], cwd=root, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise CommandError(f"the golden values could not be recorded: {_last_line(ran.stderr)}")
    output.note(f"locked: {', '.join(changed) or 'nothing new'}")


def _checkout() -> Path:
    """The repository that this command runs from: signals are written there, not in an installed package."""
    if not (ROOT / TESTS / "conftest.py").exists():
        raise CommandError(f"{ROOT} is no checkout of Scorelane: signals are written and checked in one")
    return ROOT


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason was given"
