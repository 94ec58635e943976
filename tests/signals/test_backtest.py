"""Figures of a trial, held against what a person counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from scorelane.signals.backtest import Tried, auc, trial

NAN = float("nan")


def tried(values, unwanted, *, sources=None, others=None):
    count = len(values)
    return Tried(
        names=[f"m{at}" for at in range(count)],
        sources=np.array(sources or ["a"] * count),
        labels=np.array(["spam" if bad else "ham" for bad in unwanted]),
        unwanted=np.array(unwanted, bool),
        values=np.array(values, np.float32),
        statuses=np.array(np.isnan(np.array(values, float)), np.uint8),
        others=np.empty((count, 0), np.float32) if others is None else np.array(others, np.float32),
        other_names=[] if others is None else [f"other{at}" for at in range(len(others[0]))],
    )


def test_shares_lift_and_groups_are_counted():
    said = trial(tried([1, 1, 1, 0, 0, 0, NAN, NAN], [True, True, False, True, False, False, False, False]))
    assert (said.messages, said.unwanted, said.failed) == (8, 3, 0)
    assert (said.fired_share, said.missing_share) == (3 / 8, 2 / 8)
    assert said.right_share == pytest.approx(2 / 3)
    assert said.lift == pytest.approx((2 / 3) / (3 / 8))
    ham, spam = said.groups
    assert (ham.label, ham.messages, ham.fired_share, ham.missing_share, ham.mean) == ("ham", 5, 0.2, 0.4, 1 / 3)
    assert (spam.label, spam.messages, spam.mean) == ("spam", 3, pytest.approx(2 / 3))


def test_a_signal_that_lowers_suspicion_is_right_about_wanted_mail():
    said = trial(tried([1, 1, 0, 0], [False, False, True, False]), lowers=True)
    assert (said.right_share, said.lift) == (1.0, pytest.approx(4 / 3))


def test_auc_counts_every_pair_ties_half():
    values, unwanted = np.array([3, 1, 1, 0], np.float32), np.array([True, False, True, False])
    pairs = [(a > b) + 0.5 * (a == b) for a in values[unwanted] for b in values[~unwanted]]
    assert auc(values, unwanted) == sum(pairs) / len(pairs)
    assert auc(values, np.ones(4, bool)) is None
    assert auc(np.empty(0, np.float32), np.empty(0, bool)) is None


def test_a_signal_that_reads_only_the_source_tells_nothing_within_one():
    unwanted = [True, True, True, False, True, False, False, False]
    said = trial(tried([1, 1, 1, 1, 0, 0, 0, 0], unwanted, sources=["a"] * 4 + ["b"] * 4))
    assert said.auc == 0.75
    assert said.auc_by_source == {"a": 0.5, "b": 0.5}


def test_what_it_repeats_is_named_strongest_first():
    own = np.arange(60, dtype=np.float32)
    noise = np.random.default_rng(1).normal(size=60)
    others = np.stack([noise, -own, np.where(own < 50, NAN, own), np.ones(60)], axis=1)
    said = trial(tried(own.tolist(), [at % 2 == 0 for at in range(60)], others=others))
    assert said.alike[0] == ("other1", pytest.approx(-1.0))
    assert [name for name, _ in said.alike] == ["other1", "other0"], "too few pairs and constants tell nothing"


def test_examples_name_messages_of_each_kind_strongest_first():
    said = trial(tried([1, 5, 2, 0, NAN], [True, True, False, True, False]), examples=2)
    assert said.examples == {
        "fired on unwanted": [("m1", 5.0), ("m0", 1.0)],
        "fired on wanted": [("m2", 2.0)],
        "quiet on unwanted": [("m3", 0.0)],
        "failed": [],
    }


def test_mail_without_the_signal_or_of_one_class_gives_no_figures_and_no_error():
    said = trial(tried([NAN, NAN], [True, False]))
    assert (said.lift, said.auc, said.right_share, said.missing_share) == (None, None, None, 1.0)
    assert trial(tried([], [])).messages == 0
