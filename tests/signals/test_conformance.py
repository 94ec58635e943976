"""What every registered signal keeps, whoever wrote it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorelane.mail import parse
from scorelane.signals import all_signals, compute, conformance, signal_set
from scorelane.signals.conformance import FACTS, HOSTILE, PAST, TENANT
from scorelane.signals.conformance import RECEIVED_AT as NOW
from scorelane.signals.context import STATUSES
from scorelane.signals.cost import measure


@pytest.fixture(scope="session")
def run(example_mail):
    return conformance.run(example_mail)


@pytest.fixture(params=all_signals(), ids=lambda signal: signal.name)
def signal(request):
    return request.param


def test_a_signal_keeps_its_range_and_its_bits_on_hostile_mail(signal, run):
    assert conformance.value_faults(signal, run) == []


def test_a_signal_is_documented_and_typed(signal):
    assert conformance.declaration_faults(signal) == []


def test_no_shared_value_fails_on_hostile_mail(run):
    assert run.failures == {}


def test_messages_are_left_as_they_were(run):
    assert run.changed == ()


def test_each_kind_of_fault_is_told(run):
    honest = next(one for one in all_signals() if one.name == "size_log")
    wrong = {
        "docstring": replace(honest, doc="TODO"),
        "attack category moonshine": replace(honest, attacks=("moonshine",)),
        "not finite": replace(honest, range=(0.0, float("inf"))),
        "its range says": replace(honest, range=(0.0, 0.5)),
        "not written yet": replace(honest, missing="TODO"),
    }
    for words, signal in wrong.items():
        assert any(words in fault for fault in conformance.faults(signal, run)), words
    column = run.names.index("size_log")
    noisy = run.again.copy()
    noisy[0, column] += 1
    told = conformance.value_faults(honest, replace(run, again=noisy, failures={"size_log": "KeyError('x')"}))
    assert ["KeyError" in told[0], "pure function" in told[1]] == [True, True]


@pytest.mark.parametrize("name", HOSTILE)
def test_signals_of_a_hostile_megabyte_take_bounded_time(name):
    message = parse(HOSTILE[name], received_at=NOW)
    before = time.process_time()
    compute(message, history=PAST, facts=FACTS, directory=TENANT)
    assert time.process_time() - before < 0.5


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["From", "To", "Reply-To", "Subject", "Message-ID", "Date", "Received", "List-Unsubscribe"]
            ),
            st.text(max_size=80).map(lambda text: text.replace("\r", "").replace("\n", "")),
        ),
        max_size=8,
    ),
    st.text(max_size=400),
    st.sampled_from(["text/plain", "text/html", "application/pdf", "multipart/mixed; boundary=x"]),
)
def test_generated_mail_fails_no_signal(headers, body, kind):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    raw = f"{lines}Content-Type: {kind}\r\n\r\n{body}".encode("utf-8", "surrogatepass")
    failures = []
    found = compute(
        parse(raw, received_at=NOW), directory=TENANT, history=PAST, on_failure=lambda *f: failures.append(f)
    )
    assert failures == []
    assert STATUSES.index("failed") not in found.statuses


def test_the_cost_of_each_signal_is_told_dearest_first(letter):
    table = measure([letter(), letter(html="<p>Hi</p>")])
    assert {cost.name for cost in table if cost.is_signal} == set(signal_set().names)
    assert [cost.mean_us for cost in table] == sorted((cost.mean_us for cost in table), reverse=True)
    assert all(cost.worst_us >= cost.mean_us > 0 for cost in table)
