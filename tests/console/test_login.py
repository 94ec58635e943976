"""Who gets in, who stays out, and what a form from elsewhere can do."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from db import logins, tenants, users
from scorelane import accounts
from scorelane.console import attempts

PASSWORD = "correct horse battery"


@pytest.fixture
def users_of_acme(sql, acme):
    accounts.create(sql, "anna", PASSWORD, tenant_id=acme, role="analyst")
    accounts.create(sql, "otto", PASSWORD, tenant_id=acme, role="ops")


@pytest.mark.usefixtures("users_of_acme")
def test_a_stranger_is_sent_to_the_login_and_back(person):
    answer = person.client.get("/messages?verdict=spam")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fmessages%3Fverdict%3Dspam")
    back = person.log_in("anna", next="/messages?verdict=spam")
    assert (back.status_code, back.headers["location"]) == (303, "/messages?verdict=spam")
    assert person.client.get("/messages").status_code == 200


@pytest.mark.usefixtures("users_of_acme")
@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:1"])
def test_a_login_leads_nowhere_else(person, elsewhere):
    assert person.log_in("anna", next=elsewhere).headers["location"] == "/"


@pytest.mark.usefixtures("users_of_acme")
def test_a_wrong_password_and_an_unknown_name_are_told_alike(person):
    wrong, unknown = person.log_in("anna", "wrong wrong wrong"), person.log_in("nobody")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    for answer in (wrong, unknown):
        assert "The name or the password is wrong." in answer.text


@pytest.mark.usefixtures("users_of_acme")
@pytest.mark.parametrize("name", ["anna", "nobody"])
def test_five_failures_lock_a_name_even_for_the_right_password(person, sql, name):
    for _ in range(5):
        assert person.log_in(name, "wrong wrong wrong").status_code == 401
    locked = person.log_in(name)
    assert locked.status_code == 429
    assert "Try again in 1 minute." in locked.text
    sql.execute("UPDATE login_attempts SET locked_until = now() - interval '1 second'")
    assert person.log_in(name, "wrong wrong wrong").status_code == 401
    assert 60 < logins.locked_s(sql, name, "127.0.0.1") <= 120


@pytest.mark.usefixtures("users_of_acme")
def test_a_login_that_works_ends_the_count(person, sql):
    for _ in range(4):
        person.log_in("anna", "wrong wrong wrong")
    assert person.log_in("anna").status_code == 303
    for _ in range(4):
        assert person.log_in("anna", "wrong wrong wrong").status_code == 401
    assert logins.locked_s(sql, "anna", "127.0.0.1") == 0


@pytest.mark.usefixtures("users_of_acme")
def test_a_stranger_elsewhere_locks_nobody_out(person, sql):
    for _ in range(20):
        logins.failed(sql, "anna", "198.51.100.7")
    assert logins.locked_s(sql, "anna", "198.51.100.7") > 3500
    assert person.log_in("anna").status_code == 303


@pytest.mark.usefixtures("users_of_acme")
def test_many_strangers_lock_a_name_where_its_user_never_was(person, somebody, sql):
    assert person.log_in("anna").status_code == 303
    for number in range(logins.FREE_OF_NAME):
        logins.failed(sql, "anna", f"198.51.100.{number}")
    assert 0 < logins.locked_s(sql, "anna", "203.0.113.1") <= logins.MOST_LOOSE_LOCK_S
    assert somebody().log_in("anna").status_code == 303
    sql.execute("UPDATE login_attempts SET succeeded_at = now() - interval '31 days' WHERE succeeded_at IS NOT NULL")
    assert somebody().log_in("anna").status_code == 429
    accounts.set_password(sql, "anna", PASSWORD)
    assert somebody().log_in("anna").status_code == 303


def test_one_address_cannot_try_the_names_of_all(sql):
    for number in range(logins.FREE_OF_ADDRESS):
        assert logins.locked_s(sql, f"user{number}", "198.51.100.7") == 0
        logins.failed(sql, f"user{number}", "198.51.100.7")
    assert logins.locked_s(sql, "another", "198.51.100.7") > 0
    assert logins.locked_s(sql, "another", "198.51.100.8") == 0


def test_failures_are_forgotten_after_a_day_and_names_are_kept_as_hashes(sql):
    for _ in range(9):
        logins.failed(sql, "anna", "198.51.100.7")
    sql.execute("UPDATE login_attempts SET failed_at = now() - interval '25 hours', locked_until = NULL")
    logins.failed(sql, "anna", "198.51.100.7")
    assert logins.locked_s(sql, "anna", "198.51.100.7") == 0
    sql.execute("UPDATE login_attempts SET failed_at = now() - interval '25 hours'")
    logins.failed(sql, "otto", "198.51.100.8")
    kept = sql.execute("SELECT name_hash, address FROM login_attempts").fetchall()
    assert len(kept) == 3
    assert all(b"otto" not in bytes(name) for name, _ in kept)


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a socket", "a socket"),
    ],
)
def test_an_address_counts_as_what_one_person_has(host, counted):
    assert attempts.address_of(Request({"type": "http", "client": (host, 1)})) == counted


@pytest.mark.usefixtures("users_of_acme")
def test_a_disabled_user_is_out_at_once(person, sql):
    person.log_in("anna")
    assert users.set_disabled(sql, "anna", disabled=True)
    assert person.client.get("/messages").status_code == 303
    assert person.log_in("anna").status_code == 401


def test_a_session_ends_with_logout_idleness_and_age(anna, sql):
    sql.execute("UPDATE console_sessions SET seen_at = now() - interval '3 hours'")
    assert anna.client.get("/messages").status_code == 303
    sql.execute("UPDATE console_sessions SET seen_at = now(), expires_at = now() - interval '1 second'")
    assert anna.client.get("/messages").status_code == 303
    sql.execute("UPDATE console_sessions SET expires_at = now() + interval '1 hour'")
    assert anna.send("/logout", {}).status_code == 303
    assert anna.client.get("/messages").status_code == 303
    assert sql.execute("SELECT count(*) FROM console_sessions").fetchone() == (0,)


def test_the_cookie_is_out_of_reach_of_scripts_and_the_token_of_the_database(anna, sql):
    token = anna.client.cookies["scorelane_session"]
    cookie = next(one for one in anna.client.cookies.jar if one.name == "scorelane_session")
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "lax"
    assert sql.execute("SELECT count(*) FROM console_sessions WHERE token_hash = %s", (token.encode(),)).fetchone() == (
        0,
    )


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"csrf": "wrong"}, {}),
        ({"csrf": ""}, {}),
        ({}, {"origin": "https://evil.example"}),
        ({}, {"sec-fetch-site": "cross-site"}),
        ({}, {"sec-fetch-site": "same-site"}),
    ],
)
def test_a_form_from_elsewhere_changes_nothing(anna, sql, fields, headers):
    answer = anna.send("/logout", fields, **headers)
    assert answer.status_code == 403
    assert sql.execute("SELECT count(*) FROM console_sessions").fetchone() == (1,)


def test_a_login_form_needs_its_own_token(person):
    answer = person.client.post("/login", data={"name": "anna", "password": PASSWORD, "token": "made up"})
    assert answer.status_code == 403
    assert "The login form has expired" in answer.text


def test_a_new_password_ends_the_other_sessions(anna, sql, somebody):
    other = somebody()
    other.log_in("anna")
    fields = {"current": PASSWORD, "new": "another long one", "again": "another long one"}
    answer = anna.send("/account/password", fields)
    assert "Your password is changed; 1 other session ended." in answer.text
    assert other.client.get("/messages").status_code == 303
    assert anna.client.get("/messages").status_code == 200
    assert accounts.verify(users.for_login(sql, "anna").password_hash, "another long one")


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"current": "wrong"}, "current password: is not the one in force"),
        ({"new": "short", "again": "short"}, "new password: must have 12 to 200 characters, not 5"),
        ({"again": "something else"}, "new password: must be the same both times"),
    ],
)
def test_a_password_that_cannot_be_is_told_by_its_field(anna, fields, line):
    good = {"current": PASSWORD, "new": "another long one", "again": "another long one"}
    answer = anna.send("/account/password", {**good, **fields})
    assert answer.status_code == 400
    assert line in answer.text


@pytest.mark.usefixtures("users_of_acme")
def test_ops_do_not_read_mail(person):
    person.log_in("otto")
    assert person.client.get("/").headers["location"] == "/lanes"
    refused = person.client.get("/messages")
    assert refused.status_code == 403
    assert "You are ops of acme; this page is for admin and analyst." in refused.text


def test_a_user_chooses_only_among_the_tenants_that_are_his(anna, sql):
    rival, _ = tenants.ensure(sql, "rival")
    assert "rival" not in anna.client.get("/account").text
    refused = anna.send("/tenant", {"tenant": str(rival)})
    assert refused.status_code == 400
    assert "tenant: must be one of those that you may see" in refused.text
    users.grant(sql, users.for_login(sql, "anna").id, rival, "ops")
    assert anna.send("/tenant", {"tenant": str(rival)}).status_code == 303
    assert anna.client.get("/messages").status_code == 403


def test_every_answer_carries_the_policy(person):
    for path in ("/login", "/static/console.css", "/no-such-page", "/healthz"):
        headers = person.client.get(path).headers
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_form_is_bounded(anna):
    assert anna.send("/logout", {"much": "x" * 40_000}).status_code == 400
    assert anna.send("/logout", {f"field{n}": "x" for n in range(80)}).status_code == 400


def test_the_current_password_cannot_be_guessed_from_an_open_session(anna, sql):
    fields = {"new": "another good one", "again": "another good one"}
    for _ in range(5):
        assert anna.send("/account/password", {**fields, "current": "wrong wrong wrong"}).status_code == 400
    assert logins.locked_s(sql, "anna", "127.0.0.1") > 0
    locked = anna.send("/account/password", {**fields, "current": PASSWORD})
    assert locked.status_code == 400
    assert "wrong too often" in locked.text
