"""Flower during a running load, seen through a real browser: behind a login, with lanes, workers and tasks by name."""

from __future__ import annotations

import base64
import json
import re
import socket
import urllib.error
import urllib.request

import pytest

from db import tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming
from tests.waiting import answering, until
from worker.processes import Group
from worker.up import run_system

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    groups = [Group("realtime", ("interactive", "realtime"), 1), Group("bulk", ("rescan", "backfill"), 1, nice=10)]
    with run_system(tmp_path_factory.mktemp("home") / "s", groups=groups, services=["flower"]) as running:
        answering(f"{running.addresses['flower'].url}/healthcheck")
        yield running


@pytest.fixture(scope="module")
def load(system):
    mail = [Incoming(f"From: a@b.example\r\nSubject: {n}\r\n\r\nhello {n}\r\n".encode()) for n in range(1500)]
    with connect(system.stack.worker_url, application="test") as sql:
        tenants.ensure(sql, "acme")
        with Enqueuer(system.stack.worker_url, system.stack.broker_url) as door:
            for lane, part in (("realtime", mail[:200]), ("backfill", mail[200:])):
                door.accept(part, tenant="acme", mailbox="all@acme.test", lane=lane)
        waiting = "SELECT count(*) FROM message_state WHERE state = 'accepted'"
        until(lambda: sql.execute(waiting).fetchone() == (0,), "the load is scored")


def get(system, path, *, login=True):
    request = urllib.request.Request(system.addresses["flower"].url + path)
    if login:
        secret = base64.b64encode(f"scorelane:{system.addresses['flower'].password}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
    return urllib.request.urlopen(request, timeout=10)


def test_flower_asks_for_a_login(system):
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(system, "/workers", login=False)
    assert refused.value.code == 401
    refused.value.close()


@pytest.mark.usefixtures("load")
def test_every_lane_has_its_true_length(system):
    with get(system, "/api/queues/length") as answer:
        lengths = {queue["name"]: queue["messages"] for queue in json.load(answer)["active_queues"]}
    assert lengths == {"interactive": 0, "realtime": 0, "rescan": 0, "backfill": 0, "enrich": 0}


@pytest.mark.usefixtures("load")
def test_a_person_logs_in_and_sees_workers_lanes_and_tasks(system, chromium):
    context = chromium.new_context(
        http_credentials={"username": "scorelane", "password": system.addresses["flower"].password}
    )
    page = context.new_page()
    page.goto(system.addresses["flower"].url + "/workers")
    host = socket.gethostname()
    page.get_by_text(f"realtime@{host}").first.wait_for(timeout=20_000)
    page.get_by_text(f"bulk@{host}").first.wait_for(timeout=20_000)
    page.goto(system.addresses["flower"].url + "/tasks")
    page.get_by_text("scorelane.score_chunks").first.wait_for(timeout=20_000)
    text = page.content()
    assert re.search(r"chunk \d+ · realtime · 64 messages · acme", text)
    assert re.search(r"chunk \d+ · backfill · 512 messages · acme", text)
    page.goto(system.addresses["flower"].url + "/broker")
    for lane in ("interactive", "realtime", "rescan", "backfill", "enrich"):
        page.get_by_text(lane, exact=True).first.wait_for(timeout=20_000)
    context.close()
