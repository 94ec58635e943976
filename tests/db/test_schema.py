"""The migrated schema, its roles and its partitions."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from uuid_utils.compat import uuid7

from db import migrate, partitions, tenants
from db.session import connect, engine
from db.tables import metadata

PARTITION = re.compile(r"_(p\d{6}|default|h\d+)$")


def _wanted(name, kind, _parents):
    return not (kind == "table" and (PARTITION.search(name) or name == "alembic_version"))


def test_tables_equal_the_migrated_schema(database):
    with engine(database.owner_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": _wanted})
        assert compare_metadata(context, metadata) == []


def test_migrations_go_up_down_and_up_again(database):
    def tables():
        with psycopg.connect(database.owner_url) as connection:
            rows = connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
            ).fetchall()
        return {name for (name,) in rows if not name.startswith("alembic_version")}

    before = tables()
    migrate.downgrade(database.owner_url)
    assert tables() == set()
    migrate.upgrade(database.owner_url)
    assert tables() == before


def test_there_is_one_head_and_file_names_are_dated():
    assert len(migrate.heads()) == 1
    files = sorted((Path(migrate.__file__).parent / "migrations" / "versions").glob("*.py"))
    assert files
    for file in files:
        assert re.fullmatch(r"\d{4}_\d\d_\d\d_[a-z0-9_]+\.py", file.name)
        ast.parse(file.read_text())


def test_migrations_run_with_lock_and_statement_timeouts():
    text = (Path(migrate.__file__).parent / "migrations" / "env.py").read_text()
    assert "SET lock_timeout = '5s'" in text
    assert "SET statement_timeout = '300s'" in text


def test_the_api_role_sees_nothing_until_a_tenant_is_set(database):
    with connect(database.worker_url, application="test") as worker:
        acme, _ = tenants.ensure(worker, "acme")
        rival, _ = tenants.ensure(worker, "rival")
        tenants.ensure_mailbox(worker, acme, "a@acme.test")
        tenants.ensure_mailbox(worker, rival, "r@rival.test")
    with psycopg.connect(database.api_url) as api:
        assert api.execute("SELECT address FROM mailboxes").fetchall() == []
        assert api.execute("SELECT name FROM tenants").fetchall() == []
        api.execute("SELECT set_config('app.tenant', %s, true)", (str(acme),))
        assert api.execute("SELECT address FROM mailboxes").fetchall() == [("a@acme.test",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            api.execute("INSERT INTO mailboxes (tenant_id, address) VALUES (%s, 'x@rival.test')", (rival,))


def test_the_worker_role_cannot_change_the_schema(database):
    with psycopg.connect(database.worker_url) as worker, pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.execute("DROP TABLE chunks")


def test_missing_partitions_are_made_once(database):
    with connect(database.owner_url, application="test") as owner:
        newest = owner.execute("SELECT max(relname) FROM pg_class WHERE relname ~ '^scores_p[0-9]{6}$'").fetchone()[0]
        for parent in ("messages", "message_state", "scores", "vectors", "sightings", "raw_mail", "shadow_scores"):
            owner.execute(f"DROP TABLE {parent}_{newest.split('_')[1]}")
    with connect(database.worker_url, application="test") as worker:
        assert partitions.ensure(worker) == 7
        assert partitions.ensure(worker) == 0


def test_todays_ids_never_fall_into_a_default_partition(database):
    with connect(database.worker_url, application="test") as worker:
        acme, _ = tenants.ensure(worker, "acme")
        worker.execute(
            "INSERT INTO message_state (message_id, tenant_id, mailbox_id) VALUES (%s, %s, 1)", (uuid7(), acme)
        )
        assert worker.execute("SELECT count(*) FROM message_state").fetchone() == (1,)
        assert worker.execute("SELECT count(*) FROM message_state_default").fetchone() == (0,)


def test_the_worker_role_may_look_into_every_default_partition(database):
    """The dispatcher counts what fell outside the partitions made ahead."""
    with connect(database.worker_url, application="test") as worker:
        defaults = worker.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relname ~ '_default$'"
        ).fetchall()
        assert len(defaults) >= 6
        for (name,) in defaults:
            assert worker.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,)
