"""One running system with the console for all tests of this folder, and one browser."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest
from playwright.sync_api import sync_playwright

from db import tenants
from db.session import connect
from scorelane import accounts
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.sample import sample_mailbox
from tests.waiting import answering, until
from worker.processes import Group
from worker.up import run_system

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TENANT = "harbourline"
ANALYST, PASSWORD = "anna", "correct horse battery"


@dataclass(frozen=True)
class Console:
    """A running console with scored mail, and what a test needs to reach behind it."""

    url: str
    admin_password: str
    worker_url: str
    broker_url: str
    analyst: str = ANALYST
    password: str = PASSWORD
    tenant: str = TENANT

    def accept(self, mail: list[Incoming], mailbox: str = "all@harbourline.example") -> list[str]:
        """Ids of messages that were accepted and scored."""
        with Enqueuer(self.worker_url, self.broker_url, actor="test") as door:
            receipts = door.accept(mail, tenant=TENANT, mailbox=mailbox, lane="backfill")
        ids = [str(receipt.message_id) for receipt in receipts]
        with connect(self.worker_url, application="test") as sql:
            waiting = "SELECT count(*) FROM message_state WHERE message_id = ANY (%s::uuid[]) AND state = 'accepted'"
            until(lambda: sql.execute(waiting, (ids,)).fetchone() == (0,), "the mail is scored")
        return ids


@pytest.fixture(scope="package")
def console(tmp_path_factory):
    group = Group("all", ("interactive", "realtime", "rescan", "backfill"), 1)
    home = tmp_path_factory.mktemp("home") / "s"
    with run_system(home, groups=[group], services=["console"]) as running:
        door = running.addresses["console"]
        made = Console(door.url, door.password, running.stack.worker_url, running.stack.broker_url)
        with connect(running.stack.worker_url, application="test") as sql:
            tenant_id, _ = tenants.ensure(sql, TENANT)
            accounts.create(sql, ANALYST, PASSWORD, tenant_id=tenant_id, role="analyst")
        made.accept([Incoming(one.raw, one.received_at) for one in sample_mailbox(count=160)])
        answering(f"{made.url}/healthz")
        yield made


@pytest.fixture(scope="package")
def chromium():
    if CHROMIUM is None:
        pytest.fail("needs Debian's Chromium: run tests/browser/install-chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def log_in(page, console, name, password):
    page.goto(f"{console.url}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{console.url}/messages")


@pytest.fixture(scope="package")
def cookies(chromium, console):
    """Of an analyst who has logged in."""
    context = chromium.new_context()
    log_in(context.new_page(), console, console.analyst, console.password)
    kept = context.cookies()
    context.close()
    return kept


@pytest.fixture
def page(chromium, console, cookies):
    """A page of the analyst; the test fails when a script failed or the browser refused to load or run something."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies(cookies)
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    faults = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if said.type in {"error", "warning"} else None)
    opened.on("dialog", lambda dialog: (faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
    strangers = []
    opened.on(
        "request",
        lambda request: None if request.url.startswith((console.url, "data:")) else strangers.append(request.url),
    )
    yield opened
    context.close()
    assert faults == []
    assert strangers == []
