import hashlib

import numpy as np
import pytest

from scorelane.scoring import TrainingRejected
from scorelane.scoring.training import corpus, fit, write
from scorelane.scoring.training.intervals import wilson
from scorelane.scoring.training.leaks import FAMILIES, left_out, seen_by_trees
from scorelane.scoring.training.models import Recipe, raw_of
from scorelane.scoring.training.weights import weights_of
from scorelane.signals import signal_set

TINY = Recipe(rounds=3, least_in_leaf=5, seeds=(3,), threads=1)


def digest(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_data_gives_the_same_bundle_byte_for_byte(data, folder, train, tmp_path):
    assert digest(train(tmp_path / "small", data)) == digest(folder)


def test_the_order_of_the_mail_does_not_matter(data, mail):
    again = corpus.build(reversed(mail), processes=1)
    assert again.digest == data.digest
    assert np.array_equal(again.matrix, data.matrix, equal_nan=True)


def test_one_class_only_is_refused(mail):
    with pytest.raises(TrainingRejected, match="all 240 messages are wanted"):
        corpus.build(one for one in mail if not one.unwanted)


def test_no_mail_is_refused():
    with pytest.raises(TrainingRejected, match="no labelled mail"):
        corpus.build([])


def test_a_signal_that_is_not_there_is_named(mail):
    with pytest.raises(TrainingRejected, match="no_such_signal"):
        corpus.build(mail, ["has_html", "no_such_signal"])


def test_a_set_without_any_value_is_refused(data):
    nothing = data._replace(matrix=np.full_like(data.matrix, np.nan))
    with pytest.raises(TrainingRejected, match="no signal has a value"):
        fit.Trainer(nothing)


def test_a_column_without_any_value_is_named(data):
    matrix = data.matrix.copy()
    matrix[:, data.names.index("link_count")] = np.nan
    assert "link_count" in fit.Trainer(data._replace(matrix=matrix), TINY).empty


def test_too_few_campaigns_are_refused(data):
    one = data._replace(clusters=np.where(data.unwanted, "one", data.clusters), sources=np.full_like(data.sources, "x"))
    with pytest.raises(TrainingRejected, match="campaigns"):
        fit.fit(one, TINY)


def test_a_folder_in_use_is_not_overwritten(data, folder):
    with pytest.raises(TrainingRejected, match="not empty"):
        write.write(folder, fit.fit(data, TINY), data, {})


def test_no_message_is_judged_by_its_own_campaign_or_source(data):
    trainer = fit.Trainer(data, TINY)
    asked = []
    trainer.fit = lambda rows: (None, asked.append(rows) or np.zeros(len(rows)))
    for groups in (fit.folds_of(data.clusters), data.sources):
        asked.clear()
        fit.held_out(trainer, groups)
        assert all(not set(groups[rows]) & set(groups[~rows]) for rows in asked)


def test_classes_weigh_the_same_and_habits_are_evened(data):
    rows = np.ones(len(data.unwanted), bool)
    weights = weights_of(data, rows)
    assert weights[data.unwanted].sum() == pytest.approx(weights[~data.unwanted].sum())
    html = data.matrix[:, data.names.index("has_html")] > 0

    def gap(by):
        return abs(np.average(html[data.unwanted], weights=by[data.unwanted])
                   - np.average(html[~data.unwanted], weights=by[~data.unwanted]))  # fmt: skip

    assert gap(weights) < gap(np.ones(len(weights)))


def test_monotone_trees_never_lower_a_score_for_more_of_what_is_worse(data):
    recipe = TINY._replace(rounds=40, is_monotone=True, feature_share=1.0)
    trainer = fit.Trainer(data, recipe)
    model, _ = trainer.fit(np.ones(len(data.unwanted), bool))
    signals = signal_set(trainer.trees).signals
    known = [(at, s.monotone) for at, s in enumerate(signals) if s.monotone and s.name not in trainer.empty]
    moved = 0
    for at, direction in known:
        values = trainer.seen[:, at]
        low, high = np.nanmin(values), np.nanmax(values)
        if not low < high:
            continue
        scores = []
        for value in (low, high):
            rows = trainer.seen.copy()
            rows[:, at] = value
            scores.append(raw_of(model.boosters, rows, np.zeros(len(rows))))
        change = (scores[1] - scores[0]) * direction
        assert (change >= -1e-9).all(), trainer.trees[at]
        moved += bool(change.any())
    assert moved


def test_what_is_left_out_is_a_signal_and_stays_out():
    names = {signal.name for signal in signal_set().signals}
    assert set(left_out()) <= names
    seen = seen_by_trees(signal_set())
    assert not set(seen) & set(left_out())
    assert not {s.name for s in signal_set().signals if s.family in FAMILIES} & set(seen)


def test_wilson_holds_the_share_and_narrows():
    low, high = wilson(3, 1000)
    assert 0.001 < low < 0.003 < high < 0.009
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == 1
    wide, narrow = wilson(5, 10), wilson(500, 1000)
    assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_the_card_says_data_figures_and_limits(folder, data):
    card = (folder / "MODEL_CARD.md").read_text()
    for said in (data.digest, "## Source probe", "## Known limits", "seed1", "credential_phishing"):
        assert said in card
