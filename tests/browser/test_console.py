"""The console in a real browser: from login to a labelled message, searches, lanes and models."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from playwright.sync_api import expect

from db import bundles
from db.session import connect
from scorelane.scoring import Bundle, default_bundle_path
from scorelane.scoring.bundle import write_manifest

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def stricter(console, tmp_path_factory):
    """A registered bundle that adds 3 to each log-odds: the shipped one with another calibration."""
    folder = tmp_path_factory.mktemp("bundles") / "stricter"
    shutil.copytree(default_bundle_path(), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["calibration"]["intercept"] += 3.0
    with np.load(folder / "golden.npz") as golden:
        rows = {name: golden[name] for name in golden.files}
    np.savez(folder / "golden.npz", **{**rows, "log_odds": rows["log_odds"] + 3.0})
    content = {name: value for name, value in manifest.items() if name not in {"format", "tokens", "files"}}
    write_manifest(folder, {**content, "name": "stricter"})
    bundle = Bundle.load(folder)
    with connect(console.worker_url, application="test") as sql:
        bundles.register(
            sql, digest=bundle.digest, name=bundle.name, path=str(folder), signal_set=bundle.signal_set.hash
        )
    return bundle


def first_flagged(page, console):
    page.goto(f"{console.url}/messages")
    page.locator(".messages a.subject").first.click()
    page.wait_for_url(re.compile(r"/messages/[0-9a-f-]{36}$"))
    return page.url.rsplit("/", 1)[1]


def ask(console, query, *values: object):
    with connect(console.worker_url, application="test") as sql:
        return sql.execute(query, values).fetchall()


def test_the_first_administrator_logs_in_with_the_password_that_up_prints(chromium, console):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{console.url}/messages?verdict=attack")
    expect(page).to_have_url(re.compile(r"/login\?next="))
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    page.get_by_label("Password").fill(console.admin_password)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{console.url}/messages?verdict=attack")
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{console.url}/login")
    page.goto(f"{console.url}/messages")
    expect(page).to_have_url(re.compile("/login"))
    context.close()


def test_the_reasons_sum_to_the_score(page, console):
    message_id = first_flagged(page, console)
    rows = page.locator(".chart tbody tr")
    parts = [float(rows.nth(n).get_attribute("data-log-odds")) for n in range(rows.count())]
    ((log_odds,),) = ask(console, "SELECT log_odds FROM message_state WHERE message_id = %s", message_id)
    assert len(parts) > 10
    assert sum(parts[:-1]) == pytest.approx(parts[-1], abs=1e-9)
    assert parts[-1] == pytest.approx(log_odds, abs=1e-6)
    bars = page.locator(".chart svg rect")
    assert bars.count() == len(parts)
    for n in range(bars.count()):
        x, width = (float(bars.nth(n).get_attribute(name)) for name in ("x", "width"))
        assert 0 <= x <= 1000
        assert 0 < width <= 1000


def test_a_label_is_given_and_taken_back_and_both_stay_on_record(page, console):
    message_id = first_flagged(page, console)
    page.get_by_role("button", name=re.compile("legitimate$", re.IGNORECASE)).click()
    ledger = page.get_by_role("list", name="Labels")
    expect(ledger).to_contain_text("legitimate by console:anna")
    page.goto(f"{console.url}/messages?labelled=yes")
    expect(page.locator(f"a[href='/messages/{message_id}']")).to_be_visible()
    page.goto(f"{console.url}/messages/{message_id}")
    page.get_by_role("button", name="Take back legitimate by console:anna").click()
    expect(ledger).to_contain_text("taken back")
    assert ask(console, "SELECT label, author, retracts IS NULL FROM labels WHERE message_id = %s ORDER BY id",
               message_id) == [("legitimate", "console:anna", True), ("legitimate", "console:anna", False)]  # fmt: skip
    assert ask(
        console, "SELECT action FROM audit_log WHERE object = %s AND action LIKE 'label%%' ORDER BY id", message_id
    ) == [
        ("label.add",),
        ("label.retract",),
    ]
    page.goto(f"{console.url}/messages?labelled=yes")
    expect(page.locator(f"a[href='/messages/{message_id}']")).to_have_count(0)


def test_html_and_source_are_shown_on_demand_and_noted(page, console):
    ((message_id,),) = ask(
        console,
        """SELECT m.message_id::text FROM message_state m JOIN sightings s USING (message_id)
           WHERE m.verdict <> 'clean' AND s.kind = 3 LIMIT 1""",
    )
    page.goto(f"{console.url}/messages/{message_id}")
    page.get_by_role("button", name="Show source").click()
    expect(page.get_by_label("Source of this message")).to_contain_text("Received:")
    page.get_by_role("button", name="Show sanitised HTML").click()
    expect(page.locator("#shown :is(iframe, .fault)")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download .eml").click()
    assert saved.value.suggested_filename == f"{message_id}.eml"
    assert b"Received:" in saved.value.path().read_bytes()
    noted = ask(console, "SELECT action, actor FROM audit_log WHERE object = %s ORDER BY id", message_id)
    assert noted == [(f"message.{what}", "console:anna") for what in ("read", "source", "html", "download")]


@pytest.mark.parametrize("kind", ["sender", "subject", "header_message_id"])
def test_what_is_searched_is_found(page, console, kind):
    column = kind
    ((message_id, words),) = ask(
        console,
        f"SELECT message_id::text, {column} FROM message_state WHERE {column} <> '' AND subject <> '' LIMIT 1",
    )
    page.goto(f"{console.url}/messages")
    page.keyboard.press("/")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    expect(page.locator(f"a[href='/messages/{message_id}']")).to_be_visible()
    assert f"{'message_id' if kind == 'header_message_id' else kind}=" in page.url


def test_who_else_got_a_link_and_a_file(page, console):
    page.goto(f"{console.url}/messages?verdict=any")
    for entity, card in (("link", "Links"), ("hash", "Attachments")):
        kind = {"link": 3, "hash": 5}[entity]
        ((message_id,),) = ask(
            console,
            """SELECT message_id::text FROM sightings WHERE kind = %s GROUP BY message_id
               ORDER BY min(received_at) LIMIT 1""",
            kind,
        )
        page.goto(f"{console.url}/messages/{message_id}")
        section = page.get_by_role("region", name=card)
        section.get_by_role("link", name=re.compile("who else got")).first.click()
        expect(page).to_have_url(re.compile(f"{entity}="))
        expect(page.locator(f"a[href='/messages/{message_id}']")).to_be_visible()


def test_pages_follow_each_other_without_gap_or_double(page, console):
    seen = []
    page.goto(f"{console.url}/messages?verdict=any")
    while True:
        links = page.locator(".messages a.subject")
        seen += [links.nth(n).get_attribute("href") for n in range(links.count())]
        older = page.get_by_role("link", name="Older →")
        if not older.count():
            break
        older.click()
        page.wait_for_load_state()
    ((count,),) = ask(console, "SELECT count(*) FROM message_state")
    assert len(seen) == len(set(seen)) == count > 100


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("verdict=evil", "verdict: 'evil' is not one of attack, suspicious, spam, clean, any"),
        ("since=yesterday", "since: 'yesterday' is not a day such as 2026-11-24"),
        ("least=120", "least: '120' is not a score from 0 to 100"),
        ("hash=abc", "hash: must be a SHA-256 of 64 hexadecimal digits"),
        ("before=x", "before: 'x' is not a message id"),
        ("category=x", "category: 'x' is not one of"),
    ],
)
def test_a_filter_that_cannot_be_read_is_told_by_its_name(page, console, query, line):
    answer = page.request.get(f"{console.url}/messages?{query}")
    assert answer.status == 400
    assert line in re.sub("&#39;", "'", answer.text())


def test_a_message_of_nobody_is_not_found(page, console):
    for name in ("00000000-0000-7000-8000-000000000000", "nonsense"):
        answer = page.request.get(f"{console.url}/messages/{name}")
        assert answer.status == 404
        assert "Not here" in answer.text()


def test_lanes_refresh_by_themselves(page, console):
    page.goto(f"{console.url}/lanes")
    with page.expect_response(f"{console.url}/lanes/live") as live:
        expect(page.get_by_role("table", name="Lanes by urgency").get_by_role("row")).to_have_count(6)
    assert live.value.ok
    expect(page.get_by_role("table", name="Newest jobs")).to_contain_text("intake")


def test_models_name_the_live_bundle(page, console):
    ((name,),) = ask(console, "SELECT b.name FROM bundle_pointer p JOIN bundles b ON b.digest = p.live")
    page.goto(f"{console.url}/models")
    expect(page.get_by_role("region", name="Live")).to_contain_text(name)
    measured = json.loads((default_bundle_path() / "metrics.json").read_text())["unseen_sources_at_flag"]
    table = page.get_by_role("table", name="Share flagged by kind of mail")
    expect(table.get_by_role("row")).to_have_count(len(measured) + 1)
    kind, rate = next(iter(measured.items()))
    row = table.get_by_role("row", name=kind.replace("_", " "))
    expect(row).to_contain_text(f"{100 * rate['rate']:.2f} %")


def test_a_rescan_is_weighed_started_watched_and_read(page, console, stricter):
    page.goto(f"{console.url}/messages?verdict=any&mailbox=all@harbourline.example")
    page.get_by_role("link", name="Rescan these").click()
    page.get_by_label("Model", exact=True).select_option(label=stricter.name)
    page.get_by_role("button", name="Preview").click()
    ((count,),) = ask(console, "SELECT count(*) FROM message_state WHERE state = 'scored'")
    preview = page.get_by_role("region", name="Preview")
    expect(preview).to_contain_text(f"{count} messages")
    expect(preview).to_contain_text(f"{count} from the stored vector")
    preview.get_by_role("button", name="Start the rescan").click()
    expect(page.get_by_role("heading", name="Rescan done")).to_be_visible(timeout=30_000)
    rescan_id = page.url.rsplit("/", 1)[1]
    before = "SELECT count(*) FROM rescan_results WHERE rescan_id = %s"
    assert ask(console, before, rescan_id) == [(count,)]
    ((flips,),) = ask(console, before + " AND verdict <> before_verdict", rescan_id)
    assert flips > 0
    table = page.get_by_role("table", name="Messages whose verdict differs")
    expect(table.get_by_role("row")).to_have_count(min(flips, 100) + 1)
    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV").click()
    assert len(saved.value.path().read_text().splitlines()) == flips + 1
    assert ask(console, "SELECT action, actor FROM audit_log WHERE object = %s ORDER BY id", rescan_id) == [
        ("rescan.start", "console:anna"),
        ("rescan.export", "console:anna"),
    ]
    page.goto(f"{console.url}/rescans")
    page.get_by_role("table", name="Rescans, newest first").get_by_role("link").first.click()
    expect(page).to_have_url(f"{console.url}/rescans/{rescan_id}")


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("preview=yes&as_of=tomorrow", "as-of 'tomorrow' is not received, final, now, or a time"),
        ("preview=yes&mailbox=nobody@nowhere.example", "the tenant has no mailbox 'nobody@nowhere.example'"),
        ("preview=yes&bundle=none", "no bundle, or more than one, is called 'none'"),
        ("category=odd", "category: 'odd' is not one of"),
        ("id=1", "id: '1' is not a message id"),
    ],
)
def test_a_rescan_that_cannot_be_is_told_by_its_field(page, console, query, line):
    answer = page.request.get(f"{console.url}/rescans/new?{query}")
    assert answer.status == 400
    assert line in re.sub("&#39;", "'", answer.text())


def test_only_an_admin_lets_a_rescan_revise(page, console):
    page.goto(f"{console.url}/rescans/new?preview=yes")
    expect(page.get_by_label(re.compile("become revisions"))).to_have_count(0)
    token = page.locator("input[name=csrf]").first.get_attribute("value")
    answer = page.request.post(f"{console.url}/rescans", form={"csrf": token, "apply": "yes"})
    assert answer.status == 403
    assert "Only an admin may let a rescan revise verdicts" in answer.text()
    assert ask(console, "SELECT count(*) FROM rescans WHERE applies") == [(0,)]
