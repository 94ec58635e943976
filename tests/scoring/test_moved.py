"""Why a verdict flips: terms of the score, and where the category differs what spoke for it."""

from __future__ import annotations

import numpy as np
import pytest

from scorelane.rescans import told
from scorelane.rescans.report import decisive_first
from scorelane.scoring import Bundle, default_bundle_path
from scorelane.scoring.category import categorise, evidence
from scorelane.scoring.moved import moved


@pytest.fixture(scope="module")
def bundle():
    return Bundle.load(default_bundle_path())


def silent(bundle):
    return np.zeros(len(bundle.signal_set), np.float32)


def test_a_category_that_lost_its_evidence_names_what_no_longer_speaks_for_it(bundle):
    names = bundle.signal_set.names
    before, after = silent(bundle), silent(bundle)
    for name in ("gift_card_language", "payroll_language", "secrecy_language"):
        before[names.index(name)] = 2
    after[names.index("secrecy_language")] = 1
    assert categorise(before[np.newaxis], bundle.signal_set) != categorise(after[np.newaxis], bundle.signal_set)
    rows = moved((bundle, before, 1.0), (bundle, after, 1.0))
    lost = {row["name"]: row for row in rows if row["of"] == "category"}
    category = categorise(before[np.newaxis], bundle.signal_set)[0]
    assert {"gift_card_language", "payroll_language"} <= set(lost) <= set(evidence(before, bundle.signal_set, category))
    assert all(row["after"] < row["before"] for row in lost.values())
    assert all(row["of"] == "score" for row in rows[: len(rows) - len(lost)])


def test_where_the_category_stays_only_the_score_moved(bundle):
    before, after = silent(bundle), silent(bundle)
    place = bundle.signal_set.names.index("gift_card_language")
    before[place], after[place] = 3, 2
    assert {row["of"] for row in moved((bundle, before, -1.0), (bundle, after, 1.0))} == {"score"}


def test_between_attack_and_spam_the_category_comes_first_and_old_reasons_are_of_the_score():
    kept = [{"name": "a", "moved": 0.5}, {"name": "b", "moved": -1.0, "of": "category"}]
    assert [one["name"] for one in decisive_first("attack", "spam", kept)] == ["b", "a"]
    assert [one["name"] for one in decisive_first("attack", "clean", kept)] == ["a", "b"]
    assert [told(one) for one in decisive_first("attack", "spam", kept)] == ["b -1.00 of category", "a +0.50"]
