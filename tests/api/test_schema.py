"""Schemathesis over the API's own schema: whatever it generates is answered, and never with a 5xx."""

from __future__ import annotations

import warnings

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from scorelane.api import create_app

schemathesis.serializer.alias("message/rfc822", "application/octet-stream")
schemathesis.serializer.alias("application/x-ndjson", "text/plain")

EXAMPLES = 12
"""For each operation; ``SCORELANE_FUZZ=…`` is no setting of ours: raise it here to look longer."""


def operations(schema):
    return [result.ok() for result in schema.get_all_operations()]


def test_nothing_that_the_schema_allows_or_forbids_gives_a_5xx(house):
    house.enqueue(2)
    house.score()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        schema = schemathesis.openapi.from_url(f"{house.url}/v1/openapi.json")
    headers = {"Authorization": f"Bearer {house.keys['acme', 'admin']}"}
    house.sql.execute("UPDATE api_keys SET rate_per_s = 100000")
    seen: dict[str, set[int]] = {}

    for operation in operations(schema):
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

            @settings(
                max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=operation.as_strategy(generation_mode=mode))
            def call(case):
                answer = case.call(headers=headers, timeout=30)
                name = f"{case.method} {case.path}"
                seen.setdefault(name, set()).add(answer.status_code)
                assert answer.status_code < 500, (name, answer.request.url, answer.request.body, answer.text)
                if answer.status_code >= 400:
                    assert answer.headers["content-type"][0] == "application/problem+json", (name, answer.text)
                    assert answer.json()["status"] == answer.status_code

            call()
    assert len(seen) == len(operations(schema))
    # It did not only knock at closed doors.
    assert {status for statuses in seen.values() for status in statuses} >= {200, 201, 404, 422}


def test_the_schema_is_valid_and_says_what_each_route_needs(unserved):
    schema = unserved.openapi()
    assert schema["openapi"].startswith("3.")
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            assert route["security"], (method, path)
            assert route["summary"], (method, path)
            assert "application/problem+json" in route["responses"]["default"]["content"], (method, path)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("PATCH", "/v1/messages", 405), ("GET", "/v1/messages/not-a-uuid", 422)],
)
def test_every_error_is_a_problem_document(quiet_house, method, path, status):
    with quiet_house.client() as client:
        answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    if status == 405:
        assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/v1/messages/batch?mailbox=a@acme.test", {"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415),
        ("/v1/rescans", {"content": b"x" * 2_000_000, "headers": {"Content-Type": "application/json"}}, 413),
        ("/v1/rescans", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ("/v1/rescans", {"content": b"\xff\xfe", "headers": {"Content-Type": "application/json"}}, 400),
        ("/v1/rescans", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 422),
        ("/v1/rescans", {"json": {"filter": {"subject": "a\0b"}}}, 422),
        ("/v1/rescans", {"json": {"as_of": "tomorrow"}}, 422),
        ("/v1/keys", {"json": {"name": "x\r\nSet-Cookie: a=1", "role": "ops"}}, 422),
        ("/v1/destinations", {"json": {"name": "x", "url": "http://a.test/\r\nHost: b"}}, 422),
    ],
)
def test_a_body_that_cannot_be_is_a_problem_document(quiet_house, path, sent, status):
    with quiet_house.client() as client:
        answer = client.post(path, **sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_bug_of_ours_is_a_problem_document_that_tells_nothing(quiet_house, monkeypatch):
    from db import labels  # noqa: PLC0415 - the module that is broken for a moment

    monkeypatch.setattr(labels, "listing", lambda *_, **__: 1 / 0)
    with quiet_house.client() as client:
        answer = client.get("/v1/labels")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "ZeroDivision" not in answer.text


def test_a_database_that_is_away_is_a_503_with_a_time(config, serving, house):
    from dataclasses import replace  # noqa: PLC0415

    away = replace(
        config,
        database_url="postgresql://nobody@127.0.0.1:1/none",
        intake_database_url="postgresql://nobody@127.0.0.1:1/none",
    )
    with serving(create_app(away)) as url:
        import httpx  # noqa: PLC0415

        headers = {"Authorization": f"Bearer {house.keys['acme', 'admin']}"}
        for path in ("/v1/messages", "/readyz"):
            answer = httpx.get(f"{url}{path}", headers=headers, timeout=30)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
        assert httpx.get(f"{url}/healthz").status_code == 200
