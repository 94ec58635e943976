"""docker-compose.yml: no engine runs here, so its schema, names, settings and ports are checked, its commands run."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from db import tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming
from scorelane.settings import Settings
from worker.processes import Processes, lane_groups
from worker.valkey import free_port

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
START_S = 120.0


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(FILE.read_text())["services"]


def ours(services):
    return {name: service for name, service in services.items() if service["image"] == "scorelane"}


def test_the_file_meets_the_compose_schema():
    checker = Path(sys.executable).with_name("check-jsonschema")
    answer = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", FILE], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout


def test_workers_are_started_by_the_commands_of_the_embedded_stack(services):
    groups = {group.name: group for group in lane_groups()}
    found = {}
    for name, service in services.items():
        if name.startswith("worker-"):
            command = service["command"]
            nice = int(command[2]) if command[0] == "nice" else 0
            program = command[command.index("python") :]
            size = program[program.index("--concurrency") + 1]
            found[name.removeprefix("worker-")] = (nice, [sys.executable, *program[1:]], size)
    assert set(found) == set(groups)
    for name, (nice, program, size) in found.items():
        native = groups[name].command()
        native[native.index("--concurrency") + 1] = size
        assert (nice, program) == (groups[name].nice, native)


def test_other_services_are_started_by_the_commands_of_the_embedded_stack(services, tmp_path):
    processes = Processes(tmp_path, {})
    processes.add_dispatcher()
    processes.add_flower(5555, "secret")
    processes.add_api(8026)
    processes.add_outbox()
    processes.add_console(8025, "postgresql://api")
    processes.add_exporter(9808)
    assert {program.name for program in processes.programs} == set(ours(services)) - {"migrate"} - workers(services)
    for program in processes.programs:
        service = services[program.name]
        assert [sys.executable, *service["command"][1:]] == [
            part.replace("127.0.0.1", "0.0.0.0") for part in program.command
        ]
        for name in set(program.env) - {"OMP_NUM_THREADS", "PYTHONUNBUFFERED", "PYTHONWARNINGS"}:
            assert name in service["environment"], f"{program.name} needs {name}"


def workers(services):
    return {name for name in services if name.startswith("worker-")}


def test_every_setting_it_names_is_one(services):
    known = {"SCORELANE_" + name.upper() for name in Settings.model_fields}
    known |= {str(field.validation_alias) for field in Settings.model_fields.values() if field.validation_alias}
    named = {
        name for service in ours(services).values() for name in service["environment"] if name.startswith("SCORELANE_")
    }
    assert named
    assert named <= known


def test_every_secret_is_asked_for_and_stands_in_the_example():
    asked = set(re.findall(r"\$\{([A-Z_]+):\?\}", FILE.read_text()))
    example = set(re.findall(r"^([A-Z_]+)=$", (ROOT / "deploy/env.example").read_text(), re.MULTILINE))
    assert asked <= example
    assert all(f":{word}@" not in FILE.read_text() for word in ("scorelane", "postgres", "password"))


def test_postgres_is_healthy_only_where_others_reach_it(services):
    """The image's server that runs while the database is made listens on its socket alone."""
    test = services["postgres"]["healthcheck"]["test"]
    assert test[test.index("-h") + 1] == "127.0.0.1"


def test_published_ports_are_the_ones_listened_to_and_only_on_the_loopback(services):
    for name, service in services.items():
        for published in service.get("ports", ()):
            host, _, inner = published.split(":")
            assert host == "127.0.0.1", name
            assert any(inner in part for part in (*service["command"], *service.get("environment", {}).values())), name
            assert any(inner in part for part in service["healthcheck"]["test"]), name


def test_prometheus_scrapes_the_exporter_where_it_listens(services):
    scrape = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())
    (target,) = scrape["scrape_configs"][0]["static_configs"][0]["targets"]
    name, _, port = target.partition(":")
    assert services[name]["environment"]["SCORELANE_EXPORTER_PORT"] == port
    assert all(
        any(f"/{file}:" in volume for volume in services["prometheus"]["volumes"]) for file in scrape["rule_files"]
    )


def test_files_it_mounts_are_there(services):
    for service in services.values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (ROOT / source).exists()


def test_the_image_holds_what_the_commands_load():
    copied = set(re.findall(r"^COPY (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    ignored = {line.lstrip("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {"scorelane", "worker", "tasks", "db"} <= copied
    assert copied <= ignored


@pytest.fixture
def running(services, database, tmp_path):
    """The file's own commands as processes over the test's servers; what differs is where they are and listen."""
    ports = {inner: str(free_port()) for service in services.values() for inner in published(service)}
    values = {
        "SCORELANE_DATABASE_URL": database.worker_url,
        "SCORELANE_OWNER_DATABASE_URL": database.owner_url,
        "SCORELANE_API_DATABASE_URL": database.api_url,
        "SCORELANE_BROKER_URL": database.broker_url,
        "FLOWER_BASIC_AUTH": "scorelane:secret",
    }
    processes = {}
    logs = tmp_path / "log"
    logs.mkdir()

    def placed(text):
        for inner, port in ports.items():
            text = text.replace(inner, port)
        return text.replace("0.0.0.0", "127.0.0.1")

    def native(service):
        names = {"python": [sys.executable], "scorelane": [sys.executable, "-m", "scorelane.cli"]}
        command = [placed(part) for word in service["command"] for part in names.get(word, [word])]
        settings = {name: values.get(name, placed(value)) for name, value in service["environment"].items()}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SCORELANE_")}
        return command, {**clean, "OMP_NUM_THREADS": "1", "SCORELANE_HOME": str(tmp_path / "none"), **settings}

    command, env = native(services["migrate"])
    subprocess.run(command, env=env, cwd=ROOT, check=True, timeout=START_S, capture_output=True)
    try:
        for name, service in ours(services).items():
            if name != "migrate":
                command, env = native(service)
                with (logs / name).open("wb") as log:
                    processes[name] = subprocess.Popen(command, env=env, cwd=ROOT, stdout=log, stderr=log)
        yield processes, placed, native
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait(30)


def published(service):
    return [port.split(":")[2] for port in service.get("ports", ())]


def test_its_commands_score_mail_and_pass_their_health_checks(running, services, database):
    processes, placed, native = running
    with connect(database.worker_url, application="test") as sql:
        tenants.ensure(sql, "acme")
        with Enqueuer(database.worker_url, database.broker_url) as door:
            for lane in ("realtime", "backfill"):
                raw = f"From: a@b.example\r\nSubject: {lane}\r\n\r\nhello\r\n".encode()
                door.accept([Incoming(raw)], tenant="acme", mailbox="all@acme.test", lane=lane)
        until(lambda: sql.execute("SELECT count(*) FROM message_state WHERE state = 'scored'").fetchone() == (2,))
    checks = [health_check(services[name], native) for name in workers(services)]
    assert [check.wait(START_S) for check in checks] == [0] * len(checks)
    for name in set(processes) - workers(services) - {"dispatcher", "outbox"}:
        command = [placed(word) for word in services[name]["healthcheck"]["test"][1:]]
        until(
            lambda command=command: (
                subprocess.run([sys.executable, *command[1:]], check=False, capture_output=True).returncode == 0
            )
        )
    assert all(process.poll() is None for process in processes.values())


def health_check(service, native):
    test = service["healthcheck"]["test"][1].replace("$$HOSTNAME", socket.gethostname())
    command = shlex.split(test.replace("python", sys.executable, 1))
    return subprocess.Popen(command, env=native(service)[1], cwd=ROOT, stdout=subprocess.DEVNULL)


def until(holds):
    deadline = time.monotonic() + START_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
