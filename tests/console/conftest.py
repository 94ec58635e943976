"""The console over HTTP on a real database, without a browser: what a form may and may not do."""

from __future__ import annotations

import re
import socket
import threading

import httpx
import pytest
import uvicorn

from db import tenants
from db.session import connect
from scorelane import accounts
from scorelane.console import Config, create_app

PASSWORD = "correct horse battery"


class Person:
    """Somebody with a browser: keeps cookies, sends forms with the tokens of the page that they stand on."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def log_in(self, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        return self.send("/login", {"name": name, "password": password, **fields}, page="/login")

    def send(self, path: str, fields: dict[str, str], *, page: str = "/account", **headers: str) -> httpx.Response:
        html = self.client.get(page).text
        found = re.search(r'name="(csrf|token)" value="([^"]+)"', html)
        token = {found.group(1): found.group(2)} if found else {}
        return self.client.post(path, data={**token, **fields}, headers=headers)


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        yield connection


@pytest.fixture
def acme(sql):
    return tenants.ensure(sql, "acme")[0]


@pytest.fixture
def served(database):
    """Address of a console on this test's database."""
    server = uvicorn.Server(uvicorn.Config(create_app(Config(database.api_url)), log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def somebody(served):
    """A function that gives one more person with a browser of their own."""
    people = []

    def arrive():
        people.append(Person(httpx.Client(base_url=served, timeout=20)))
        return people[-1]

    yield arrive
    for one in people:
        one.client.close()


@pytest.fixture
def person(somebody):
    return somebody()


@pytest.fixture
def anna(sql, acme, person):
    """An analyst of acme who has logged in."""
    accounts.create(sql, "anna", PASSWORD, tenant_id=acme, role="analyst")
    assert person.log_in("anna").status_code == 303
    return person
