"""`scorelane model`: training and evaluating from folders, mbox files and lists, and what bad input gets."""

import json
import mailbox
import subprocess
import sys

import pytest

from scorelane.sample import attacks, legitimate


def run(*arguments: object):
    return subprocess.run(
        [sys.executable, "-m", "scorelane.cli", "model", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """Folders `north/ham`, `north/spam`, and mbox files `south/ham.mbox`, `south/spam.mbox`."""
    root = tmp_path_factory.mktemp("mail")
    for name, made in (("ham", legitimate(31, 60)), ("spam", attacks(31, 60))):
        folder = root / "north" / name
        folder.mkdir(parents=True)
        for number, one in enumerate(made):
            (folder / f"{number:03}.eml").write_bytes(one.raw)
    (root / "south").mkdir()
    for name, made in (("ham", legitimate(32, 40)), ("spam", attacks(32, 40))):
        box = mailbox.mbox(root / "south" / f"{name}.mbox")
        for one in made:
            box.add(one.raw)
        box.close()
    return root


@pytest.fixture(scope="module")
def trained(boxes, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "mine"
    answer = run("train", boxes / "north", boxes / "south", "--out", out)
    assert answer.returncode == 0, answer.stderr
    assert {"north", "south"} == set(json.loads(answer.stdout))
    return out


def test_training_from_folders_and_mbox_files_gives_a_bundle(trained):
    assert {"manifest.json", "MODEL_CARD.md", "metrics.json", "golden.npz", "text.bin"} <= {
        path.name for path in trained.iterdir()
    }


def test_evaluating_names_each_source_and_class(trained, boxes):
    answer = run("evaluate", trained, boxes / "south", "--json")
    assert answer.returncode == 0, answer.stderr
    rows = json.loads(answer.stdout)
    assert [(row["source"], row["class"], row["messages"]) for row in rows] == [
        ("south", "ham", 40),
        ("south", "spam", 40),
    ]
    assert rows[1]["flagged"] > rows[0]["flagged"]
    assert all(row["low"] <= row["flagged"] <= row["high"] for row in rows)


def one_line(answer):
    lines = answer.stderr.strip().splitlines()
    assert answer.returncode in (1, 2), answer.stdout
    assert len(lines) == 1, answer.stderr
    return lines[0]


def test_one_class_only_is_refused(boxes, tmp_path):
    assert "wanted and unwanted" in one_line(run("train", boxes / "north" / "ham", "--out", tmp_path / "x"))


def test_mail_without_a_class_is_named(tmp_path):
    for number, one in enumerate(legitimate(3, 3)):
        (tmp_path / f"{number}.eml").write_bytes(one.raw)
    line = one_line(run("train", tmp_path, "--out", tmp_path / "x"))
    assert "3 messages have no class" in line
    assert "--labels" in line


def test_a_list_labels_mail_by_name(trained, tmp_path):
    (tmp_path / "box").mkdir()
    lines = []
    for number, one in enumerate(legitimate(3, 3)):
        (tmp_path / "box" / f"{number}.eml").write_bytes(one.raw)
        lines.append(f"{tmp_path / 'box' / f'{number}.eml'}\tham\n")
    listing = tmp_path / "labels.tsv"
    listing.write_text("".join(lines))
    answer = run("evaluate", trained, tmp_path / "box", "--labels", listing, "--json")
    assert json.loads(answer.stdout)[0]["messages"] == 3, answer.stderr
    listing.write_text("0.eml ham\n")
    assert "labels.tsv, line 1: expected" in one_line(
        run("evaluate", trained, tmp_path / "box", "--labels", listing, "--json")
    )


def test_an_unknown_signal_is_named(boxes, tmp_path):
    (tmp_path / "set").write_text("has_html\nno_such_signal\n")
    answer = run("train", boxes / "north", "--out", tmp_path / "x", "--signals", tmp_path / "set")
    assert "no_such_signal" in one_line(answer)


def test_a_used_folder_is_not_overwritten(boxes, trained):
    line = one_line(run("train", boxes / "north", boxes / "south", "--out", trained))
    assert "not empty" in line


def test_a_folder_that_is_no_bundle_is_refused(boxes, tmp_path):
    assert "is no bundle" in one_line(run("evaluate", tmp_path, boxes / "north"))
