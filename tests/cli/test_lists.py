"""`scorelane lists`, in processes of their own, and what `scorelane score` makes of an operator's lists."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from scorelane.signals.reference import SHIPPED, read_reference, shipped_lists
from scorelane.signals.replacing import replace


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def run(home):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SCORELANE_")}

    def call(*arguments: object):
        return subprocess.run(
            [sys.executable, "-m", "scorelane.cli", *map(str, arguments)],
            env={**environment, "SCORELANE_HOME": str(home)}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return call


def test_an_operators_lists_take_the_place_of_the_shipped_ones_and_go_again(run, home, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "free_mail.txt").write_text("# 2026-11-24. Ours.\nFree.Example\n")
    assert run("lists", "update", own).returncode == 0
    one = tmp_path / "suspicious_tlds.txt"
    one.write_text("moon # of late\n")
    told = run("lists", "update", one).stderr
    assert "in force: free_mail, suspicious_tlds; digest " in told
    reference = read_reference(home / "lists")
    assert reference.digest in told
    assert reference.lists.free_mail == {"free.example"}
    assert reference.lists.suspicious_tlds == {"moon"}
    assert reference.lists.brands == shipped_lists().brands
    rows = {row["list"]: row for row in json.loads(run("lists", "list", "--json").stdout)}
    assert (rows["free_mail"]["entries"], rows["brands"]["from"]) == (1, "shipped")
    assert {row["in_force"] for row in rows.values()} == {reference.digest}
    assert "the shipped lists alone" in run("lists", "update", "--shipped").stderr
    assert read_reference(home / "lists").lists is shipped_lists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("free_mail.txt", b"a.example\nnot a domain\n", "line 2: 'not a domain' is not a domain"),
        ("suspicious_tlds.txt", b".zip\n", "line 1: '.zip' is not a top-level domain"),
        ("brands.txt", b"acme\n", "line 1: 'acme' is not a brand with its own domains"),
        ("role_locals.txt", b"a@b\n", "is not the part of an address"),
        ("free_hosts.txt", b"# nothing\n", "no entry"),
        ("shorteners.txt", b"\xff\n", "not UTF-8 at byte 0"),
        ("moons.txt", b"a.example\n", "no list has this name"),
    ],
    ids=lambda wrong: wrong[0],
)
def test_a_list_that_cannot_be_gets_one_line_and_changes_nothing(run, home, wrong):
    name, content, words = wrong
    file = home.parent / name
    file.write_bytes(content)
    answer = run("lists", "update", file)
    (line,) = answer.stderr.splitlines()
    assert (answer.returncode, words in line, str(file) in line) == (1, True, True)
    assert not home.exists()


def test_a_folder_that_somebody_else_keeps_is_left_alone_and_a_missing_path_told(run, home, tmp_path):
    (home / "lists").mkdir(parents=True)
    (tmp_path / "free_mail.txt").write_text("a.example\n")
    assert "somebody else keeps" in run("lists", "update", tmp_path / "free_mail.txt").stderr
    assert "neither a list nor a folder" in run("lists", "update", tmp_path / "gone").stderr
    assert run("lists", "update").returncode == 2


def test_every_shipped_list_would_be_accepted(tmp_path):
    assert replace(SHIPPED, tmp_path / "lists").digest == read_reference().digest


def test_score_reads_the_operators_lists(run, tmp_path):
    (tmp_path / "mail.eml").write_bytes(
        b"From: Bob <bob@corp.example>\nTo: a@b.example\nSubject: x\n"
        b"Reply-To: bob@moonmail.example\n\nPlease see https://moonshort.example/a\n"
    )
    before = json.loads(run("score", tmp_path / "mail.eml", "--jsonl").stdout)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "free_mail.txt").write_text("moonmail.example\n")
    (tmp_path / "own" / "shorteners.txt").write_text("moonshort.example\n")
    assert run("lists", "update", tmp_path / "own").returncode == 0
    after = json.loads(run("score", tmp_path / "mail.eml", "--jsonl").stdout)
    assert after["log_odds"] > before["log_odds"]
