"""An admin of another tenant goes to every address with this tenant's ids: nothing shows, nothing changes."""

from __future__ import annotations

import pytest
from starlette.routing import Mount

from db import dispatch, tenants
from scorelane import accounts
from scorelane.console import Config, create_app
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.rescans import Asked, start, wanted_by
from tasks.score import score_chunks
from tasks.session import Session
from worker.up import ensure_bundle

PASSWORD = "correct horse battery"
SECRET = "only-acme-knows"
OPEN = {("GET", "/healthz"), ("GET", "/login"), ("POST", "/login"), ("GET", "/")}
"""Neither of a tenant, nor with anything of one."""
LISTINGS = (
    "/messages?verdict=any", "/search?q=acme-know", "/lanes", "/lanes/live", "/lanes/fleet", "/dead-letters", "/models",
    "/rescans", "/rescans/new?preview=yes", "/audit", "/account",
)  # fmt: skip
BY_ID = {
    ("GET", "/messages/{message_id}"): {},
    ("POST", "/messages/{message_id}/label"): {"label": "spam"},
    ("POST", "/messages/{message_id}/html"): {},
    ("POST", "/messages/{message_id}/source"): {},
    ("POST", "/messages/{message_id}/download"): {},
    ("POST", "/dead-letters/{letter_id}"): {"action": "replay"},
    ("GET", "/rescans/{rescan_id}"): {},
    ("GET", "/rescans/{rescan_id}/live"): {},
    ("GET", "/rescans/{rescan_id}/flips.{form}"): {},
    ("POST", "/rescans/{rescan_id}/{action}"): {},
}
OWN = {("POST", "/logout"), ("POST", "/tenant"), ("POST", "/rescans"), ("POST", "/account/password")}
"""Change what is the caller's own alone."""
TABLES = ("labels", "dead_letters", "jobs", "audit_log", "rescans")


@pytest.fixture
def theirs(database, sql, acme):
    """Ids of what acme has."""
    ensure_bundle(database.worker_url)
    mail = f"From: Eve <eve@b.example>\r\nSubject: {SECRET}\r\n\r\nhello\r\n".encode()
    with Enqueuer(database.worker_url, database.broker_url) as door:
        (receipt,) = door.accept([Incoming(mail)], tenant="acme", mailbox=f"{SECRET}@x.test", lane="backfill")
    session = Session(database.worker_url, group="test")
    score_chunks(session, [(d.chunk_id, d.dispatch_id) for d in dispatch.publish_due(sql, "backfill", 1000)])
    session.attachments.close()
    session.forget_connection()
    rescan_id, _ = start(sql, acme, Asked(), wanted_by(sql, None), actor=SECRET)
    (letter,) = sql.execute(
        "INSERT INTO dead_letters (tenant_id, message_id, job_id, lane, attempts, error) "
        "SELECT tenant_id, id, job_id, 'backfill', 3, %s FROM messages RETURNING id",
        (SECRET,),
    ).fetchone()
    return {"message_id": receipt.message_id, "rescan_id": rescan_id, "letter_id": letter, "form": "csv",
            "action": "pause"}  # fmt: skip


@pytest.fixture
def rival(sql, somebody):
    tenant_id, _ = tenants.ensure(sql, "rival")
    accounts.create(sql, "ruth", PASSWORD, tenant_id=tenant_id, role="admin")
    person = somebody()
    assert person.log_in("ruth").status_code == 303
    return person


def snapshot(sql):
    return {table: sql.execute(f"SELECT to_jsonb(t) FROM {table} t ORDER BY 1").fetchall() for table in TABLES}


def test_every_address_has_a_case_here():
    app = create_app(Config("postgresql://"))._app
    routes = [route for route in app.routes if not isinstance(route, Mount)]
    known = {(method, route.path) for route in routes for method in route.methods if method != "HEAD"}
    assert known == OPEN | OWN | set(BY_ID) | {("GET", path.partition("?")[0]) for path in LISTINGS}


def test_no_address_shows_or_changes_what_is_another_tenants(sql, rival, theirs):
    before = snapshot(sql)
    for (method, path), fields in BY_ID.items():
        where = path.format(**theirs)
        answer = rival.client.get(where) if method == "GET" else rival.send(where, fields)
        assert (answer.status_code, method, path) == (404, method, path)
        assert SECRET not in answer.text
    for path in LISTINGS:
        answer = rival.client.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
        assert SECRET not in answer.text, path
        assert str(theirs["message_id"]) not in answer.text
    assert snapshot(sql) == before


def test_a_rescan_of_another_tenants_mail_chooses_nothing(sql, rival, theirs):
    fields = {"query": f"id={theirs['message_id']}", "as_of": "received"}
    before = snapshot(sql)
    assert rival.send("/rescans", fields).status_code == 400
    assert snapshot(sql) == before
    like = rival.client.get(f"/rescans/new?preview=yes&like={theirs['message_id']}").text
    assert "No scored message fits" in like
    assert rival.client.get(f"/rescans/new?preview=yes&mailbox={SECRET}@x.test").status_code == 400
