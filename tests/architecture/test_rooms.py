"""The shape of the house: where rooms are loaded from, what they may import, what stands only in one place."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("room", ["worker", "tasks", "db", "scorelane"])
def test_a_room_is_loaded_from_the_repository(room):
    module = importlib.import_module(room)
    assert Path(module.__file__).resolve().parent == ROOT / room


@pytest.mark.parametrize("room", ["worker", "tasks", "db"])
def test_no_installed_distribution_owns_a_rooms_name(room):
    assert packages_distributions().get(room, []) in ([], ["scorelane"])


def test_rooms_depend_downwards_only():
    program = Path(sys.executable).parent / "lint-imports"
    answer = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout


def sources():
    for room in ("scorelane", "worker", "tasks", "db"):
        yield from (ROOT / room).rglob("*.py")


def test_only_settings_reads_the_environment():
    allowed = {ROOT / "scorelane" / "settings.py"}
    readers = {
        file
        for file in sources()
        if any(word in file.read_text() for word in ("os.environ[", "os.environ.get", "os.getenv"))
    }
    assert readers <= allowed


STATEMENT = re.compile(
    r"\s*(?:SELECT|INSERT INTO|UPDATE \w+ (?:\w+ )?SET|DELETE FROM|MERGE INTO|COPY|TRUNCATE|WITH \w+ AS|LOCK TABLE"
    r"|ALTER|CREATE|DROP|CALL|SET LOCAL)\s"
)


def test_sql_stands_only_in_the_database_room():
    elsewhere = {
        (str(file.relative_to(ROOT)), node.lineno)
        for file in sources()
        if file.relative_to(ROOT).parts[0] != "db"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value)
    }
    assert elsewhere == set()


def test_no_lock_file_names_a_registry():
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text


def test_nothing_sleeps_or_retries_inside_celery():
    """A delay lives in Postgres: an ETA fills a worker's memory and runs twice past the visibility timeout."""
    for file in (*(ROOT / "tasks").rglob("*.py"), *(ROOT / "worker").rglob("*.py")):
        text = file.read_text()
        assert not any(word in text for word in ("countdown=", "eta=", ".retry(", "apply_async(")), file
