"""`scorelane signals new` and `check`, in processes of their own on a copy of the tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRONG = '''"""A signal with a fault of each kind."""

from scorelane.signals import signal


@signal(version=1, missing="", attacks=("moonshine",))
def link_to_moon(message) -> float | None:
    """TODO."""
    return 2.0
'''


@pytest.fixture
def tree(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("scorelane", "tests/signals"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def run(tree):
    def call(*arguments: str):
        return subprocess.run(
            [sys.executable, "-m", "scorelane.cli", "signals", *arguments],
            cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)},
            capture_output=True, text=True, timeout=150, check=False,
        )  # fmt: skip

    return call


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["new", "size_log", "--family", "urls"], "there already"),
        (["new", "Link-To", "--family", "urls"], "is not a name"),
        (["new", "link_to_moon", "--family", "moons"], "choose one of attachments"),
        (["new", "lock", "--family", "urls"], "tests/signals/test_lock.py is there already"),
        (["new", "directory", "--family", "urls"], "signals read already"),
        (["check", "size_lag"], "near: size_log"),
    ],
)
def test_a_mistake_gets_one_line_and_writes_nothing(run, tree, arguments, words):
    before = set(tree.rglob("*.py"))
    answer = run(*arguments)
    assert (answer.returncode, answer.stdout) == (1, "")
    (line,) = answer.stderr.splitlines()
    assert words in line
    assert set(tree.rglob("*.py")) == before


def test_a_new_signal_fails_its_checks_until_it_is_written(run, tree):
    made = run("new", "link_to_moon", "--family", "urls")
    assert made.stdout.splitlines() == ["scorelane/signals/urls/link_to_moon.py", "tests/signals/test_link_to_moon.py"]
    (tree / "scorelane/signals/urls/link_to_moon.py").write_text(WRONG)
    answer = run("check", "link_to_moon", "size_log", "--json")
    assert answer.returncode == 1
    wrong, right = json.loads(answer.stdout)
    assert (right["signal"], right["ok"], right["faults"]) == ("size_log", True, [])
    assert not any(wrong[check] for check in ("ok", "conformance", "lock", "examples", "golden"))
    told = "\n".join(wrong["faults"])
    for words in ("docstring", "moonshine", "say when", "range says 0 to 1", "--lock", "test_it_is_quiet", "record it"):
        assert words in told
    assert answer.stderr.splitlines()[-1] == "scorelane: 1 of 2 signals fail"


def test_a_changed_meaning_under_its_version_is_refused_and_a_dear_signal_told(run, tree):
    lock = tree / "scorelane/signals/lock.json"
    rows = json.loads(lock.read_text())
    rows["size_log"]["hash"] = "0" * 64
    lock.write_text(json.dumps(rows))
    refused = run("check", "size_log", "--lock")
    assert (refused.returncode, "raise the version" in refused.stderr) == (1, True)
    assert json.loads(lock.read_text()) == rows
    answer = run("check", "size_log", "--budget-us", "0.0001")
    assert answer.returncode == 1
    assert "size_log: lock: its meaning changed and its version did not" in answer.stderr
    assert "size_log: budget: " in answer.stderr
