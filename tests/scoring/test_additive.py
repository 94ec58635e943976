import math

import numpy as np
import pytest

from scorelane.mail import parse
from scorelane.scoring import explain, read_by_model
from scorelane.scoring.additive import SHIPPED, Row, Table
from scorelane.signals import compute_chunk, signal_set
from scorelane.signals.context import Directory, Fact, Person

RAW = b"""From: Ana Ferro <ana@brand-new.example>\r
To: Tara Hale <tara@harbourline.example>\r
Subject: The figures\r
Date: Mon, 12 Jan 2026 09:00:00 +0000\r
Message-ID: <1@brand-new.example>\r
\r
Here are the figures that you asked for.\r
"""


def vector(bundle, facts):
    message = parse(RAW)
    matrix, _ = compute_chunk([message], facts=[facts], set_=bundle.signal_set)
    return message, matrix


def test_a_day_old_domain_raises_the_score_and_the_explanation_names_it(bundle):
    age = Fact("f1", "domain_age_days", "brand-new.example", "ok", 1.0)
    text = np.zeros(1)
    _, without = vector(bundle, None)
    message, young = vector(bundle, {"domain_age_days": (age,)})
    assert bundle.predict(young, text)[0] == pytest.approx(bundle.predict(without, text)[0] + 2.0, abs=1e-9)
    found = explain(bundle, young[0], 0.0, read_by_model(message), message)
    term = next(term for term in found.terms if term.name == "author_domain_age_days")
    assert (term.value, term.log_odds, term.place) == (1.0, 2.0, "facts")
    assert any("author_domain_age_days" in reason for reason in found.reasons())


def test_a_missing_value_adds_nothing():
    names = signal_set().names
    assert not SHIPPED.parts(np.full((3, len(names)), np.nan, np.float32), names).any()


@pytest.mark.parametrize("row", SHIPPED.rows, ids=lambda row: row.signal)
def test_every_row_goes_the_way_that_its_signal_claims(row):
    row.check("shipped")
    said = signal_set([row.signal]).signals[0].monotone
    steps = [row.below, *(log_odds for _, log_odds in row.edges)]
    assert said == 0 or math.copysign(1, steps[-1] - steps[0]) == said


def test_table_and_row_agree_at_and_between_edges():
    table = Table((Row("hop_count", 1.0, ((2.0, 0.5), (5.0, -0.5))),))
    values = np.array([[0.0], [1.9], [2.0], [4.9], [5.0], [50.0], [np.nan]], np.float32)
    parts = table.parts(values, ("hop_count",))[:, 0].tolist()
    assert parts == [table.rows[0].at(float(value)) for value in values[:, 0]]
    assert parts == [1.0, 1.0, 0.5, 0.5, -0.5, -0.5, 0.0]


def test_a_played_colleague_raises_the_score(bundle):
    message = parse(RAW)
    ana = Person("Ana Ferro", ("ana@harbourline.example",), is_vip=True)
    ours = Directory(1, frozenset({"harbourline.example"}), (ana,))
    text = np.zeros(1)
    plain, _ = compute_chunk([message], set_=bundle.signal_set)
    known, _ = compute_chunk([message], directory=ours, set_=bundle.signal_set)
    assert bundle.predict(known, text)[0] > bundle.predict(plain, text)[0] + 1.5
