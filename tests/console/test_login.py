"""Who gets in, who stays out, and what a form from elsewhere can do."""

from __future__ import annotations

import pytest

from db import tenants, users
from scorelane import accounts

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
def test_five_failures_lock_the_user_even_for_the_right_password(person, sql):
    for _ in range(5):
        assert person.log_in("anna", "wrong wrong wrong").status_code == 401
    locked = person.log_in("anna")
    assert locked.status_code == 429
    assert "Try again in 1 minute." in locked.text
    sql.execute("UPDATE users SET locked_until = now() - interval '1 second'")
    assert person.log_in("anna", "wrong wrong wrong").status_code == 401
    assert 60 < users.for_login(sql, "anna").locked_s <= 120
    sql.execute("UPDATE users SET locked_until = NULL")
    assert person.log_in("anna").status_code == 303
    assert sql.execute("SELECT failures FROM users WHERE name = 'anna'").fetchone() == (0,)


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
    assert users.for_login(sql, "anna").locked_s > 0
    locked = anna.send("/account/password", {**fields, "current": PASSWORD})
    assert locked.status_code == 400
    assert "wrong too often" in locked.text
