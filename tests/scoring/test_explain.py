import math

import numpy as np
import pytest

from scorelane.mail import parse
from scorelane.scoring import Policy, Scorer, explain, read_by_model
from scorelane.scoring.category import evidence
from scorelane.scoring.places import place_of, shown_at
from scorelane.signals import signal_set


@pytest.fixture(scope="module")
def scored(bundle, parsed_sample):
    messages = [*parsed_sample[0][:40], *parsed_sample[1][:40]]
    return messages, Scorer(bundle, Policy.from_bundle(bundle)).score(messages)


def explained(bundle, scored, at):
    messages, found = scored
    text = read_by_model(messages[at])
    return explain(bundle, found.matrix[at], float(found.text_log_odds[at]), text, messages[at])


@pytest.mark.parametrize("at", range(0, 80, 5))
def test_terms_and_base_sum_to_the_score(bundle, scored, at):
    found = explained(bundle, scored, at)
    total = math.fsum((found.base, *(term.log_odds for term in found.terms)))
    assert abs(total - scored[1].log_odds[at]) < 1e-9
    assert found.log_odds == pytest.approx(scored[1].log_odds[at], abs=1e-9)
    assert sum(found.families().values()) + found.base == pytest.approx(total, abs=1e-9)


def test_trees_words_additive_table_and_calibration_are_terms_of_their_own(bundle, scored):
    matrix = scored[1].matrix.copy()
    matrix[60, bundle.signal_set.names.index("url_listed")] = 1.0
    found = explain(bundle, matrix[60], 1.0, "")
    families = {term.family for term in found.terms}
    assert {"text", "calibration", "enriched"} <= families
    assert len(families) > 3


def test_terms_stand_strongest_first_with_value_and_place(bundle, scored):
    found = explained(bundle, scored, 60)
    sizes = [abs(term.log_odds) for term in found.terms]
    assert sizes == sorted(sizes, reverse=True)
    for term in found.terms:
        if term.family not in ("text", "calibration"):
            assert f" in {term.place}" in term.sentence
            assert ("missing" if term.value is None else f"{term.value:g}") in term.sentence


def test_the_text_model_names_its_strongest_words(bundle, scored):
    found = explained(bundle, scored, 60)
    strengths = [abs(part) for _, part in found.tokens]
    assert len(found.tokens) == 8
    assert strengths == sorted(strengths, reverse=True)
    words = next(term.sentence for term in found.terms if term.family == "text")
    assert "wording" in words


def test_a_vector_without_raw_mail_is_still_explained(bundle, scored):
    found = explain(bundle, scored[1].matrix[60], math.nan, "")
    assert abs(found.log_odds - bundle.predict(scored[1].matrix[60:61], np.array([math.nan]))[0]) < 1e-9


def test_every_signal_has_a_place():
    for signal in signal_set().signals:
        assert place_of(signal.name, signal.family)


def test_places_show_what_stands_there():
    message = parse(
        b"From: Bank <help@bank.example>\r\nReply-To: x@other.example\r\nSubject: Hello\r\n"
        b"Content-Type: text/html\r\n\r\n<a href='http://evil.example/token?secret=1'>go</a>\r\n"
    )
    assert shown_at(message, "From") == "Bank <help@bank.example>"
    assert shown_at(message, "Reply-To") == "x@other.example"
    assert shown_at(message, "links") == "evil.example"
    assert shown_at(message, "history") == ""


def test_the_category_comes_with_what_speaks_for_it_and_where_it_was_seen(bundle, scored):
    _, found = scored
    told = 0
    for at in range(40, 80):
        explanation = explained(bundle, scored, at)
        if found.categories[at] is None:
            continue
        told += 1
        assert explanation.category == found.categories[at]
        names = evidence(found.matrix[at], bundle.signal_set, explanation.category)
        assert [one.partition(" = ")[0] for one in explanation.evidence] == names[:5]
        assert all(" in " in one for one in explanation.evidence)
    assert told > 20
    nothing = np.full(len(bundle.signal_set), np.nan, np.float32)
    empty = explain(bundle, nothing, math.nan, "")
    assert (empty.category, empty.evidence) == (None, ())
