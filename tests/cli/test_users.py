"""``scorelane users``: who may log in, from making a user to letting one in no more."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from db import tenants, users
from db.session import connect
from scorelane import accounts


@pytest.fixture
def run(database):
    def command(*arguments: str, said=None, code=0):
        answer = subprocess.run(
            [sys.executable, "-m", "scorelane.cli", "users", *arguments],
            input=said,
            capture_output=True,
            text=True,
            check=False,
            env={"SCORELANE_DATABASE_URL": database.worker_url, "PATH": "/usr/bin:/bin"},
        )
        assert answer.returncode == code, answer.stderr
        assert "Traceback" not in answer.stderr
        return answer

    return command


@pytest.fixture
def sql(database):
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")
        yield connection


def listed(run):
    return {row["name"]: row for row in json.loads(run("list", "--json").stdout)}


def test_a_user_is_made_with_a_password_that_is_printed_once(run, sql):
    password = run("create", "Anna@acme.test", "--tenant", "acme").stdout.strip()
    found = users.for_login(sql, "anna@acme.test")
    assert accounts.verify(found.password_hash, password)
    assert password not in found.password_hash
    assert listed(run)["anna@acme.test"]["roles"] == ["acme:analyst"]


def test_a_user_is_granted_disabled_enabled_and_given_another_password(run, sql):
    run("create", "otto", "--all-tenants", "--role", "ops", "--password-stdin", said="correct horse battery\n")
    run("grant", "otto", "--tenant", "acme", "--role", "admin")
    assert listed(run)["otto"]["roles"] == ["*:ops", "acme:admin"]
    run("disable", "otto")
    assert listed(run)["otto"]["disabled_at"] is not None
    run("enable", "otto")
    assert listed(run)["otto"]["disabled_at"] is None
    new = run("password", "otto").stdout.strip()
    assert accounts.verify(users.for_login(sql, "otto").password_hash, new)


@pytest.mark.usefixtures("sql")
@pytest.mark.parametrize(
    ("arguments", "line", "code"),
    [
        (("create", "anna"), "give either --tenant NAME or --all-tenants", 2),
        (("create", "anna", "--tenant", "nowhere"), "there is no tenant 'nowhere'", 1),
        (("create", "an na", "--all-tenants"), "name: 'an na' must be 1 to 100 of a-z", 2),
        (("create", "anna", "--all-tenants", "--role", "king"), "role: 'king' is not one of analyst, ops, admin", 2),
        (("create", "anna", "--all-tenants", "--password-stdin"), "password: must have 12 to 200 characters", 2),
        (("disable", "nobody"), "there is no user 'nobody'", 1),
        (("password", "nobody"), "there is no user 'nobody'", 1),
    ],
)
def test_what_cannot_be_is_told_in_one_line(run, arguments, line, code):
    answer = run(*arguments, said="short\n", code=code)
    assert line in answer.stderr
    assert answer.stdout == ""
    assert len(answer.stderr.strip().splitlines()) == 1
