from collections import Counter

import numpy as np
import pytest

from scorelane.mail import parse
from scorelane.sample import attacks
from scorelane.scoring.category import CATEGORIES, CERTAIN, STYLE, TAGS, categorise, evidence
from scorelane.signals import compute_chunk, signal_set

TAGGED_BUT_NO_CATEGORY = {"spoofing"}


@pytest.fixture(scope="module")
def judged():
    sample = list(attacks(4242, 400))
    matrix, _ = compute_chunk([parse(one.raw, received_at=one.received_at) for one in sample])
    return [one.category for one in sample], matrix, categorise(matrix, signal_set())


def test_most_attacks_of_the_sample_get_their_own_category(judged):
    truth, _, said = judged
    assert np.mean([a == b for a, b in zip(truth, said, strict=True)]) > 0.8
    right = Counter(a for a, b in zip(truth, said, strict=True) if a == b)
    whole = Counter(truth)
    assert all(right[name] / whole[name] > 0.4 for name in CATEGORIES)


def test_every_tag_of_a_signal_means_a_category_or_none_on_purpose():
    tags = {tag for signal in signal_set().signals for tag in signal.attacks}
    assert tags <= set(TAGS) | TAGGED_BUT_NO_CATEGORY
    assert set(TAGS.values()) == set(CATEGORIES)


def test_named_signals_exist():
    assert set(signal_set().names) >= CERTAIN | STYLE


def test_a_message_without_evidence_has_no_category():
    nothing = np.full((1, len(signal_set())), np.nan, np.float32)
    assert categorise(nothing, signal_set()) == [None]


def test_the_evidence_fired_and_is_of_the_category(judged):
    _, matrix, said = judged
    for row, category in zip(matrix[:50], said[:50], strict=True):
        if category is None:
            continue
        found = evidence(row, signal_set(), category)
        assert found
        for name in found:
            signal = signal_set([name]).signals[0]
            assert row[signal_set().names.index(name)] > 0
            assert category in {TAGS.get(tag) for tag in signal.attacks}
