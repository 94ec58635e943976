"""Real servers for every test: one embedded stack a session, a fresh migrated database a test."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import psycopg
import pytest
import redis

from db import migrate
from worker.stack import EmbeddedStack

_numbers = itertools.count()


@dataclass(frozen=True)
class Database:
    """Addresses of one fresh database under each role, and of the emptied broker."""

    worker_url: str
    owner_url: str
    api_url: str
    broker_url: str


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    with EmbeddedStack(tmp_path_factory.mktemp("home") / "stack") as running:
        migrate.upgrade(running.owner_url)
        yield running


@pytest.fixture
def database(stack):
    name = f"test_{next(_numbers)}"
    with psycopg.connect(stack.admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE scorelane OWNER scorelane_owner")
    with redis.Redis.from_url(stack.broker_url) as client:
        client.flushall()
    urls = [stack.postgres.url(role, name) for role in ("worker", "owner", "api")]
    yield Database(*urls, stack.broker_url)
    with psycopg.connect(stack.admin_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
