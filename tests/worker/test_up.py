"""What `scorelane up` refuses before anything starts: a home in use, a port that is taken."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from worker.errors import StartFailed
from worker.exporter import Exporter
from worker.up import PORT_SETTINGS, SERVICES, check_ports


@pytest.fixture
def taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize("service", SERVICES)
def test_a_port_that_is_taken_is_named_with_its_setting(taken, service):
    with pytest.raises(StartFailed, match=rf"port {taken} \({PORT_SETTINGS[service]}\) is taken"):
        check_ports({service: taken})


def test_two_services_cannot_have_one_port(taken):
    check_ports(dict.fromkeys(SERVICES))
    free = taken + 1
    with pytest.raises(StartFailed, match="SCORELANE_API_PORT"):
        check_ports({"flower": free, "console": None, "api": free})


@pytest.mark.parametrize("name", PORT_SETTINGS.values())
def test_up_starts_nothing_where_a_port_is_taken(tmp_path, taken, name):
    answer = subprocess.run(
        [sys.executable, "-m", "scorelane.cli", "up"],
        env={**os.environ, "SCORELANE_HOME": str(tmp_path / "home"), name: str(taken)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (answer.returncode, answer.stdout, answer.stderr.count("\n")) == (1, "", 1), answer.stderr
    assert f"port {taken} ({name}) is taken" in answer.stderr
    assert not (tmp_path / "home" / "postgres").exists()


def test_an_exporter_whose_port_is_taken_says_that_and_no_more(taken):
    with pytest.raises(OSError, match="Address already in use"):
        Exporter(("127.0.0.1", taken), "postgresql://127.0.0.1:1/none", 1)
    answer = subprocess.run(
        [sys.executable, "-m", "worker.exporter"],
        env={
            **os.environ, "SCORELANE_EXPORTER_PORT": str(taken),
            "SCORELANE_DATABASE_URL": "postgresql://127.0.0.1:1/none",
        },
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode == 1
    assert answer.stderr == (
        f"nothing can listen on 127.0.0.1:{taken} (SCORELANE_EXPORTER_PORT): Address already in use\n"
    )
