"""deploy/kubernetes.yaml, schemas, what compose says, and KEDA's questions to a real Postgres."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from db import lanes, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming

ROOT = Path(__file__).resolve().parents[2]
VERSION = "1.34"


@pytest.fixture(scope="module")
def objects():
    return list(yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text()))


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def of_kind(objects, kinds):
    return {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"] in kinds}


def pods(objects):
    return {name: spec["template"]["spec"] for name, spec in of_kind(objects, ("Deployment", "Job")).items()}


def test_every_object_meets_its_schema(objects):
    ours = [one for one in objects if not one["apiVersion"].startswith("keda.sh/")]
    assert len(ours) < len(objects)
    for one in ours:
        kubernetes_validate.validate(one, VERSION, strict=True)


def test_pods_run_what_compose_runs(objects, services):
    own = {name: service for name, service in services.items() if service["image"] == "scorelane"}
    found = pods(objects)
    assert set(found) == set(own)
    for name, service in own.items():
        (container,) = found[name]["containers"]
        assert container["command"] == service["command"]
        given = {one["name"]: one["value"] for one in container.get("env", ())}
        secret = {key for key in service["environment"] if key.endswith("_URL") or key == "FLOWER_BASIC_AUTH"}
        assert given == {key: value for key, value in service["environment"].items() if key not in secret}
        assert ("terminationGracePeriodSeconds" in found[name]) == ("stop_grace_period" in service)


def test_secrets_hold_what_a_pod_needs_and_the_guide_names_them(objects, services):
    guide = (ROOT / "docs/scaling.md").read_text()
    keys = {
        "scorelane-worker": {"SCORELANE_DATABASE_URL", "SCORELANE_BROKER_URL"},
        "scorelane-owner": {"SCORELANE_OWNER_DATABASE_URL"},
        "scorelane-api": {"SCORELANE_API_DATABASE_URL"},
        "scorelane-flower": {"FLOWER_BASIC_AUTH"},
    }
    for name, pod in pods(objects).items():
        (container,) = pod["containers"]
        held = set().union(*(keys[one["secretRef"]["name"]] for one in container["envFrom"]))
        asked = {key for key in services[name]["environment"] if key.endswith("_URL") or key == "FLOWER_BASIC_AUTH"}
        assert asked == held, name
    for secret, names in keys.items():
        assert f"create secret generic {secret} " in guide
        assert all(f"--from-literal={key}=" in guide for key in names)


def test_a_service_leads_to_the_port_that_compose_publishes(objects, services):
    for name, spec in of_kind(objects, ["Service"]).items():
        inner = int(services[name]["ports"][0].rpartition(":")[2])
        (container,) = pods(objects)[name]["containers"]
        assert spec["ports"][0]["port"] == container["ports"][0]["containerPort"] == inner
        assert spec["selector"] == of_kind(objects, ["Deployment"])[name]["template"]["metadata"]["labels"]


def test_no_pod_may_become_more_than_it_is(objects):
    for pod in pods(objects).values():
        assert pod["securityContext"]["runAsNonRoot"]
        (container,) = pod["containers"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def test_keda_scales_every_group_of_workers_by_what_waits_in_postgres(objects, database):
    scaled = of_kind(objects, ["ScaledObject"])
    deployments = of_kind(objects, ["Deployment"])
    assert set(scaled) == {name for name in deployments if name.startswith("worker-")}
    assert not any("replicas" in deployments[name] for name in scaled)
    with connect(database.worker_url, application="test") as sql:
        tenants.ensure(sql, "acme")
        with Enqueuer(database.worker_url, database.broker_url) as door:
            for lane, count in (("realtime", 3), ("interactive", 2), ("backfill", 7), ("rescan", 1)):
                mail = [Incoming(f"From: a@b.example\r\nSubject: {lane} {n}\r\n\r\nx".encode()) for n in range(count)]
                door.accept(mail, tenant="acme", mailbox="all@acme.test", lane=lane)
        said = {
            name: sql.execute(spec["triggers"][0]["metadata"]["query"]).fetchone()[0] for name, spec in scaled.items()
        }
        waiting = {state.name: state.ready + state.published + state.claimed for state in lanes.states(sql)}
    assert said == {"worker-realtime": 5, "worker-bulk": 8, "worker-enrich": 0}
    assert said["worker-bulk"] == waiting["rescan"] + waiting["backfill"]
