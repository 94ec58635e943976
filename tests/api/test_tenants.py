"""Trying to cross tenants on every route: rival's keys and ids of acme, and acme's rows in rival's listings.

The routes are read from the application: a new one without a case here fails.
"""

from __future__ import annotations

import base64
import json

import psycopg
import pytest
from fastapi.routing import APIRoute

from db import erasures, outbox
from scorelane import rescans

PLACE = "?mailbox=all@acme.test"
MAIL = b"From: a@b.example\r\nSubject: theirs\r\n\r\nhello\r\n"
LINE = json.dumps({"raw": base64.b64encode(MAIL).decode()}).encode()

# What rival's admin sends with acme's ids, and what it may get. 404: not there, as if it did not exist.
BY_ID = {
    ("GET", "/v1/messages/{message_id}"): ({}, 404),
    ("GET", "/v1/messages/{message_id}/revisions/{revision}"): ({}, 404),
    ("GET", "/v1/messages/{message_id}/raw"): ({}, 404),
    ("GET", "/v1/messages/{message_id}/labels"): ({}, 404),
    ("POST", "/v1/messages/{message_id}/labels"): ({"json": {"label": "attack"}}, 404),
    ("POST", "/v1/labels/{label_id}/retract"): ({}, 404),
    ("POST", "/v1/dead-letters/{letter_id}/replay"): ({}, 404),
    ("POST", "/v1/dead-letters/{letter_id}/discard"): ({}, 404),
    ("POST", "/v1/keys/{key_id}/rotate"): ({"json": {}}, 404),
    ("DELETE", "/v1/keys/{key_id}"): ({}, 404),
    ("POST", "/v1/outbox/{delivery_id}/replay"): ({}, 404),
    ("GET", "/v1/erasures/{erasure_id}"): ({}, 404),
    ("POST", "/v1/erasures"): ({"json": {"address": "all@acme.test"}}, 404),
    ("DELETE", "/v1/destinations/{destination_id}"): ({}, 404),
    ("GET", "/v1/rescans/{rescan_id}"): ({}, 404),
    ("GET", "/v1/rescans/{rescan_id}/flips"): ({}, 404),
    ("GET", "/v1/rescans/{rescan_id}/summary"): ({}, 404),
    ("POST", "/v1/rescans/{rescan_id}/pause"): ({}, 404),
    ("POST", "/v1/rescans/{rescan_id}/resume"): ({}, 404),
    ("POST", "/v1/rescans/{rescan_id}/cancel"): ({}, 404),
}
# Listings that must hold nothing of acme's: its words are looked for in the whole answer.
LISTINGS = {
    ("GET", "/v1/messages"), ("GET", "/v1/labels"), ("GET", "/v1/dead-letters"), ("GET", "/v1/keys"),
    ("GET", "/v1/audit"), ("GET", "/v1/lanes"), ("GET", "/v1/whoami"),
    ("GET", "/v1/destinations"), ("GET", "/v1/outbox"), ("GET", "/v1/rescans"),
    ("GET", "/v1/retention"), ("GET", "/v1/erasures"), ("GET", "/v1/exports?address=all@acme.test&raw=true"),
}  # fmt: skip
# Writes whose rows must stand under rival's tenant although everything that can be said says acme.
WRITES = {
    ("POST", "/v1/messages"): {"content": MAIL},
    ("POST", "/v1/messages/batch"): {"content": LINE, "headers": {"Content-Type": "application/x-ndjson"}},
    ("POST", "/v1/messages/stream"): {"content": LINE},
    ("POST", "/v1/keys"): {"json": {"name": "mine", "role": "ops"}},
    ("PUT", "/v1/retention"): {"json": {"raw_days": 1, "vector_days": 1, "score_days": 1}},
    ("POST", "/v1/destinations"): {"json": {"name": "acme", "url": "https://siem.rival.test/"}},
    ("POST", "/v1/rescans/preview"): {"json": {"filter": {"mailboxes": ["all@acme.test"]}}},
    ("POST", "/v1/rescans"): {"json": {"filter": {"mailboxes": ["all@acme.test"]}}},
}
# The same for every tenant.
SHARED = {
    ("GET", "/v1/signals"), ("GET", "/v1/signals/{name}"), ("GET", "/v1/models"),
    ("GET", "/healthz"), ("GET", "/readyz"),
}  # fmt: skip


def routes(app):
    """(method, path) of every route, those left out of the schema too."""
    shown = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    return shown | {
        (method, route.path) for route in walk(app) if not route.include_in_schema for method in route.methods
    }


def walk(router):
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from walk(route.original_router)


@pytest.fixture
def theirs(house, admin):
    """Rows of acme of every kind that has an id, as values for paths."""
    (receipt, dead) = house.enqueue(2)
    house.score()
    rescan = admin.post("/v1/rescans", json={}).json()["id"]
    label = admin.post(f"/v1/messages/{receipt.message_id}/labels", json={"label": "spam"}).json()[0]["id"]
    house.sql.execute(
        "INSERT INTO dead_letters (tenant_id, message_id, job_id, lane, attempts, error) "
        "SELECT tenant_id, id, job_id, 'realtime', 3, 'acme fault' FROM messages WHERE id = %s",
        (dead.message_id,),
    )
    (letter,) = house.sql.execute("SELECT id FROM dead_letters").fetchone()
    (key,) = house.sql.execute("SELECT id FROM api_keys WHERE name = 'ops of acme'").fetchone()
    place = outbox.add_destination(
        house.sql, house.ids["acme"], name="acme", kind="file", target="/tmp/acme", secret=None, verdicts=None,
        author="test",
    )  # fmt: skip
    house.sql.execute(
        "INSERT INTO outbox (tenant_id, message_id, kind, body) SELECT tenant_id, id, 'verdict', '{}' FROM messages"
    )
    outbox.route(house.sql)
    house.sql.execute("UPDATE deliveries SET state = 'dead'")
    (delivery,) = house.sql.execute("SELECT max(id) FROM deliveries").fetchone()
    erasure_id = erasures.request(house.sql, house.ids["acme"], "all@acme.test", author="test")
    return {
        "erasure_id": erasure_id, "delivery_id": delivery, "destination_id": place, "message_id": receipt.message_id,
        "revision": 1, "rescan_id": rescan, "label_id": label, "letter_id": letter,
        "key_id": key,
    }  # fmt: skip


def test_every_route_has_a_case_here(unserved):
    assert (
        routes(unserved)
        == set(BY_ID) | {(method, path.partition("?")[0]) for method, path in LISTINGS} | set(WRITES) | SHARED
    )


def test_no_route_shows_or_changes_another_tenants_rows(house, theirs, admin, rival):
    before = snapshot(house)
    for (method, path), (more, status) in BY_ID.items():
        answer = rival.request(method, path.format(**theirs), **more)
        assert (answer.status_code, method, path) == (status, method, path)
        own = admin.request(method, path.format(**theirs), **more)
        assert own.status_code < 400, (method, path, own.text)
        house.sql.execute("UPDATE dead_letters SET resolution = NULL; UPDATE message_state SET state = 'scored'")
    words = ["acme", *(str(value) for name, value in theirs.items() if name in ("message_id", "key_id", "rescan_id"))]
    for method, path in LISTINGS:
        answer = rival.request(method, path)
        assert answer.status_code == 200
        assert [word for word in words if word in answer.text.replace("acme.test", "")] == [], path
    assert all(lane["ready"] == lane["finished_1m"] == 0 for lane in rival.get("/v1/lanes").json())
    assert snapshot(house)["messages"] == before["messages"]


def test_what_rival_writes_stands_under_rival(house, theirs, rival):  # noqa: ARG001 - acme has rows already
    before = snapshot(house)
    for (method, path), more in WRITES.items():
        if "rescans" in path:
            house.score()
        answer = rival.request(method, path + (PLACE if "messages" in path else ""), **more)
        assert answer.status_code < 300, (path, answer.text)
    after = snapshot(house)
    assert after["messages"][house.ids["acme"]] == before["messages"][house.ids["acme"]]
    assert after["messages"][house.ids["rival"]] == 1
    assert after["api_keys"][house.ids["rival"]] == before["api_keys"][house.ids["rival"]] + 1
    assert house.sql.execute("SELECT raw_days FROM tenants ORDER BY name").fetchall() == [(30,), (1,)]
    assert after["destinations"] == {house.ids["acme"]: 1, house.ids["rival"]: 1}
    assert after["api_keys"][house.ids["acme"]] == before["api_keys"][house.ids["acme"]]
    assert after["rescans"] == {house.ids["acme"]: 1, house.ids["rival"]: 1}
    ((mine, chosen),) = house.sql.execute(
        "SELECT id, (preview->>'messages')::integer FROM rescans WHERE tenant_id = %s", (house.ids["rival"],)
    )
    assert chosen == 1
    rescans.plan_all(house.sql, mine)
    planned = (
        "SELECT tenant_id FROM messages WHERE id = ANY (SELECT unnest(message_ids) FROM chunk_bodies b JOIN chunks c "
    )
    planned += "ON c.id = b.chunk_id WHERE c.job_id = %s)"
    assert house.sql.execute(planned, (mine,)).fetchall() == [(house.ids["rival"],)]


def snapshot(house):
    """Rows by table and tenant."""
    return {
        table: dict(house.sql.execute(f"SELECT tenant_id, count(*) FROM {table} GROUP BY 1").fetchall())
        for table in ("messages", "labels", "dead_letters", "api_keys", "destinations", "rescans")
    }


def test_the_apis_role_sees_no_row_of_a_tenants_table_while_no_tenant_is_set(house, theirs):  # noqa: ARG001
    with psycopg.connect(house.database.api_url, autocommit=True) as api:
        tables = [
            name
            for (name,) in api.execute(
                """SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                   WHERE a.attname = 'tenant_id' AND c.relnamespace = 'public'::regnamespace
                     AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'SELECT')"""
            ).fetchall()
        ]
        assert "messages" in tables
        for table in (*tables, "chunk_bodies", "tenants"):
            assert api.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        api.execute("SELECT set_config('app.tenant', %s, false)", (str(house.ids["rival"]),))
        for table in ("messages", "scores", "vectors", "sightings", "raw_mail", "chunk_bodies", "receipts"):
            assert api.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        api.execute("SELECT set_config('app.tenant', %s, false)", (str(house.ids["acme"]),))
        assert api.execute("SELECT count(*) FROM messages").fetchone() == (2,)


def test_the_apis_role_cannot_write_mail_or_rewrite_the_audit_log(quiet_house):
    with psycopg.connect(quiet_house.database.api_url, autocommit=True) as api:
        api.execute("SELECT set_config('app.tenant', %s, false)", (str(quiet_house.ids["acme"]),))
        for statement in (
            "INSERT INTO receipts VALUES (1, 1, 'x', gen_random_uuid())",
            "UPDATE scores SET verdict = 'clean'",
            "UPDATE audit_log SET actor = 'nobody'",
            "DELETE FROM audit_log",
            "DELETE FROM labels",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                api.execute(statement)
