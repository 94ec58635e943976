"""One broken and mended system for all of this folder: short in `make test`, in full in `make faults`."""

from __future__ import annotations

import pytest

from tests.faults.rig import FULL, SHORT, Rig

_reports: list[tuple[str, list]] = []
_told: list[tuple[str, str, str]] = []


@pytest.fixture(scope="session", params=[SHORT, pytest.param(FULL, marks=pytest.mark.slow)], ids=lambda s: s.name)
def rig(request, tmp_path_factory):
    with Rig(tmp_path_factory.mktemp("rig") / "s", request.param) as running:
        yield running
    _reports.append((request.param.name, running.recoveries))


@pytest.fixture
def tenant(rig, request):
    """A tenant of the test's own, so that one audit never reads another's mail."""
    rig.wait_until(rig.all_ready, "the system is whole before the test")
    return rig.tenant(request.node.originalname.removeprefix("test_")[:50].strip("_"))


@pytest.fixture
def tell():
    """Takes what was measured, without and with the fault, for the table at the end of the run."""
    return lambda *row: _told.append(row)


def pytest_terminal_summary(terminalreporter):
    if _told:
        terminalreporter.write_line("")
        terminalreporter.write_line(f"{'beside enrichment':58} {'before':>19} {'meanwhile':>19}")
        for what, before, meanwhile in _told:
            terminalreporter.write_line(f"{what:58} {before:>19} {meanwhile:>19}")
    for name, recoveries in _reports:
        if name != "full" or not recoveries:
            continue
        terminalreporter.write_line("")
        terminalreporter.write_line("Recovery, in seconds after the fault was lifted")
        terminalreporter.write_line(f"{'fault':58} {'messages':>9} {'first result':>13} {'all final':>10}")
        for one in recoveries:
            first = "-" if one.first_s is None else f"{one.first_s:.1f}"
            terminalreporter.write_line(f"{one.fault:58} {one.messages:>9,} {first:>13} {one.all_s:>10.1f}")
