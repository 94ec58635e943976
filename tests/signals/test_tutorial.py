"""`docs/adding-a-signal.md` works as written, on a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh|python file=(\S+))\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_tutorial_works_as_written(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "scorelane", tmp_path / "scorelane", ignore=ignored)
    shutil.copytree(ROOT / "tests/signals", tmp_path / "tests/signals", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    text = (ROOT / "docs/adding-a-signal.md").read_text()
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```") // 2
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    said = []
    for kind, path, body in blocks:
        if kind != "sh":
            assert (tmp_path / path).exists(), "the template writes it first"
            (tmp_path / path).write_text(body)
            continue
        ran = subprocess.run(
            ["bash", "-e", "-c", body], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=150, check=False
        )
        assert ran.returncode == 0, f"{body}\n{ran.stdout}\n{ran.stderr}"
        said.append(ran.stdout + ran.stderr)
    assert "scorelane/signals/urls/link_to_paste_site.py" in said[0]
    assert "NotImplementedError" in said[1]
    assert "3 passed" in said[2]
    assert "locked: link_to_paste_site" in said[3]
    assert re.search(r"link_to_paste_site +urls( +ok){5} ", said[3])
    assert re.search(r"\b\d+ passed", said[4])
    assert "link_to_paste_site 1 (urls)" in said[5]
    assert "lift" in said[5]
