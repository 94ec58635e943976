import json
import multiprocessing
import shutil

import numpy as np
import pytest

from scorelane.scoring import Bundle, BundleMismatch, Policy, Scorer, default_bundle_path


def test_the_shipped_bundle_loads_and_tells_attacks_from_ordinary_mail(parsed_sample):
    bundle = Bundle.load(default_bundle_path())
    wanted, attacks = parsed_sample
    scorer = Scorer(bundle, Policy.from_bundle(bundle))
    assert np.mean([v in ("attack", "spam") for v in scorer.score(attacks).verdicts]) > 0.8
    assert np.mean([v in ("attack", "spam") for v in scorer.score(wanted).verdicts]) < 0.02


def test_a_chunk_and_single_rows_score_the_same_bits(bundle, data):
    text = np.linspace(-3, 3, 40)
    whole = bundle.predict(data.matrix[:40], text)
    single = [bundle.predict(data.matrix[at : at + 1], text[at : at + 1])[0] for at in range(40)]
    assert whole.tolist() == single


@pytest.mark.parametrize("file", ["trees-0.txt", "text.bin", "golden.npz", "metrics.json", "MODEL_CARD.md"])
def test_a_changed_file_is_named(folder, tmp_path, file):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / file).write_bytes((copy / file).read_bytes()[:-1])
    with pytest.raises(BundleMismatch, match=f"{file} is not the file"):
        Bundle.load(copy)


def test_a_missing_file_is_named(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "text.bin").unlink()
    with pytest.raises(BundleMismatch, match=r"text\.bin is not the file"):
        Bundle.load(copy)


def test_a_folder_without_manifest_is_no_bundle(tmp_path):
    with pytest.raises(BundleMismatch, match="is no bundle"):
        Bundle.load(tmp_path)


def test_another_format_is_refused(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "format": 1}))
    with pytest.raises(BundleMismatch, match="format 1"):
        Bundle.load(copy)


def rename_signal(manifest, _):
    manifest["signals"][3]["name"] = "no_such_signal"


def raise_version(manifest, _):
    manifest["signals"][3]["version"] += 7


def swap_columns(manifest, _):
    trees = manifest["trees"]
    trees[0], trees[1] = trees[1], trees[0]


def swap_signals(manifest, _):
    signals = manifest["signals"]
    at = [entry["name"] for entry in signals]
    one, other = at.index("author_domain_age_days"), at.index("url_listed")
    signals[one], signals[other] = signals[other], signals[one]


def drop_golden_column(_, copy):
    with np.load(copy / "golden.npz") as golden:
        content = dict(golden)
    np.savez(copy / "golden.npz", **{**content, "matrix": content["matrix"][:, 1:]})


def widen_golden(_, copy):
    with np.load(copy / "golden.npz") as golden:
        content = dict(golden)
    np.savez(copy / "golden.npz", **{**content, "matrix": content["matrix"].astype(np.float64)})


def move_golden_score(_, copy):
    with np.load(copy / "golden.npz") as golden:
        content = dict(golden)
    np.savez(copy / "golden.npz", **{**content, "log_odds": content["log_odds"] + 1e-6})


def turn_back(manifest, _):
    manifest["additive"][0]["edges"] = [[1.0, 1.0], [2.0, 3.0], [3.0, 0.5]]


def read_a_stranger(manifest, _):
    manifest["additive"][0]["signal"] = "no_such_signal"


def forget_slope(manifest, _):
    del manifest["calibration"]["slope"]


def name_no_flag(manifest, _):
    manifest["thresholds"] = {"suspect": 1.0}


def give_words_for_a_number(manifest, _):
    manifest["thresholds"]["flag"] = "high"


def give_a_list_for_a_row(manifest, _):
    manifest["additive"][0] = [1, 2]


def cut_the_text_model(_, copy):
    (copy / "text.bin").write_bytes((copy / "text.bin").read_bytes()[:-2])


def write_no_tree(_, copy):
    (copy / "trees-0.txt").write_text("tree\n")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (forget_slope, "its manifest names no slope"),
        (name_no_flag, "its manifest names no flag"),
        (give_words_for_a_number, "of the wrong type: could not convert string to float: 'high'"),
        (give_a_list_for_a_row, "of the wrong type: Expected `object`, got `array`"),
        (cut_the_text_model, r"text\.bin: \d+ bytes, expected \d+; the file is damaged"),
        (write_no_tree, "of the wrong type"),
        (rename_signal, "signal no_such_signal is not in this code"),
        (raise_version, "was version"),
        (swap_columns, "columns are not those that the manifest names"),
        (swap_signals, "golden rows score"),
        (drop_golden_column, "golden rows are float32"),
        (widen_golden, "golden rows are float64"),
        (move_golden_score, "golden rows score"),
        (turn_back, "not monotone"),
        (read_a_stranger, "or a stranger"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changed, change, says):
    with pytest.raises(BundleMismatch, match=says):
        Bundle.load(changed(change))


def test_a_forked_child_predicts_at_once(bundle, data):
    text = np.zeros(64)
    bundle.predict(data.matrix[:64], text)
    parent, child = multiprocessing.get_context("fork").Pipe()

    def predict():
        child.send(bundle.predict(data.matrix[:64], text).sum())

    process = multiprocessing.get_context("fork").Process(target=predict)
    process.start()
    try:
        assert parent.poll(5), "predicting after a fork hangs"
        assert parent.recv() == bundle.predict(data.matrix[:64], text).sum()
    finally:
        process.kill()
        process.join()
