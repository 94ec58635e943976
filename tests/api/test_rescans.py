"""Rescans over HTTP: weighed, started, steered and read, each step on record and under the key's tenant alone."""

from __future__ import annotations

import csv
import io
import json

import pytest
from starlette.requests import Request

from db import jobs, rescans
from scorelane.api.accepts import best
from scorelane.api.problems import Problem
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.rescans import COLUMNS, plan_all, planning


@pytest.fixture
def analyst(house):
    with house.client("analyst") as client:
        yield client


@pytest.fixture
def scored(house):
    """Three scored messages of acme, and one of rival that no rescan of acme's may meet."""
    house.enqueue(3)
    house.enqueue(1, tenant="rival")
    house.score()


def run(house, rescan_id):
    plan_all(house.sql, rescan_id)
    house.score()


def start(client, **said: object):
    answer = client.post("/v1/rescans", json=said)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


@pytest.mark.usefixtures("scored")
def test_a_preview_says_what_it_would_take_and_starts_nothing(house, analyst):
    found = analyst.post("/v1/rescans/preview", json={"filter": {"mailboxes": ["All@acme.test"]}}).json()
    assert (found["messages"], found["works"], found["needs_confirm"]) == (3, {"stored": 3}, False)
    again = analyst.post("/v1/rescans/preview", json={"as_of": "now"}).json()
    assert (again["messages"], again["works"]) == (3, {"full": 3})
    nothing = analyst.post("/v1/rescans/preview", json={"filter": {"min_score": 1}}).json()
    assert nothing["messages"] == 0
    assert house.sql.execute("SELECT count(*) FROM rescans").fetchone() == (0,)


@pytest.mark.usefixtures("scored")
def test_from_start_to_flips_in_every_form(house, analyst, make_stricter):
    bundle = make_stricter(house.sql)
    answer = analyst.post("/v1/rescans", json={"bundle": "stricter"})
    begun = answer.json()
    path = answer.headers["location"]
    assert path == f"/v1/rescans/{begun['id']}"
    assert (begun["state"], begun["bundle"], begun["left"], begun["planned"]) == ("open", bundle.digest, 3, False)
    run(house, begun["id"])
    ended = analyst.get(path).json()
    assert (ended["state"], ended["done"], ended["left"], ended["flips"]) == ("done", 3, 0, 3)
    first = analyst.get(f"{path}/flips?limit=2").json()
    rest = analyst.get(first["next"]).json()
    assert rest["next"] is None
    flips = first["items"] + rest["items"]
    assert [one["message_id"] for one in flips] == sorted({one["message_id"] for one in flips})
    assert len(flips) == 3
    for one in flips:
        assert one["before_verdict"] != one["verdict"]
        assert one["log_odds"] == pytest.approx(one["before_log_odds"] + 20)
        assert sum(reason["moved"] for reason in one["reasons"]) == pytest.approx(20, abs=0.1)
    sheet = analyst.get(f"{path}/flips", headers={"Accept": "text/csv"})
    assert sheet.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(sheet.text)))
    assert tuple(rows[0]) == COLUMNS
    assert [row["message_id"] for row in rows] == [one["message_id"] for one in flips]
    lines = analyst.get(f"{path}/flips?after={flips[0]['message_id']}", headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line) for line in lines.text.splitlines()] == flips[1:]
    summed = analyst.get(f"{path}/summary").json()
    assert {(one["mailbox"], one["before_verdict"]) for one in summed} == {
        ("all@acme.test", flips[0]["before_verdict"])
    }
    assert sum(one["messages"] for one in summed) == 3
    with house.client() as admin:
        acts = [(row["action"], row["object"]) for row in admin.get("/v1/audit").json()["items"]]
    read = [("rescan.summary", begun["id"]), *[("rescan.flips", begun["id"])] * 4]
    assert acts[:6] == [*read, ("rescan.start", begun["id"])]


@pytest.mark.usefixtures("scored")
def test_reasons_that_were_not_computed_yet_are_when_read_and_then_kept(house, analyst, make_stricter, monkeypatch):
    monkeypatch.setattr(rescans, "EXPLAINED", 0)
    make_stricter(house.sql)
    rescan_id = start(analyst, bundle="stricter")
    run(house, rescan_id)
    unread = "SELECT count(*) FROM rescan_results WHERE reasons IS NULL"
    assert house.sql.execute(unread).fetchone() == (3,)
    page = analyst.get(f"/v1/rescans/{rescan_id}/flips?limit=1").json()
    assert page["items"][0]["reasons"]
    assert house.sql.execute(unread).fetchone() == (2,)


@pytest.mark.usefixtures("scored")
def test_a_cell_that_a_spreadsheet_would_run_is_text(house, analyst, make_stricter):
    make_stricter(house.sql)
    house.sql.execute("UPDATE message_state SET subject = '=HYPERLINK(1)'")
    rescan_id = start(analyst, bundle="stricter")
    run(house, rescan_id)
    sheet = analyst.get(f"/v1/rescans/{rescan_id}/flips?limit=1", headers={"Accept": "text/csv"}).text
    (row,) = csv.DictReader(io.StringIO(sheet))
    assert row["subject"] == "'=HYPERLINK(1)"


@pytest.mark.usefixtures("scored")
def test_pause_resume_and_cancel_are_taken_only_where_they_make_sense_and_noted(house, analyst):
    rescan_id = start(analyst)
    steps = [
        ("resume", 409, "it is not paused"), ("pause", 200, "paused"), ("pause", 409, "it is not running"),
        ("resume", 200, "open"), ("pause", 200, "paused"), ("cancel", 200, "cancelled"),
        ("cancel", 409, "ended already"),
    ]  # fmt: skip
    for act, status, said in steps:
        answer = analyst.post(f"/v1/rescans/{rescan_id}/{act}")
        assert answer.status_code == status, (act, answer.text)
        if status == 200:
            assert answer.json()["state"] == said
        else:
            assert said in answer.json()["detail"]
    run(house, rescan_id)
    jobs.settle(house.sql)
    ended = analyst.get(f"/v1/rescans/{rescan_id}").json()
    assert (ended["state"], ended["done"], ended["left"]) == ("cancelled", 0, 0)
    with house.client() as admin:
        acts = [row["action"] for row in admin.get("/v1/audit").json()["items"]]
    assert acts[:5] == ["rescan.cancel", "rescan.pause", "rescan.resume", "rescan.pause", "rescan.start"]


@pytest.mark.usefixtures("scored")
def test_a_paused_rescan_goes_on_where_it_was(house, analyst):
    rescan_id = start(analyst)
    plan_all(house.sql, rescan_id)
    analyst.post(f"/v1/rescans/{rescan_id}/pause")
    house.score()
    assert analyst.get(f"/v1/rescans/{rescan_id}").json()["done"] == 0
    analyst.post(f"/v1/rescans/{rescan_id}/resume")
    house.score()
    assert analyst.get(f"/v1/rescans/{rescan_id}").json()["done"] == 3


@pytest.mark.usefixtures("scored")
def test_a_repeated_request_with_its_key_starts_nothing(house, analyst):
    key = {"Idempotency-Key": "monday"}
    first = analyst.post("/v1/rescans", json={"as_of": "now"}, headers=key)
    again = analyst.post("/v1/rescans", json={"as_of": "now"}, headers=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["location"] == first.headers["location"]
    other = analyst.post("/v1/rescans", json={}, headers=key)
    assert (other.status_code, other.json()["errors"][0]["field"]) == (409, "header.idempotency-key")
    with house.client() as admin:
        assert admin.post("/v1/rescans", json={}, headers=key).status_code == 201
    assert house.sql.execute("SELECT count(*) FROM rescans").fetchone() == (2,)


@pytest.mark.usefixtures("scored")
def test_only_the_chosen_messages_are_rescanned(house, analyst):
    ids = [one["id"] for one in analyst.get("/v1/messages").json()["items"]]
    rescan_id = start(analyst, filter={"message_ids": ids[:2]})
    run(house, rescan_id)
    done = house.sql.execute("SELECT message_id::text FROM rescan_results WHERE rescan_id = %s", (rescan_id,))
    assert {row[0] for row in done} == set(ids[:2])


def test_mail_like_a_message_of_another_tenant_is_never_chosen(house, analyst):
    words = " ".join(f"word{number} of the quarterly report" for number in range(40))
    raw = f"From: Ann <ann@b.example>\r\nSubject: report\r\n\r\n{words}\r\n".encode()
    with Enqueuer(house.database.worker_url, house.database.broker_url) as door:
        for tenant in ("acme", "rival"):
            door.accept([Incoming(raw)], tenant=tenant, mailbox="all@x.test", lane="backfill")
    house.score()
    (mine,), (theirs,) = house.sql.execute("SELECT message_id::text FROM message_state ORDER BY tenant_id").fetchall()
    body = {"filter": {"like": mine}}
    assert analyst.post("/v1/rescans/preview", json=body).json()["messages"] >= 1
    assert analyst.post("/v1/rescans/preview", json={"filter": {"like": theirs}}).json()["messages"] == 0
    rescan_id = start(analyst, **body)
    # The planner sees every tenant: what it is given must hold it to one.
    house.sql.execute("UPDATE rescans SET wanted = wanted || jsonb_build_object('like', %s::text)", (theirs,))
    plan_all(house.sql, rescan_id)
    assert house.sql.execute("SELECT count(*) FROM chunks WHERE lane = 'rescan'").fetchone() == (0,)


REFUSED = [
    ({"filter": {"mailboxes": ["nobody@acme.test"]}}, "body.filter.mailboxes", "no mailbox 'nobody@acme.test'"),
    ({"filter": {"mailboxes": ["nobody"]}}, "body.filter.mailboxes.0", "not an address like"),
    ({"filter": {"verdicts": ["evil"]}}, "body.filter.verdicts.0", "'attack', 'suspicious', 'spam' or 'clean'"),
    ({"filter": {"min_score": 7}}, "body.filter.min_score", "less than or equal to 1"),
    ({"filter": {"attachment": "abc"}}, "body.filter.attachment", "match pattern"),
    ({"filter": {"scored_by": "none"}}, "body.filter.scored_by", "is called 'none'"),
    ({"filter": {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}}, "body.filter.since", "not before"),
    ({"filter": {"since": "2026-01-02T00:00:00"}}, "body.filter.since", "timezone"),
    ({"filter": {"tenant": "rival"}}, "body.filter.tenant", "not permitted"),
    ({"tenant": "rival"}, "body.tenant", "not permitted"),
    ({"bundle": "none"}, "body.bundle", "is called 'none'"),
    ({"as_of": "yesterday"}, "body.as_of", "received, final, now, or a time"),
    ({"as_of": "2026-01-01T00:00:00"}, "body.as_of", "with its zone"),
    ({"as_of": "2999-01-01T00:00:00Z"}, "body.as_of", "lies in the future"),
]


@pytest.mark.usefixtures("scored")
def test_what_cannot_be_rescanned_names_its_field_and_starts_nothing(house, analyst):
    for said, field, words in REFUSED:
        for path in ("/v1/rescans", "/v1/rescans/preview"):
            answer = analyst.post(path, json=said)
            assert answer.status_code == 422, (said, answer.text)
            (error,) = answer.json()["errors"]
            assert error["field"] == field
            assert words in error["problem"]
    none = analyst.post("/v1/rescans", json={"filter": {"sender": "none@x.test"}})
    assert (none.status_code, none.json()["detail"]) == (422, "no scored message fits this filter")
    assert house.sql.execute("SELECT count(*) FROM rescans").fetchone() == (0,)


@pytest.mark.usefixtures("scored")
def test_a_large_rescan_takes_a_confirmation(analyst, monkeypatch):
    monkeypatch.setattr(planning, "MOST_UNASKED", 2)
    refused = analyst.post("/v1/rescans", json={})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "body.confirm"
    assert analyst.post("/v1/rescans/preview", json={}).json()["needs_confirm"]
    start(analyst, confirm=True)


@pytest.mark.usefixtures("scored")
def test_only_an_admin_may_revise_and_only_by_the_live_bundle(house, analyst, admin, make_stricter):
    make_stricter(house.sql)
    refused = analyst.post("/v1/rescans", json={"apply": True})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (403, "body.apply")
    other = admin.post("/v1/rescans", json={"apply": True, "bundle": "stricter"})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "body.apply")
    run(house, start(admin, apply=True))
    revised = "SELECT count(*) FROM scores WHERE cause = 'rescan' AND tenant_id = %s"
    assert house.sql.execute(revised, (house.ids["acme"],)).fetchone() == (3,)
    assert house.sql.execute(revised, (house.ids["rival"],)).fetchone() == (0,)


@pytest.mark.usefixtures("scored")
def test_rescans_are_listed_newest_first_in_pages(analyst):
    made = [start(analyst) for _ in range(3)]
    first = analyst.get("/v1/rescans?limit=2").json()
    rest = analyst.get(first["next"]).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None


@pytest.mark.usefixtures("scored")
def test_a_form_that_is_not_offered_is_told_those_that_are(analyst):
    answer = analyst.get(f"/v1/rescans/{start(analyst)}/flips", headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (406, "header.accept")


@pytest.mark.parametrize(
    ("said", "chosen"),
    [
        ("", "a/json"), ("*/*", "a/json"), ("a/csv", "a/csv"),
        ("A/CSV, */*;q=0.1", "a/csv"), ("a/json;q=0.2, a/csv", "a/csv"),
        ("a/*", "a/json"), ("a/json;q=0, a/*", "a/csv"), ("text/html, a/csv;q=0.5", "a/csv"), ("text/html", None),
        ("a/json;q=x", None),
    ],
)  # fmt: skip
def test_accept_is_read_as_the_standard_says(said, chosen):
    request = Request({"type": "http", "headers": [(b"accept", said.encode())]})
    if chosen is None:
        with pytest.raises(Problem):
            best(request, ("a/json", "a/csv"))
    else:
        assert best(request, ("a/json", "a/csv")) == chosen
