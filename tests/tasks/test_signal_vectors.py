"""`scorelane signals export` and `board` over vectors that were scored, labelled and stored for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from db import labelled, labels
from scorelane.sample import sample_mailbox
from scorelane.signals import parquet, signal_set
from scorelane.signals.columns import NOT_COMPUTED, aligned

MESSAGES = 60


@pytest.fixture
def scored(sql, accept_mail, run_all):
    """Generated mail, scored; two thirds labelled by where they stand: spam, legitimate, nothing. Ids in order."""
    samples = sorted(sample_mailbox(seed=3, count=MESSAGES), key=lambda sample: sample.received_at)
    receipts = accept_mail([(sample.raw, sample.received_at) for sample in samples])
    run_all()
    ids = [receipt.message_id for receipt in receipts if receipt.status != "duplicate"]
    for label, chosen in (("spam", ids[::3]), ("legitimate", ids[1::3])):
        halves, said = [0.5] * len(chosen), [label] * len(chosen)
        labels.add(sql, 1, message_ids=chosen, labels=said, origin="import", author="a", weights=halves)
    return ids


@pytest.fixture
def run(database, tmp_path):
    settings = {"SCORELANE_HOME": str(tmp_path), "SCORELANE_DATABASE_URL": database.worker_url}

    def call(*arguments: object):
        return subprocess.run(
            [sys.executable, "-m", "scorelane.cli", "signals", *map(str, arguments)],
            env={**os.environ, **settings}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return call


def stored_vectors(sql):
    rows = sql.execute("SELECT message_id, vector FROM vectors WHERE revision = 1").fetchall()
    return {str(row[0]): np.frombuffer(row[1], "<f4") for row in rows}


def test_labelled_vectors_are_exported_bit_for_bit(sql, scored, run, tmp_path):
    last = labels.listing(sql, label="spam", limit=1)[0]
    labels.retract(sql, last["id"], "a")
    labels.add(sql, 1, message_ids=[scored[1]], labels=["attack"], origin="analyst", author="b")
    path = tmp_path / "vectors.parquet"
    answer = run("export", path, "--tenant", "acme")
    assert answer.returncode == 0, answer.stderr
    table = pq.read_table(path)
    expected = {str(one) for one in [*scored[::3], *scored[1::3]]} - {str(last["message_id"])}
    assert sorted(table["message_id"].to_pylist()) == sorted(expected)
    every = signal_set()
    assert table.column_names[-len(every) :] == list(every.names)
    known = stored_vectors(sql)
    for at, message_id in enumerate(table["message_id"].to_pylist()):
        row = np.array([table[name][at].as_py() for name in every.names], "<f4")
        assert row.tobytes() == known[message_id].tobytes()
        assert [code == 0 for code in table["statuses"][at].as_py()] == (~np.isnan(row)).tolist()
    said = dict(zip(table["message_id"].to_pylist(), table["label"].to_pylist(), strict=True))
    assert said[str(scored[1])] == "attack", "the newest label stands"
    assert set(table["weight"].to_pylist()) == {0.5, 1.0}
    assert set(table["signal_set"].to_pylist()) == {every.hash}
    assert table.schema.field("size_log").metadata[b"version"] == b"1"


def test_pages_lose_nothing_and_times_bound_them(sql, scored, monkeypatch):
    wanted = {*scored[::3], *scored[1::3]}
    monkeypatch.setattr(labelled, "PAGE", 7)
    pages = list(labelled.labelled(sql, labelled.Span()))
    assert all(len(page) <= 7 for page in pages)
    assert [row.message_id for page in pages for row in page] == sorted(wanted)
    assert [row.message_id for page in labelled.stored(sql, labelled.Span()) for row in page] == sorted(scored)
    times = {row.message_id: row.received_at for page in pages for row in page}
    middle = sorted(times.values())[len(times) // 2]
    later = [row.message_id for page in labelled.labelled(sql, labelled.Span(since=middle)) for row in page]
    earlier = [row.message_id for page in labelled.labelled(sql, labelled.Span(until=middle)) for row in page]
    assert later == sorted(one for one, at in times.items() if at >= middle)
    assert sorted([*earlier, *later]) == sorted(wanted)


@pytest.mark.usefixtures("scored")
def test_an_export_without_rows_or_with_wrong_words_gets_one_line_and_no_file(sql, run, tmp_path):
    path = tmp_path / "none.parquet"
    late = (sql.execute("SELECT max(received_at) FROM messages").fetchone()[0] + timedelta(days=1)).date()
    for arguments, code, words in (
        ([path, "--since", late], 1, "no labelled message"),
        ([path, "--tenant", "nobody"], 1, "there is no tenant"),
        ([path, "--revision", "middle"], 2, "first or last"),
        ([tmp_path / "gone" / "a.parquet"], 2, "cannot be written"),
    ):
        answer = run("export", *arguments)
        (line,) = answer.stderr.splitlines()
        assert (answer.returncode, words in line, answer.stdout) == (code, True, "")
    assert list(tmp_path.glob("*none*")) == []


def test_the_board_counts_what_fired_was_right_and_was_missing(sql, scored, run):
    answer = run("board", "--json")
    assert answer.returncode == 0, answer.stderr
    rows = {row["signal"]: row for row in json.loads(answer.stdout)}
    every = signal_set()
    assert set(rows) == set(every.names)
    known = stored_vectors(sql)
    matrix = np.array([known[str(one)] for one in scored])
    spam, labelled_rows = np.zeros(len(scored), bool), np.zeros(len(scored), bool)
    spam[::3] = labelled_rows[::3] = labelled_rows[1::3] = True
    for at, signal in enumerate(every.signals):
        column = matrix[:, at]
        fired = ~np.isnan(column) & (column != 0)
        agrees = (~spam if signal.monotone < 0 else spam) & fired & labelled_rows
        row = rows[signal.name]
        assert (row["vectors"], row["fired"], row["missing"]) == (len(scored), fired.sum(), np.isnan(column).sum())
        assert (row["labelled_fired"], row["right"]) == ((fired & labelled_rows).sum(), agrees.sum())
        assert row["cost_us"] > 0
    assert len({row["fired"] for row in rows.values()}) > 10
    shown = run("board", "--family", "urls").stdout.splitlines()
    assert len(shown) == 1 + sum(signal.family == "urls" for signal in every.signals)
    assert run("board", "--family", "moons").returncode == 2


def test_rows_are_written_in_groups_as_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROW_GROUP", 4)
    every = signal_set(["size_log", "html_only"])
    values = np.arange(22, dtype=np.float32).reshape(11, 2)
    about = {name: [None] * 11 for name, _ in parquet.ABOUT} | {"revision": list(range(11))}
    with parquet.Writer(tmp_path / "a", every) as writer:
        for start, end in ((0, 3), (3, 9), (9, 11)):
            some = {name: column[start:end] for name, column in about.items()}
            writer.add(some, values[start:end], np.zeros((end - start, 2), np.uint8))
            assert writer.rows == end // 4 * 4, "no more than a group is held"
    file = pq.ParquetFile(tmp_path / "a")
    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == [4, 4, 3]
    assert file.read()["html_only"].to_pylist() == values[:, 1].tolist()
    assert file.read()["revision"].to_pylist() == list(range(11))


def test_a_value_counts_only_at_its_present_version():
    every = signal_set(["size_log", "html_only"])
    old = {"old": (("html_only", "gone", "size_log"), (99, 1, every.versions[0])), "?": (None, ())}
    vector = np.array([1, 2, 3], "<f4").tobytes()
    values, codes = aligned(["old", "?"], [vector, b""], [bytes(3), b""], every, lambda digest: old[digest])
    assert values[0, 0] == 3
    assert codes.tolist() == [[0, NOT_COMPUTED], [NOT_COMPUTED, NOT_COMPUTED]]
    assert np.isnan(values[0, 1])
