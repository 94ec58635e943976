"""Intervals from campaigns drawn again, against what can be worked out."""

import numpy as np
import pytest

from scorelane.scoring.training.fit import quantile
from scorelane.scoring.training.intervals import Scores, lost_area, recall, share, wilson


def apart(values):
    """Each message a campaign of its own."""
    return Scores(np.array(values, float), np.array([f"c{n}" for n in range(len(values))]))


def test_independent_messages_get_about_the_interval_of_independent_trials():
    flags = np.arange(1000) % 10 == 0
    found = share(flags, np.array([f"c{n}" for n in range(1000)]))
    low, high = wilson(100, 1000)
    assert found.value == 0.1
    assert found.low == pytest.approx(low, abs=0.004)
    assert found.high == pytest.approx(high, abs=0.004)


def test_copies_of_a_few_mails_are_few_observations():
    flags = np.arange(1000) % 10 == 0
    few = share(flags, np.array([f"c{n % 20}" for n in range(1000)]))
    many = share(flags, np.array([f"c{n}" for n in range(1000)]))
    assert few.value == many.value
    assert few.high - few.low > 4 * (many.high - many.low)


@pytest.mark.parametrize("value", [False, True])
def test_none_and_all_leave_room_for_as_many_campaigns_as_there_are(value):
    flags = np.full(1000, value)
    found = share(flags, np.array([f"c{n % 10}" for n in range(1000)]))
    assert (found.low, found.high) == wilson(10 * value, 10)
    assert found.high - found.low > 0.2
    assert share(flags[:0], np.zeros(0, np.str_)) is None


def test_recall_is_that_of_the_threshold_that_thresholds_are_taken_with():
    random = np.random.default_rng(3)
    good, bad = random.normal(0, 1, 2003), random.normal(2, 1, 501)
    for budget in (0.001, 0.01):
        found = recall(apart(bad), apart(good), budget)
        assert found.value == (bad > quantile(good, budget)).mean()
        assert found.low < found.value < found.high


def test_a_threshold_that_hangs_on_a_few_wanted_messages_widens_the_interval():
    random = np.random.default_rng(3)
    good, bad = random.normal(0, 1, 400), random.normal(2, 1, 4000)
    found = recall(apart(bad), apart(good), 0.01)
    fixed = share(bad > quantile(good, 0.01), apart(bad).clusters)
    assert found.high - found.low > 3 * (fixed.high - fixed.low)


def test_lost_area_is_the_share_of_pairs_in_the_wrong_order():
    found = lost_area(apart([0.0, 1.0, 2.0, 3.0]), apart([2.0, 4.0, 5.0]))
    # Of 12 pairs one is wrong (3 above 2) and one a tie.
    assert found.value == pytest.approx(100 * 1.5 / 12)
    assert found.low <= found.value <= found.high
    assert lost_area(apart([1.0]), apart([])) is None


def test_the_same_scores_give_the_same_interval():
    random = np.random.default_rng(3)
    good, bad = apart(random.normal(0, 1, 300)), apart(random.normal(1, 1, 300))
    assert recall(bad, good, 0.01) == recall(bad, good, 0.01)
    assert lost_area(good, bad) == lost_area(good, bad)
