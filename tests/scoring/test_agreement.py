import math

import pytest

from scorelane.scoring.agreement import Flips, Pair, agreement, stability, told


def test_the_stability_index_of_counts_worked_out_by_hand():
    # shares 0.5, 0.3, 0.2 become 0.4, 0.4, 0.2: -0.1 ln 0.8 + 0.1 ln (4/3) + 0
    assert stability([(50, 80), (30, 80), (20, 40)]) == pytest.approx(0.0223144 + 0.0287682, abs=1e-6)
    assert stability([(7, 14), (3, 6)]) == 0.0


def test_an_empty_bin_counts_half_a_message():
    assert stability([(10, 5), (0, 5)]) == pytest.approx(-0.5 * math.log(0.5) + 0.45 * math.log(10))


@pytest.mark.parametrize(
    ("value", "says"), [(0.05, "distributed alike"), (0.2, "moved somewhat"), (0.3, "distributed otherwise")]
)
def test_an_index_is_told_in_words(value, says):
    assert says in told(value)


def test_verdicts_are_counted_as_agreement_and_flips_both_ways():
    pairs = [
        Pair("clean", "clean", 90, 0.1),
        Pair("clean", "attack", 3, 4.0, unwanted=2, legitimate=1),
        Pair("suspicious", "spam", 2, 1.0, unwanted=1),
        Pair("attack", "clean", 1, -6.0, legitimate=1),
        Pair("spam", "attack", 4, 0.5),
    ]
    found = agreement(pairs, [(50, 50), (50, 50)])
    assert (found.messages, found.agreed, found.share) == (100, 90, 0.9)
    assert found.only_shadow == Flips(5, 3, 1)
    assert found.only_live == Flips(1, 0, 1)
    assert found.mean_shift == pytest.approx((9 + 12 + 2 - 6 + 2) / 100)
    assert found.stability == 0.0


def test_nothing_scored_by_both_has_no_figures():
    found = agreement([], [])
    assert (found.messages, found.share, found.mean_shift, found.stability) == (0, None, None, None)
