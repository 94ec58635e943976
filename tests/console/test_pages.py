"""Pages over HTTP on a real database: what each reads, who may, and that more rows cost no more queries."""

from __future__ import annotations

import re

import psycopg
import pytest

from db import dispatch, tenants
from scorelane import accounts
from scorelane.console.house import House
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.rescans import Asked, plan_all, start, wanted_by
from scorelane.rescans import preview as rescan_preview
from tasks.score import score_chunks
from tasks.session import Session
from worker.up import ensure_bundle

PASSWORD = "correct horse battery"
LURE = "Your mailbox is full. Verify your password at https://login-check.example/now or it will be closed today."


@pytest.fixture
def deliver(database, sql):
    """A function that has mail of a tenant scored."""
    ensure_bundle(database.worker_url)

    def deliver(count, tenant="acme", first=0):
        mails = [
            Incoming(f"From: Eve <eve@b.example>\r\nSubject: full {n}\r\n\r\n{LURE} {n}\r\n".encode())
            for n in range(first, first + count)
        ]
        with Enqueuer(database.worker_url, database.broker_url) as door:
            receipts = door.accept(mails, tenant=tenant, mailbox="all@x.test", lane="backfill")
        work(database, sql)
        return [str(receipt.message_id) for receipt in receipts]

    return deliver


def work(database, sql):
    session = Session(database.worker_url, group="test")
    for lane in ("backfill", "rescan"):
        score_chunks(session, [(d.chunk_id, d.dispatch_id) for d in dispatch.publish_due(sql, lane, 100_000)])
    session.attachments.close()
    session.forget_connection()


@pytest.fixture
def root(sql, acme, somebody):
    """An admin of every tenant."""
    accounts.create(sql, "root", PASSWORD, tenant_id=None, role="admin")
    person = somebody()
    assert person.log_in("root").status_code == 303
    assert person.send("/tenant", {"tenant": str(acme)}).status_code == 303
    return person


@pytest.fixture
def queries(monkeypatch):
    """A list that grows by each statement of this process."""
    said = []
    execute = psycopg.Cursor.execute

    def counted(self, query, *rest, **more):  # noqa: ANN002, ANN003 - passed on
        said.append(str(query))
        return execute(self, query, *rest, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    return said


@pytest.fixture
def rescanned(database, sql, acme):
    """A function that rescans all mail of acme, with every verdict flipped."""

    def rescanned():
        rescan_id, _ = start(sql, acme, Asked(), wanted_by(sql, None), actor="ann")
        plan_all(sql, rescan_id)
        work(database, sql)
        sql.execute("UPDATE rescan_results SET verdict = 'attack', before_verdict = 'clean', reasons = '[]'")
        return rescan_id

    return rescanned


def test_more_rows_cost_no_more_queries(sql, root, deliver, rescanned, queries):
    def cost(path):
        assert root.client.get(path).status_code == 200, path  # what is computed once is kept
        del queries[:]
        assert root.client.get(path).status_code == 200
        return len(queries)

    def costs(message, rescan_id):
        sql.execute(
            "INSERT INTO dead_letters (tenant_id, message_id, job_id, lane, attempts, error) "
            "SELECT tenant_id, id, job_id, 'backfill', 3, 'fault' FROM messages"
        )
        paths = [
            "/messages?verdict=any", f"/messages/{message}", "/lanes", "/dead-letters", "/models", "/rescans",
            "/rescans/new?verdict=any&preview=yes", f"/rescans/{rescan_id}", "/audit", "/account", "/lanes/fleet",
        ]  # fmt: skip
        return {re.sub("[0-9a-f-]{36}", "ID", path): cost(path) for path in paths}

    few = costs(deliver(2)[0], rescanned())
    many = costs(deliver(40, first=2)[0], rescanned())
    assert many == few
    assert max(few.values()) <= 24


def test_the_audit_page_is_for_admins_and_says_who_saw_what(sql, acme, root, anna, deliver):
    (message, _) = deliver(2)
    assert anna.client.get(f"/messages/{message}").status_code == 200
    assert anna.client.get("/audit").status_code == 403
    page = root.client.get(f"/audit?object={message}").text
    assert "<bdi>console:anna</bdi>" in page
    assert ">message.read</a>" in page
    assert "<bdi>console:anna</bdi>" not in root.client.get("/audit?action=label.add").text
    assert root.client.get("/audit?before=x").status_code == 400
    other, _ = tenants.ensure(sql, "other")
    root.send("/tenant", {"tenant": str(other)})
    assert message not in root.client.get("/audit").text
    assert acme != other


def test_the_fleet_shows_each_tenants_own_backlog_and_only_those_of_the_user(database, sql, root, anna):
    for name in ("busy", "calm"):
        tenants.ensure(sql, name)
    mails = [Incoming(f"Subject: {n}\r\n\r\nx\r\n".encode()) for n in range(7)]
    with Enqueuer(database.worker_url, database.broker_url) as door:
        door.accept(mails, tenant="busy", mailbox="a@busy.test", lane="backfill")
    rows = re.findall(r'<th scope="row">(\w+)</th>(.*?)</tr>', root.client.get("/lanes/fleet").text, re.DOTALL)
    shown = {name: re.findall(r'class="num">(?:<[^>]+>)?\s*(\d+)', cells) for name, cells in rows}
    assert next(iter(shown)) == "busy"
    assert set(shown) == {"acme", "busy", "calm"}
    assert "7" in shown["busy"]
    assert "7" not in shown["acme"] + shown["calm"]
    assert [name for name in ("busy", "calm") if name in anna.client.get("/lanes/fleet").text] == []


def preview(person, **asked):  # noqa: ANN003 - fields of the form
    answer = person.client.get("/rescans/new", params={"preview": "yes", **asked})
    found = re.search(r'<strong class="figure">([\d,]+)</strong>', answer.text)
    return answer.status_code, int(found.group(1)) if found else 0, answer.text


@pytest.mark.usefixtures("root")
def test_a_rescan_is_chosen_by_model_signal_set_and_several_mailboxes(sql, anna, deliver):
    deliver(3)
    deliver(2, tenant="acme", first=9)
    live = sql.execute("SELECT digest, signal_set FROM bundles").fetchone()
    assert live is not None
    for asked in ({"scored_by": live[0]}, {"signal_set": live[1]}, {"mailbox": "all@x.test, All@x.test"}):
        assert preview(anna, **asked)[:2] == (200, 5), asked
    for asked in ({"scored_by": "0" * 64}, {"signal_set": "0" * 64}):
        assert preview(anna, **asked)[:2] == (200, 0), asked
    assert preview(anna, mailbox="all@x.test none@x.test")[0] == 400
    assert preview(anna, scored_by="nonsense")[0] == 400
    assert anna.client.get(f"/messages?verdict=any&scored_by={'0' * 64}").text.count('name="id"') == 0


def test_a_rescan_knows_what_was_known_at_a_time(sql, anna, deliver):
    deliver(2)
    status, count, page = preview(anna, as_of="at", at="2026-01-01T12:00")
    assert (status, count) == (200, 2)
    assert "2 computed again from raw mail" in page
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page[page.index("Preview") :]))
    answer = anna.send("/rescans", {"as_of": fields["as_of"], "query": fields["query"]})
    assert answer.status_code == 303
    asked = sql.execute("SELECT as_of, as_of_time::text FROM rescans").fetchone()
    assert asked == ("time", "2026-01-01 12:00:00+00")
    assert "2026-01-01 12:00" in anna.client.get("/rescans").text
    assert preview(anna, as_of="at")[0] == 400
    assert preview(anna, as_of="at", at="noon")[0] == 400
    assert preview(anna, as_of="at", at="2999-01-01T00:00")[0] == 400


def test_rescans_are_listed_in_pages(sql, acme, anna, deliver):
    deliver(1)
    ids = [str(start(sql, acme, Asked(), wanted_by(sql, None), actor="ann")[0]) for _ in range(27)]
    first = anna.client.get("/rescans").text
    older = re.search(r'href="(/rescans\?before=[^"]+)"', first)
    assert older is not None
    pages = [first, anna.client.get(older.group(1)).text]
    assert [one for page in pages for one in re.findall(r'<th scope="row"><a href="/rescans/([^"]+)"', page)] == ids[
        ::-1
    ]
    assert anna.client.get("/rescans?before=x").status_code == 404


def test_lists_that_changed_make_a_preview_count_all_work(database, sql, acme, deliver, tmp_path):
    """As workers see it, so that what is stored and what must be computed again are not confused."""
    deliver(2)
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "free_mail.txt").write_text("b.example\n")
    wanted = [
        wanted_by(sql, None, House(database.api_url, https=False, lists=one).lists_digest) for one in (None, lists)
    ]
    found = [rescan_preview(sql, acme, Asked(), one, "received").works for one in wanted]
    assert found == [{"stored": 2}, {"full": 2}]
