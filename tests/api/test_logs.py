"""What the served programs write: JSON lines, from our own code, from libraries and from faults alike."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import httpx
import psycopg
import pytest

from tests.waiting import answering

LIBRARY = """
import logging
from scorelane.logs import configure_logs
configure_logs("INFO")
import structlog
structlog.get_logger().info("chunk_scored", messages=64)
logging.getLogger("uvicorn.error").warning("odd %s", "request")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("uvicorn.error").exception("fault of a library")
"""


def events(stderr):
    return [json.loads(line) for line in stderr.splitlines()]


def test_our_events_those_of_libraries_and_tracebacks_are_json_lines():
    done = subprocess.run([sys.executable, "-c", LIBRARY], capture_output=True, text=True, check=True)
    ours, odd, fault = events(done.stderr)
    assert (ours["event"], ours["messages"], ours["level"]) == ("chunk_scored", 64, "info")
    assert (odd["event"], odd["logger"], odd["level"]) == ("odd request", "uvicorn.error", "warning")
    assert "ZeroDivisionError" in fault["exception"]
    assert all("timestamp" in event for event in (ours, odd, fault))


@pytest.mark.parametrize("program", ["scorelane.api", "scorelane.console"])
def test_a_fault_of_a_served_program_is_one_json_line(house, program):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "SCORELANE_DATABASE_URL": house.database.worker_url,
        "SCORELANE_API_DATABASE_URL": house.database.api_url,
        "SCORELANE_BROKER_URL": house.database.broker_url,
        "SCORELANE_API_PORT": str(port),
        "SCORELANE_CONSOLE_PORT": str(port),
    }
    with psycopg.connect(house.database.owner_url) as owner:
        owner.execute("ALTER TABLE console_sessions RENAME TO away")
        owner.execute("ALTER TABLE rescans RENAME TO away_too")
    served = subprocess.Popen([sys.executable, "-m", program], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{port}"
        answering(f"{url}/healthz")
        key = house.keys["acme", "admin"]
        path = "/v1/rescans" if program == "scorelane.api" else "/messages"
        headers = {"Authorization": f"Bearer {key}", "Cookie": "scorelane_session=" + "a" * 43}
        assert httpx.get(url + path, headers=headers).status_code == 500
    finally:
        served.terminate()
        said = served.communicate()[1]
    first, *others = events(said)
    assert first["event"] == ("request_failed" if program == "scorelane.api" else "page_failed")
    assert "UndefinedTable" in first["exception"]
    assert {one["logger"] for one in others} <= {"uvicorn.error"}
