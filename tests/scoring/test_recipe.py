"""What a recipe does to what the trees learn from: lost facts, directions, weights, time."""

import numpy as np
import pytest

from scorelane.scoring.additive import SHIPPED
from scorelane.scoring.training import corpus, fit
from scorelane.scoring.training.models import Recipe, directions_of, without_facts
from scorelane.scoring.training.weights import weights_of
from scorelane.signals import signal_set

TINY = Recipe(rounds=3, least_in_leaf=5, seeds=(3,))
NAMES = ("link_count", "author_domain_age_days", "url_listed", "author_domain_listed")


def test_a_part_of_the_messages_loses_facts_and_nothing_else():
    whole = np.ones((4000, len(NAMES)), np.float32)
    seen = without_facts(whole, NAMES, 0.3, seed=7)
    lost = np.isnan(seen[:, 1:])
    assert not np.isnan(seen[:, 0]).any()
    assert not np.isnan(whole).any(), "the given vectors stay as they are"
    assert 0.13 < lost.all(axis=1).mean() < 0.22, "half of the part lose all, and a few of the others by chance"
    assert 0.24 < lost.any(axis=1).mean() < 0.31
    assert np.array_equal(seen, without_facts(whole, NAMES, 0.3, seed=7), equal_nan=True)
    assert without_facts(whole, NAMES, 0.0, seed=7) is whole


def test_facts_keep_their_direction_in_any_recipe_and_all_signals_unless_it_is_turned_off():
    signals = signal_set(NAMES).signals
    assert any(signal.monotone for signal in signals if signal.family == "enriched")
    for recipe, kept in ((Recipe(is_monotone=False), ("enriched",)), (Recipe(), ("enriched", "urls"))):
        found = directions_of(tuple(signal.name for signal in signals), recipe)
        assert found == [*(s.monotone if s.family in kept else 0 for s in signals), int(recipe.is_monotone)]


def logged(data):
    """The same data as if it were logged: the age of each author's domain is known, and young where mail is bad."""
    matrix = data.matrix.copy()
    random = np.random.default_rng(5)
    age = np.where(data.unwanted, random.integers(0, 30, len(matrix)), random.integers(400, 4000, len(matrix)))
    matrix[:, data.names.index("author_domain_age_days")] = age
    return data._replace(matrix=matrix)


def test_what_logged_data_trains_leaves_the_additive_table_and_is_never_counted_twice(data):
    assert fit.Trainer(data, TINY).additive == SHIPPED
    trainer = fit.Trainer(logged(data), TINY._replace(sees_everything=True))
    assert SHIPPED.signals - trainer.additive.signals >= {"author_domain_age_days"}
    assert "url_listed" in trainer.additive.signals, "of which nothing was logged"


def test_a_trained_fact_raises_the_score_of_a_young_domain_and_its_loss_is_no_attack(data):
    recipe = TINY._replace(sees_everything=True, rounds=30, feature_share=1.0)
    trainer = fit.Trainer(logged(data), recipe)
    model, _ = trainer.fit(np.ones(len(data.unwanted), bool))
    column = trainer.trees.index("author_domain_age_days")
    scores = []
    for age in (1.0, 2000.0, np.nan):
        rows = trainer.seen.copy()
        rows[:, column] = age
        scores.append(fit.raw_of(model.boosters, rows, np.zeros(len(rows))).mean())
    young, old, unknown = scores
    assert young > old + 0.5
    assert old < unknown < young, "mail whose facts are late lies between"


def test_a_label_counts_by_its_weight(data):
    rows = np.ones(len(data.unwanted), bool)
    halves = np.where(np.arange(len(rows)) % 2, 0.5, 1.0)
    plain, weighed = weights_of(data, rows), weights_of(data._replace(weights=halves), rows)
    ratio = weighed / plain
    mine = data.unwanted & (data.sources == data.sources[0])
    assert ratio[mine & (halves == 1)].mean() > 1.5 * ratio[mine & (halves == 0.5)].mean()


def test_later_mail_is_judged_by_earlier_mail_of_other_campaigns(data):
    later = fit.later_of(data)
    for source in np.unique(data.sources):
        mine = later[data.sources == source]
        assert mine.tolist() == sorted(mine.tolist()), "the last in time"
        assert mine.sum() == int(0.2 * len(mine))
    trainer = fit.Trainer(data, TINY)
    asked = []
    trainer.fit = lambda rows: (None, asked.append(rows) or np.zeros(len(rows)))
    found = fit.held_later(trainer)
    assert np.isnan(found).tolist() == (~later).tolist()
    assert not (asked[0] & later).any()
    assert not set(data.clusters[asked[0]]) & set(data.clusters[later])


def test_data_of_several_origins_stand_by_source_with_all_that_belongs_to_each(data):
    half = len(data.unwanted) // 2
    first, second = (np.arange(len(data.unwanted)) < half, np.arange(len(data.unwanted)) >= half)
    parts = [corpus.chosen(data, rows) for rows in (second, first)]
    joined = corpus.joined(parts)
    assert sorted(joined.sources.tolist()) == joined.sources.tolist()
    assert sorted(joined.clusters.tolist()) == sorted(data.clusters.tolist())
    words = {c: joined.words.buckets[a:b].tolist() for c, a, b in by_cluster(joined)}
    assert words == {c: data.words.buckets[a:b].tolist() for c, a, b in by_cluster(data)}


def by_cluster(data):
    return zip(data.clusters.tolist(), data.words.starts[:-1], data.words.starts[1:], strict=True)


def test_mail_of_one_source_trains_and_says_that_no_source_could_be_left_out(data):
    from scorelane.scoring.training import report  # noqa: PLC0415 - only here

    one = data._replace(sources=np.full_like(data.sources, "acme"))
    fitted = fit.fit(one, TINY)
    row = report.report(one, fitted)["leave_one_source_out"]["acme"]
    assert row == {"wanted": int((~one.unwanted).sum()), "unwanted": int(one.unwanted.sum()), "lost_area_percent": None}
    assert np.isnan(fitted.by_source).all()
    assert not np.isnan(fitted.by_campaign).any()


@pytest.mark.parametrize("names", [("has_html", "link_count", "text_words"), ("urgency_language", "link_max_dots")])
def test_a_small_set_of_signals_trains(data, names):
    at = [data.names.index(name) for name in names]
    few = data._replace(names=names, matrix=data.matrix[:, at])
    assert set(fit.fit(few, TINY).trees) <= set(names)
