"""Intake over HTTP: receipts once durable, idempotent, limited, and never for another tenant."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import msgspec
import pytest

from scorelane.api import create_app, stream
from scorelane.api.limits import Room
from scorelane.api.problems import Problem

TO = {"mailbox": "all@acme.test"}
RFC822 = {"Content-Type": "message/rfc822"}
NDJSON = {"Content-Type": "application/x-ndjson"}


def mail(number=0):
    return b"From: ann@b.example\r\nSubject: hello %d\r\n\r\nhello %d\r\n" % (number, number)


def line(raw, **more: str):
    return json.dumps({"raw": base64.b64encode(raw).decode(), **more}).encode() + b"\n"


@pytest.fixture
def ingest(house):
    with house.client("ingest") as client:
        yield client


@pytest.fixture
def quiet_ingest(quiet_house):
    with quiet_house.client("ingest") as client:
        yield client


def rows(house, query):
    return house.sql.execute(query).fetchall()


def test_one_message_gets_a_receipt_and_stands_under_the_keys_tenant(house, ingest):
    said = {**TO, "received_at": "2026-01-02T03:04:05Z", "mail_from": "a@b.example", "client_ip": "192.0.2.7"}
    answer = ingest.post("/v1/messages", params=said, content=mail(), headers=RFC822)
    assert answer.status_code == 202
    receipt = answer.json()
    assert receipt["status"] == "accepted"
    ((tenant_id, received, envelope, actor),) = rows(
        house, "SELECT m.tenant_id, m.received_at, m.envelope, j.actor FROM messages m JOIN jobs j ON j.id = m.job_id"
    )
    assert tenant_id == house.ids["acme"]
    assert received == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert msgspec.msgpack.decode(envelope)["client_ip"] == "192.0.2.7"
    assert actor.startswith("key ")


def test_a_copy_is_a_duplicate_and_the_other_tenants_copy_is_not(house, ingest):
    first = ingest.post("/v1/messages", params=TO, content=mail()).json()
    again = ingest.post("/v1/messages", params=TO, content=mail())
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert again.json()["message_id"] == first["message_id"]
    with house.client("ingest", "rival") as other:
        assert other.post("/v1/messages", params=TO, content=mail()).status_code == 202


def test_one_idempotency_key_gives_the_same_receipt_again(ingest):
    sent = [
        ingest.post("/v1/messages", params=TO, content=mail(), headers={"Idempotency-Key": "one"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in sent] == [202, 202]
    assert sent[0].json() == sent[1].json()


BAD_SINGLES = [
    ({}, mail(), "query.mailbox", "required"),
    ({"mailbox": "nobody"}, mail(), "query.mailbox", "not an address like"),
    ({**TO, "lane": "fast"}, mail(), "query.lane", "'interactive', 'realtime' or 'backfill'"),
    ({**TO, "received_at": "2026-01-02T03:04:05"}, mail(), "query.received_at", "timezone"),
    ({**TO, "received_at": "9999-01-02T03:04:05Z"}, mail(), "query.received_at", "between 1990 and tomorrow"),
    ({**TO, "client_ip": "300.1.1.1"}, mail(), "query.client_ip", "not a valid IPv4 or IPv6"),
    (TO, b"", "body", "empty"),
    (TO, b"\x00\x01 a program", "body", "not mail"),
]


def test_bad_input_names_the_field_and_what_would_be_right(house, ingest):
    for params, body, field, words in BAD_SINGLES:
        answer = ingest.post("/v1/messages", params=params, content=body)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        (error,) = answer.json()["errors"]
        assert error["field"] == field
        assert words in error["problem"]
    assert rows(house, "SELECT count(*) FROM messages") == [(0,)]
    assert rows(house, "SELECT count(*) FROM mailboxes") == [(0,)]


def test_a_batch_of_lines_gets_receipts_in_order(house, ingest):
    body = line(mail(1)) + b"\n" + line(mail(2), mailbox="Bob@acme.test") + line(mail(1)) + line(b"no mail")
    answer = ingest.post("/v1/messages/batch", params=TO, content=body, headers=NDJSON)
    statuses = [receipt["status"] for receipt in answer.json()["receipts"]]
    assert statuses == ["accepted", "accepted", "duplicate", "rejected"]
    assert rows(house, "SELECT address FROM mailboxes ORDER BY 1") == [("all@acme.test",), ("bob@acme.test",)]
    again = ingest.post("/v1/messages/batch", params=TO, content=body, headers=NDJSON)
    assert [receipt["status"] for receipt in again.json()["receipts"]][:3] == ["duplicate"] * 3


def test_a_batch_of_form_files_gets_receipts_in_order(house, ingest):
    files = [("message", (f"{number}.eml", mail(number), "message/rfc822")) for number in range(40)]
    answer = ingest.post("/v1/messages/batch", params=TO, files=files)
    assert [receipt["status"] for receipt in answer.json()["receipts"]] == ["accepted"] * 40
    assert rows(house, "SELECT source FROM messages ORDER BY id LIMIT 1") == [("0.eml",)]


BAD_LINES = [
    (b"not json\n", 400, "body.line 3", "not a JSON object"),
    (b'{"raw": 5}\n', 422, "body.line 3.raw", "Expected"),
    (b'{"raw": "%%%"}\n', 422, "body.line 3.raw", "base64"),
    (b'{"raw": "aGk=", "tenant": "rival"}\n', 422, "body.line 3", "unknown field `tenant`"),
    (line(mail(), direction="sideways"), 422, "body.line 3.direction", "inbound or outbound"),
    (line(mail(), mailbox="x"), 422, "body.line 3.mailbox", "address like"),
    (line(mail(), received_at="2026-01-02T03:04:05"), 422, "body.line 3.received_at", "zone"),
]


def test_one_bad_line_names_itself_and_stores_nothing(quiet_house, quiet_ingest):
    for wrong, status, field, words in BAD_LINES:
        body = line(mail(1)) + line(mail(2)) + wrong
        answer = quiet_ingest.post("/v1/messages/batch", params=TO, content=body, headers=NDJSON)
        assert answer.status_code == status
        (error,) = answer.json()["errors"]
        assert error["field"] == field
        assert words in error["problem"]
    assert rows(quiet_house, "SELECT count(*) FROM messages") == [(0,)]


def test_bodies_over_the_limit_are_refused_stated_or_not(quiet_ingest):
    large = b"x" * (5 * 1024 * 1024)
    assert quiet_ingest.post("/v1/messages/batch", params=TO, content=large, headers=NDJSON).status_code == 413
    pieces = (large[: 1024 * 1024] for _ in range(6))
    unstated = quiet_ingest.post("/v1/messages/batch", params=TO, content=pieces, headers=NDJSON)
    assert unstated.status_code == 413
    assert "4,194,304 bytes" in unstated.json()["detail"]


def test_a_batch_of_another_type_is_told_the_right_ones(quiet_ingest):
    answer = quiet_ingest.post("/v1/messages/batch", params=TO, content=b"x", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, "multipart/form-data" in answer.json()["detail"]) == (415, True)


def test_a_full_lane_answers_429_with_a_time_and_takes_nothing(house, ingest):
    house.sql.execute("UPDATE lanes SET backlog_limit = 1")
    ingest.post("/v1/messages", params=TO, content=mail(1))
    for path, body, headers in (
        ("/v1/messages", mail(2), RFC822),
        ("/v1/messages/batch", line(mail(2)), NDJSON),
    ):
        answer = ingest.post(path, params=TO, content=body, headers=headers)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
    assert rows(house, "SELECT count(*) FROM messages") == [(1,)]


def test_a_stream_gives_each_receipt_while_it_lasts(house):
    """The next message is sent only after the receipt of the one before was read, over the same call."""
    address, port = house.url.removeprefix("http://").split(":")
    with socket.create_connection((address, int(port)), timeout=20) as call:
        answers = call.makefile("rb")
        call.sendall(
            f"POST /v1/messages/stream?mailbox=all@acme.test HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            f"Authorization: Bearer {house.keys['acme', 'ingest']}\r\n\r\n".encode()
        )
        for number in range(1, 4):
            text = line(mail(number))
            call.sendall(b"%x\r\n%b\r\n" % (len(text), text))
            told = next(json.loads(row) for row in answers if row.startswith(b"{"))
            assert (told["line"], told["status"]) == (number, "accepted")
            assert rows(house, "SELECT count(*) FROM messages") == [(number,)]
        call.sendall(b"0\r\n\r\n")


def test_a_stream_reads_few_bytes_ahead_of_what_it_stores_and_holds_room_for_them():
    room, read = Room(1 << 40), 0

    async def pieces():
        nonlocal read
        for _ in range(200):
            read += 1
            yield b"x" * stream.GROUP_BYTES + b"\n\n"

    async def first_group():
        with room.growing() as share:
            groups = stream._groups(stream._lines(pieces(), share))
            group = await anext(groups)
            await asyncio.sleep(0.1)
            held = share.size_bytes
            await groups.aclose()
            return group, held

    group, held = asyncio.run(first_group())
    assert len(group) == 2
    assert read <= 4
    assert read * stream.GROUP_BYTES <= held <= read * (stream.GROUP_BYTES + 2 * stream.LINE_COST_BYTES)
    assert room.fits(1 << 40, 0)


def test_a_stream_of_blank_lines_holds_nothing():
    room = Room(1000)

    async def blank():
        for _ in range(500):
            yield b"\n \n\n"
        yield b"last"

    async def all_lines():
        with room.growing() as share:
            return [line async for line in stream._lines(blank(), share)], share.size_bytes

    assert asyncio.run(all_lines()) == ([b"last"], 4 + stream.LINE_COST_BYTES)


def test_streams_together_hold_no_more_than_the_room():
    room = Room(1000)
    with room.growing() as first, room.growing() as second:
        first.add(900)
        with pytest.raises(Problem, match="too much mail"):
            second.add(200)
        first.add(0)
        first.give_back(500)
        second.add(200)
        first.give_back(10_000)
        assert first.size_bytes == 0
    with room.growing() as alone:
        alone.add(5000)
    assert room.fits(1000, 0)


def test_a_stream_stops_at_a_bad_line_and_keeps_what_it_gave_receipts_for(house, ingest):
    body = line(mail(1)) + line(mail(2)) + b"{}\n" + line(mail(3))
    told = [json.loads(text) for text in ingest.post("/v1/messages/stream", params=TO, content=body).text.splitlines()]
    assert told[-1]["status"] == "stopped"
    assert "raw" in told[-1]["reason"]
    accepted = [row for row in told if row["status"] == "accepted"]
    assert rows(house, "SELECT count(*) FROM messages") == [(len(accepted),)]


def test_a_stream_stops_with_a_time_while_other_intake_fills_the_room(house, config, serving):
    app = create_app(config)
    with serving(app) as url:
        headers = {"Authorization": f"Bearer {house.keys['acme', 'ingest']}"}
        with app.state.service.room.hold(str(config.intake_bytes), unknown_bytes=0):
            answer = httpx.post(f"{url}/v1/messages/stream", params=TO, content=line(mail()), headers=headers)
            (told,) = [json.loads(text) for text in answer.text.splitlines()]
            assert (told["status"], told["line"], told["retry_after_s"]) == ("stopped", 1, 1)
            assert rows(house, "SELECT count(*) FROM messages") == [(0,)]
        answer = httpx.post(f"{url}/v1/messages/stream", params=TO, content=line(mail()), headers=headers)
        assert json.loads(answer.text)["status"] == "accepted"


def test_intake_without_a_broker_is_taken(house, config, serving):
    with serving(create_app(replace(config, broker_url="redis://127.0.0.1:1/0"))) as url:
        headers = {"Authorization": f"Bearer {house.keys['acme', 'ingest']}"}
        assert httpx.post(f"{url}/v1/messages", params=TO, content=mail(), headers=headers).status_code == 202
