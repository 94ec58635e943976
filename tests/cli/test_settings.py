"""Settings: each is written down, a wrong one is one line, a mistyped one does not go unseen.

``python tests/cli/test_settings.py`` writes docs/settings.md anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scorelane import settings
from scorelane.settings import BadSetting, NotRunning, Settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "settings.md"
ABOVE = """# Settings

Scorelane reads variables of the environment and nothing else. A value that cannot be stops the command with one line
and exit code 2; a variable that is named like a setting and is none is named in one line. Those of the deployed system
stand in [docker-compose.yml](../docker-compose.yml), the options of providers in [enrichment.md](enrichment.md).

This table is the code's (`scorelane/settings.py`), and a test holds it equal: `python tests/cli/test_settings.py`
writes it anew.

| variable | meaning | is | default |
|---|---|---|---|
"""


def page():
    """What docs/settings.md holds."""
    rows = []
    for name, field in Settings.model_fields.items():
        url = settings.variable(name).endswith("_URL")
        default = "" if field.default is None else f"`{json.dumps(field.default, default=str)}`".replace('"', "")
        kind = "a URL" if url else settings.wanted(field)
        rows.append(f"| `{settings.variable(name)}` | {field.description} | {kind} | {default} |\n")
    return ABOVE + "".join(sorted(rows))


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in os.environ:
        if name.startswith("SCORELANE_"):
            monkeypatch.delenv(name)


def test_the_page_names_every_setting_as_the_code_has_it():
    assert all(field.description for field in Settings.model_fields.values())
    assert PAGE.read_text() == page(), f"write it anew: python {Path(__file__).relative_to(ROOT)}"


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("FLOWER_PORT", "abc", "'abc' is not a whole number from 1 to 65535"),
        ("CONSOLE_PORT", "70000", "'70000' is not a whole number from 1 to 65535"),
        ("TASK_TIME_LIMIT_S", "0", "'0' is not a whole number of at least 1"),
        ("STALL_S", "-1", "'-1' is not a number above 0"),
        ("CONSOLE_HTTPS", "perhaps", "'perhaps' is not true or false"),
        ("LOG_LEVEL", "loud", "'loud' is not one of DEBUG, INFO, WARNING, ERROR"),
        ("ENRICHMENT", "{dns", 'is not a table of options a provider, as JSON like {"dns": {}}'),
        ("ENRICHMENT", '{"dns": 3}', "'3' is not a table of options a provider, as JSON like {\"dns\": {}}"),
        ("DATABASE_URL", "x:secret@y", "is not a database's URL like postgresql://user:password@host:5432/name"),
        ("OWNER_DATABASE_URL", "", "is not a database's URL like postgresql://user:password@host:5432/name"),
        ("API_DATABASE_URL", "redis://h", "is not a database's URL like postgresql://user:password@host:5432/name"),
        ("BROKER_URL", "nonsense", "is not a broker's URL like redis://:password@host:6379/0"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(monkeypatch, name, value, line):
    monkeypatch.setenv(f"SCORELANE_{name}", value)
    with pytest.raises(BadSetting) as fault:
        Settings()
    assert str(fault.value) == f"SCORELANE_{name} {line}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://a:1,b:2/x?target_session_attrs=read-write"),
        ("DATABASE_URL", "postgresql://worker@/scorelane?host=/run/postgresql"),
        ("BROKER_URL", "sentinel://a:26379;sentinel://b:26379"),
        ("BROKER_URL", "rediss://:secret@a:6379/0"),
        ("LOG_LEVEL", "debug"),
    ],
)
def test_what_servers_and_libraries_take_is_taken(monkeypatch, name, value):
    monkeypatch.setenv(f"SCORELANE_{name}", value)
    Settings()


def test_a_home_of_another_user_is_not_called_one_where_nothing_runs(monkeypatch):
    def refuse(*_: object):
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(NotRunning, match="is another user's and may not be read"):
        _ = Settings().database_url


def call(*words: str, **settings: str):
    environment = os.environ | {f"SCORELANE_{name}": value for name, value in settings.items()}
    answer = subprocess.run(
        [sys.executable, "-m", "scorelane.cli", *words],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return answer.returncode, answer.stdout, answer.stderr


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"DATABASE_URL": "garbage"}, "SCORELANE_DATABASE_URL is not a database's URL"),
        (
            {"DATABASE_URL": "postgresql://%zz@h/x"},
            "SCORELANE_DATABASE_URL is no URL that PostgreSQL's client can read",
        ),
        ({"BROKER_URL": "nonsense"}, "SCORELANE_BROKER_URL is not a broker's URL"),
        ({"FLOWER_PORT": "abc"}, "SCORELANE_FLOWER_PORT 'abc' is not a whole number from 1 to 65535"),
    ],
)
def test_a_command_says_so_and_exits_as_for_misuse(setting, words):
    code, out, said = call("lanes", **setting)
    assert (code, out, said.count("\n")) == (2, "", 1), said
    assert words in said


def test_a_database_without_the_schema_is_no_bug(stack):
    code, _, said = call("lanes", DATABASE_URL=stack.postgres.url("worker", "postgres"))
    assert (code, said) == (
        1, "scorelane: the database does not have this version's schema; run: scorelane migrate\n",
    )  # fmt: skip


def test_a_mistyped_variable_is_named_with_the_nearest(tmp_path):
    code, _, said = call("lists", "list", FLOWR_PORT="1", ODD="1", HOME=str(tmp_path))
    assert code == 0
    assert said.splitlines()[:2] == [
        "scorelane: SCORELANE_FLOWR_PORT is no setting and does nothing; did you mean SCORELANE_FLOWER_PORT?",
        "scorelane: SCORELANE_ODD is no setting and does nothing; docs/settings.md names all of them",
    ]


def test_the_version_and_the_home_are_told():
    assert call("--version")[1].startswith("scorelane ")
    assert "SCORELANE_HOME" in call("--help")[1]
    assert "SCORELANE_HOME" in call("up", "--help")[1]


if __name__ == "__main__":
    PAGE.write_text(page())
