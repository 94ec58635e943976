"""Keys: who is let in, with which rights, how fast, and for how long."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from scorelane import access
from scorelane.api.limits import Buckets
from scorelane.api.problems import Problem

MAY = {
    ("POST", "/v1/messages?mailbox=a@acme.test"): {"ingest", "admin"},
    ("GET", "/v1/messages"): {"analyst", "admin"},
    ("GET", "/v1/labels"): {"analyst", "admin"},
    ("GET", "/v1/rescans"): {"analyst", "admin"},
    ("GET", "/v1/dead-letters"): {"ops", "admin"},
    ("GET", "/v1/lanes"): {"analyst", "ops", "admin"},
    ("GET", "/v1/signals"): {"ingest", "analyst", "ops", "admin"},
    ("GET", "/v1/keys"): {"admin"},
    ("GET", "/v1/audit"): {"admin"},
}


def test_each_role_may_do_its_own_work_only(house):
    for role in access.ROLES:
        with house.client(role) as client:
            for (method, path), roles in MAY.items():
                content = b"Subject: x\n\nhello" if method == "POST" else None
                answer = client.request(method, path, content=content)
                assert (answer.status_code == 403) == (role not in roles), (role, path, answer.text)
                if answer.status_code == 403:
                    assert f"a key of role {role} may not do this" in answer.json()["detail"]


def test_no_key_a_wrong_key_and_no_bearer_are_401_with_a_challenge(quiet_house):
    good = quiet_house.keys["acme", "admin"]
    for header in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Bearer {good[:-1]}~"},
                   {"Authorization": f"Bearer {good[:-3]}aaa"}, {"Authorization": f"Basic {good}"}):  # fmt: skip
        answer = httpx.get(f"{quiet_house.url}/v1/whoami", headers=header)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


def test_secrets_are_not_stored(quiet_house):
    secret = quiet_house.keys["acme", "admin"].rpartition("_")[2]
    (found,) = quiet_house.sql.execute(
        "SELECT count(*) FROM api_keys k WHERE k::text LIKE %s", (f"%{secret[:20]}%",)
    ).fetchone()
    assert found == 0


def test_a_key_is_made_rotated_and_revoked_on_record(house, admin):
    made = admin.post("/v1/keys", json={"name": "gateway", "role": "ingest"}).json()
    who = {"Authorization": f"Bearer {made['key']}"}
    assert httpx.get(f"{house.url}/v1/whoami", headers=who).json()["role"] == "ingest"
    rotated = admin.post(f"/v1/keys/{made['id']}/rotate", json={"grace_s": 3600}).json()
    fresh = {"Authorization": f"Bearer {rotated['key']}"}
    assert httpx.get(f"{house.url}/v1/whoami", headers=fresh).status_code == 200
    assert httpx.get(f"{house.url}/v1/whoami", headers=who).status_code == 200
    again = admin.post(f"/v1/keys/{made['id']}/rotate", json={"grace_s": 0}).json()
    assert httpx.get(f"{house.url}/v1/whoami", headers=fresh).status_code == 401
    assert admin.delete(f"/v1/keys/{made['id']}").status_code == 204
    last = {"Authorization": f"Bearer {again['key']}"}
    assert httpx.get(f"{house.url}/v1/whoami", headers=last).status_code == 401
    assert admin.delete(f"/v1/keys/{made['id']}").status_code == 404
    acts = [row["action"] for row in admin.get("/v1/audit").json()["items"] if row["object"] == made["id"]]
    assert acts == ["key.revoke", "key.rotate", "key.rotate", "key.create"]


def test_a_key_revoked_elsewhere_stops_within_seconds(house):
    with house.client("analyst") as client:
        assert client.get("/v1/whoami").status_code == 200
        access.revoke(house.sql, client.get("/v1/whoami").json()["key_id"], author="test")
        until = time.monotonic() + 10
        while client.get("/v1/whoami").status_code == 200:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_an_expired_key_is_unknown(house):
    made = access.create(
        house.sql, house.ids["acme"], name="x", role="ops", author="t", expires_at=datetime.now(UTC) + timedelta(days=1)
    )
    house.sql.execute("UPDATE api_keys SET expires_at = now() WHERE id = %s", (made.id,))
    answer = httpx.get(f"{house.url}/v1/whoami", headers={"Authorization": f"Bearer {made.key}"})
    assert answer.status_code == 401


def test_a_key_over_its_rate_is_told_when_to_come_back(house):
    made = access.create(house.sql, house.ids["acme"], name="slow", role="ops", author="t", rate_per_s=2)
    with httpx.Client(base_url=house.url, headers={"Authorization": f"Bearer {made.key}"}) as client:
        answers = [client.get("/v1/whoami") for _ in range(30)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert int(refused[0].headers["retry-after"]) >= 1
    assert "2 calls a second" in refused[0].json()["detail"]


def test_a_bucket_fills_with_time_and_is_shared_by_processes():
    now = [0.0]
    buckets = Buckets(processes=2, clock=lambda: now[0])
    for _ in range(10):
        buckets.take("key", 10)
    with pytest.raises(Problem):
        buckets.take("key", 10)
    now[0] += 0.2
    buckets.take("key", 10)
    with pytest.raises(Problem):
        buckets.take("key", 10)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"role": "root"}, "not one of ingest"),
        ({"name": ""}, "1 to 80 printable"),
        ({"rate_per_s": 0}, "1 to 100,000"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "in the past"),
    ],
)
def test_a_key_that_cannot_be_says_what_would_be_right(more, words):
    asked = {"name": "x", "role": "ops", "author": "t", **more}
    with pytest.raises(access.Rejected, match=words):
        access.create(None, 1, **asked)


def test_who_lists_labels_is_on_record(quiet_house):
    with quiet_house.client("analyst") as analyst:
        assert analyst.get("/v1/labels").status_code == 200
    with quiet_house.client() as admin:
        first = admin.get("/v1/audit").json()["items"][0]
        noted = admin.get("/v1/audit?action=labels.list").json()["items"]
    assert (first["action"], first["detail"]) == ("labels.list", {"rows": 0})
    assert len(noted) == 1
