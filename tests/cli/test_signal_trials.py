"""`scorelane signals backtest` over folders of labelled mail: what it finds, what it says of bad arguments."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from scorelane.cli import trying
from scorelane.mail import parse
from scorelane.signals import compute_chunk, signal_set

LINK = b"From: a@example.com\nTo: b@example.org\nSubject: x %d\n\nsee http://10.9.8.%d/login now\n"
PLAIN = b"From: a@example.com\nTo: b@example.org\nSubject: y %d\n\nsee http://example.com/%d now\n"


def run(*arguments: object, home):
    return subprocess.run(
        [sys.executable, "-m", "scorelane.cli", "signals", "backtest", *map(str, arguments)],
        env={**os.environ, "SCORELANE_HOME": str(home)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def mail(tmp_path_factory):
    """Thirty phish, of which twenty link to an address of digits, and thirty ham, of which one does."""
    folder = tmp_path_factory.mktemp("mail")
    for label, links in (("phish", 20), ("ham", 1)):
        (folder / label).mkdir()
        for at in range(30):
            text = LINK if at < links else PLAIN
            (folder / label / f"{at:02}.eml").write_bytes(text % (at, at))
    return folder


def test_a_backtest_counts_what_the_folder_holds(mail, tmp_path):
    answer = run("link_to_ip", mail, "--json", "--examples", "1", home=tmp_path)
    assert answer.returncode == 0, answer.stderr
    (said,) = json.loads(answer.stdout)
    assert (said["messages"], said["unwanted"], said["fired_share"], said["missing_share"]) == (60, 30, 21 / 60, 0)
    assert said["right_share"] == pytest.approx(20 / 21)
    assert said["lift"] == pytest.approx((20 / 21) / 0.5)
    assert {(g["label"], g["messages"], round(g["fired_share"] * 30)) for g in said["groups"]} == {
        ("phish", 30, 20),
        ("ham", 30, 1),
    }
    assert said["examples"]["fired on wanted"] == [[str(mail / "ham" / "00.eml"), 1.0]]
    assert said["cost_us"] > 0
    assert said["alike"], "links to digits are read by other signals, too"


def test_a_sample_is_even_and_the_table_names_classes(mail, tmp_path):
    answer = run("link_to_ip", mail, "--messages", "10", home=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "20, 10 unwanted" in answer.stdout
    assert "AUC" in answer.stdout


def test_what_paths_do_not_bring_is_told(mail, tmp_path):
    answer = run("first_contact_address", mail, home=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "reads history, which paths do not bring: try --tenant" in " ".join(answer.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["link_to_ipp", "MAIL"], 1, "near: link_to_ip"),
        (["link_to_ip"], 2, "give paths of labelled mail or --generated, or --tenant"),
        (["link_to_ip", "MAIL", "--tenant", "acme"], 2, "give paths of labelled mail or --generated, or --tenant"),
        (["link_to_ip", "MAIL", "--since", "2026-01-01"], 2, "go with --tenant"),
        (["link_to_ip", "--tenant", "acme", "--sources", "a"], 2, "go with paths"),
        (["link_to_ip", "MAIL", "--against", "no-such-revision"], 1, "no-such-revision"),
        (["link_to_ip", "/nowhere"], 2, "no such file"),
    ],
)
def test_wrong_words_get_one_line(mail, tmp_path, arguments, code, words):
    answer = run(*[mail if one == "MAIL" else one for one in arguments], home=tmp_path)
    (line,) = answer.stderr.splitlines()
    assert (answer.returncode, words in line, answer.stdout) == (code, True, "")


def test_former_code_is_run_beside_todays_and_leaves_it_in_place():
    module = "scorelane.signals.urls.structure"
    source = (
        "from scorelane.signals import signal\n@signal(version=1)\ndef link_to_ip(message):\n    return 7.0 / 14.0\n"
    )
    before = signal_set().hash
    former = trying._former_set("link_to_ip", module, source)
    message = parse(LINK % (1, 1))
    assert compute_chunk([message], set_=former)[0].tolist() == [[0.5]]
    assert compute_chunk([message], set_=signal_set(["link_to_ip"]))[0].tolist() == [[1.0]]
    assert signal_set().hash == before
