"""Workers look for reference cycles seldom, so reading mail must leave none."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from scorelane.mail import parse
from scorelane.sample import sample_mailbox
from scorelane.signals import compute_chunk

FOUND = sorted((Path(__file__).parents[1] / "mail" / "found").glob("*"))


@pytest.mark.parametrize(
    "raws",
    [[one.raw for one in sample_mailbox(11, 300)], [path.read_bytes() for path in FOUND]],
    ids=["mail", "hostile mail"],
)
def test_reading_mail_leaves_no_reference_cycles(raws):
    compute_chunk([parse(raw) for raw in raws])
    gc.collect()
    gc.disable()
    try:
        compute_chunk([parse(raw) for raw in raws])
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_collecting_seldom_frees_cycles_all_the_same():
    script = """
import gc, weakref
from scorelane.garbage import THRESHOLDS, collect_seldom
class Cycle: pass
collect_seldom()
cycle = Cycle(); cycle.self = cycle; alive = weakref.ref(cycle); del cycle
kept = [[] for _ in range(THRESHOLDS[0] + 1)]
print(alive() is None, gc.get_freeze_count() > 1000)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.split() == ["True", "True"]
