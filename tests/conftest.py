"""Real servers for every test: one embedded stack a session, a fresh migrated database a test."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass

import psycopg
import pytest
import redis

from db import bundles, migrate
from scorelane.scoring import Bundle
from tests.bundles import shifted
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


@contextlib.contextmanager
def _fresh(stack):
    name = f"test_{next(_numbers)}"
    with psycopg.connect(stack.admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE scorelane OWNER scorelane_owner")
    with redis.Redis.from_url(stack.broker_url) as client:
        client.flushall()
    urls = [stack.postgres.url(role, name) for role in ("worker", "owner", "api")]
    yield Database(*urls, stack.broker_url)
    with psycopg.connect(stack.admin_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(stack):
    with _fresh(stack) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def shared_database(stack):
    """One for tests that write nothing."""
    with _fresh(stack) as fresh:
        yield fresh


@pytest.fixture
def make_stricter(tmp_path):
    """Registers a bundle that adds 20 to each log-odds: the shipped one with another calibration."""

    def make(sql):
        folder = shifted(tmp_path / "stricter", 20.0)
        bundle = Bundle.load(folder)
        bundles.register(
            sql, digest=bundle.digest, name=bundle.name, path=str(folder), signal_set=bundle.signal_set.hash
        )
        return bundle

    return make
