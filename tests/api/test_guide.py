"""docs/api.md does what it says: its blocks run in order on a real server, and its answers have the real fields."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
MARK = "----- next block -----"


def test_the_guides_examples_run_and_show_the_real_fields(house, tmp_path):
    house.sql.execute("DELETE FROM api_keys; DELETE FROM audit_log; DELETE FROM tenants")
    blocks = re.findall(r"```(sh|json)\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    commands = [text for kind, text in blocks if kind == "sh"]
    program = tmp_path / "scorelane"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m scorelane.cli "$@"\n')
    program.chmod(0o755)
    settings = {
        "API": house.url,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SCORELANE_DATABASE_URL": house.database.worker_url,
        "SCORELANE_BROKER_URL": house.database.broker_url,
    }
    with subprocess.Popen(
        ["bash", "-eu", "-o", "pipefail"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, **settings},
    ) as shell:  # fmt: skip
        said = []
        for block in commands:
            if block.startswith("curl") and "limit=1" in block:
                house.score()
            shell.stdin.write(f"{block}\necho\necho '{MARK}'\n")
            shell.stdin.flush()
            lines = []
            for line in shell.stdout:
                if line.strip() == MARK:
                    break
                lines.append(line)
            assert shell.poll() is None, f"{block}\n{''.join(lines)}{shell.stderr.read()}"
            said.append("".join(lines))
        shell.stdin.close()
        assert shell.wait(30) == 0, shell.stderr.read()
    answers = {
        index: json.loads(text)
        for index, text in zip(positions(blocks), [text for kind, text in blocks if kind == "json"], strict=True)
    }
    assert len(answers) >= 8
    for index, shown in answers.items():
        real = json.loads(said[index].strip().splitlines()[0])
        assert shape(real) == shape(shown), commands[index]
    message = json.loads((tmp_path / "message.json").read_text())
    why = json.loads((tmp_path / "why.json").read_text())
    parts = why["explanation"]
    assert abs(parts["base"] + sum(term["log_odds"] for term in parts["terms"]) - why["log_odds"]) < 1e-6
    assert message["revisions"][0]["log_odds"] == why["log_odds"]
    held = [json.loads(line) for line in (tmp_path / "held.ndjson").read_text().splitlines()]
    assert [record["record"] for record in held] == ["mailbox", "message"]


def positions(blocks):
    """Index of the command that each answer belongs to."""
    command = -1
    for kind, _ in blocks:
        if kind == "sh":
            command += 1
        else:
            yield command


def shape(value):
    """The names of the fields, whatever their values."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return None
