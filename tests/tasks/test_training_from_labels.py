"""`scorelane model train` from labels of the database and from an export, with vectors that scoring logged."""

from __future__ import annotations

import json
import signal
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from db import labels
from scorelane.cli.__main__ import main
from scorelane.sample import attacks, legitimate
from scorelane.scoring import Bundle

QUICK = ("--option", "rounds=3", "--option", "seeds=3", "--option", "least_in_leaf=3")


@pytest.fixture
def scored(sql, accept_mail, run_all):
    """Generated mail, scored and labelled, half of it attacks. Ids in order, attacks first."""
    samples = [*attacks(5, 30), *legitimate(5, 30)]
    ids = [one.message_id for one in accept_mail([(sample.raw, sample.received_at) for sample in samples])]
    run_all()
    said = ["attack"] * 30 + ["legitimate"] * 30
    labels.add(sql, 1, message_ids=ids, labels=said, origin="import", author="a", weights=[0.5] * 60)
    return ids


@pytest.fixture
def run(database, tmp_path, monkeypatch, capsys):
    """The command in this process: what it says on standard error."""
    monkeypatch.setenv("SCORELANE_HOME", str(tmp_path))
    monkeypatch.setenv("SCORELANE_DATABASE_URL", database.worker_url)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def call(*words: object, code=0):
        monkeypatch.setattr(sys, "argv", ["scorelane", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr().err
        assert left.value.code == code, said
        if code:
            assert len(said.splitlines()) == 1, said
        return said

    return call


def test_labels_of_the_database_and_their_export_train_the_same(sql, scored, run, tmp_path):
    labels.retract(sql, labels.listing(sql, label="attack", limit=1)[0]["id"], "a")
    run("model", "train", "--from-labels", "--tenant", "acme", "--out", tmp_path / "logged", *QUICK)
    run("signals", "export", tmp_path / "v.parquet", "--words", "--revision", "last")
    run("model", "train", tmp_path / "v.parquet", "--out", tmp_path / "exported", *QUICK)
    made = [json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("logged", "exported")]
    assert made[0]["data_digest"] == made[1]["data_digest"]
    assert made[0]["files"]["trees-0.txt"] == made[1]["files"]["trees-0.txt"]
    bundle = Bundle.load(tmp_path / "logged")
    assert "contact_count_log" in made[0]["trees"], "logged history may be learnt"
    assert "| acme | 30 | 29 |" in (tmp_path / "logged" / "MODEL_CARD.md").read_text()
    assert np.count_nonzero(bundle.text_model.weights), "words come from the stored mail"
    vectors = sql.execute("SELECT vector FROM vectors WHERE message_id = ANY (%s)", (scored,)).fetchall()
    matrix = np.array([np.frombuffer(row[0], "<f4") for row in vectors])
    assert np.isfinite(bundle.predict(matrix, np.zeros(len(matrix)))).all()


def test_labels_join_other_mail_and_an_export_without_words_says_what_it_cannot_teach(scored, run, tmp_path):
    for number, one in enumerate([*legitimate(6, 12), *attacks(6, 12)]):
        folder = tmp_path / "mail" / ("ham" if one.category is None else "phish")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.eml").write_bytes(one.raw)
    run("signals", "export", tmp_path / "v.parquet")
    said = run("model", "train", tmp_path / "mail", tmp_path / "v.parquet", "--out", tmp_path / "both", *QUICK)
    assert f"{len(scored)} of {len(scored) + 24} messages teach no words" in said
    trees = json.loads((tmp_path / "both" / "manifest.json").read_text())["trees"]
    assert "contact_count_log" not in trees, "public mail has no history to learn"


def one_class(path):
    table = pq.read_table(path)
    return table.set_column(table.column_names.index("label"), "label", pa.array(["spam"] * table.num_rows))


def without_labels(path):
    return pq.read_table(path).drop_columns(["label"])


def of_another_edition(path):
    table = pq.read_table(path)
    return table.replace_schema_metadata({**table.schema.metadata, b"words_edition": b"1"})


def of_strange_labels(path):
    table = pq.read_table(path)
    return table.set_column(table.column_names.index("label"), "label", pa.array(["odd"] * table.num_rows))


@pytest.mark.usefixtures("scored")
def test_what_cannot_train_gets_one_line(run, tmp_path):
    out, whole = tmp_path / "x", tmp_path / "whole.parquet"
    run("signals", "export", whole, "--words")
    for spoil, code, says in (
        (one_class, 1, "training needs wanted and unwanted mail; all 60 messages are unwanted"),
        (without_labels, 1, "lacks the column label"),
        (of_another_edition, 2, "hashed by edition 1"),
        (of_strange_labels, 2, "'odd' in the column label is neither legitimate nor attack nor spam"),
    ):
        pq.write_table(spoil(whole), tmp_path / "spoilt.parquet")
        assert says in run("model", "train", tmp_path / "spoilt.parquet", "--out", out, code=code)
    (tmp_path / "text.parquet").write_text("no Parquet")
    (tmp_path / "set").write_text("has_html\nauthor_domain_age_days\n")
    for words, code, says in (
        ((), 2, "nothing to train from"),
        ((tmp_path / "text.parquet",), 1, "is no Parquet file"),
        ((tmp_path / "gone.parquet",), 1, "is not there"),
        ((whole, "--signals", tmp_path / "gone"), 1, "No such file"),
        ((whole, "--signals", tmp_path / "set"), 1, "signal author_domain_age_days of --signals: no value in any"),
        ((whole, "--option", "leafs=3"), 2, "there is no 'leafs'; there are rounds, leaves"),
        ((whole, "--option", "rounds=many"), 2, "'many' is no value of rounds"),
        (("--from-labels", "--until", "2001-01-01"), 1, "no labelled message has a stored vector"),
        (("--from-labels", "--tenant", "nobody"), 1, "there is no tenant"),
    ):
        assert says in run("model", "train", *words, "--out", out, code=code)
    assert not out.exists()
