"""Slow enrichment in the whole system: a provider that hangs, workers that die, answers that come once."""

from __future__ import annotations

import json
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import redis

from db import lookups, provisional, tenants
from db.session import connect
from scorelane.enqueuer import Enqueuer, Incoming
from worker.processes import lane_groups
from worker.up import run_system

SERVERS = runpy.run_path(str(Path(__file__).parents[1] / "enrichment" / "servers.py"))
GOOD = {"MX": ["10 mx.x.test."], "A": ["203.0.113.1"]}


def dns(world, **more):
    """The setting that turns DNS on, asked at a server of the test's own."""
    return json.dumps({"dns": {"servers": [world.address], "rate_per_s": 500, "burst": 500, **more}})


def mails(count, start=0, links=0):
    """Messages, each of a domain of its own, with so many links to further domains."""
    for number in range(start, start + count):
        hrefs = " ".join(f"https://l{number}x{link}.example/" for link in range(links))
        yield Incoming(f"From: a@d{number}.example\r\nSubject: {number}\r\n\r\nhello {hrefs}".encode())


def accept(stack, messages, *, tenant="acme", lane="backfill"):
    with Enqueuer(stack.worker_url, stack.broker_url) as door:
        batch = list(messages)
        for start in range(0, len(batch), 512):
            door.accept(batch[start : start + 512], tenant=tenant, mailbox=f"all@{tenant}.test", lane=lane)


def until(condition, patience_s, what):
    """Wait for a condition; fail with what was waited for."""
    limit = time.monotonic() + patience_s
    while not (said := condition()):
        assert time.monotonic() < limit, what
        time.sleep(0.1)
    return said


def one(sql, query, *arguments):
    return sql.execute(query, arguments).fetchone()[0]


def rss_bytes(pid):
    """Memory of a worker and its children."""
    process = psutil.Process(pid)
    return sum(p.memory_info().rss for p in (process, *process.children(recursive=True)))


def latency(sql, quiet, *, before):
    """Of realtime mail before or since a moment: from accept to verdict, p50 / p99 in milliseconds."""
    found = one(
        sql,
        "SELECT percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY 1000 * extract(epoch FROM "
        "finished_at - created_at)::float8) FROM chunks WHERE lane = 'realtime' AND state = 'done' "
        "AND id > 1 AND (created_at < %s) = %s", quiet, before,
    )  # fmt: skip
    return " / ".join(f"{ms:.0f}" for ms in found)


def finality(sql):
    """Seconds from the provisional score to the final one, p50 / p99 / most."""
    found = one(
        sql,
        "SELECT percentile_disc(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY extract(epoch FROM "
        "f.known_at - p.known_at)::float8) FROM scores f JOIN scores p ON p.message_id = f.message_id "
        "AND p.revision = 1 WHERE NOT f.provisional AND f.cause = 'facts'",
    )
    return " / ".join(f"{seconds:.1f}" for seconds in found)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "scale",
    [(1_000, 4, 8), pytest.param((20_000, 4, 60), marks=pytest.mark.slow)],
    ids=["5k lookups", "100k lookups"],
)
def test_a_hanging_provider_is_in_nobodys_way(tmp_path, monkeypatch, tell, scale):
    messages, links, deadline_s = scale
    with SERVERS["DnsServer"]({"*": SERVERS["HANG"]}) as world:
        monkeypatch.setenv("SCORELANE_ENRICHMENT", dns(world, timeout_s=1))
        monkeypatch.setenv("SCORELANE_ENRICHMENT_DEADLINE_S", str(deadline_s))
        with (
            run_system(tmp_path / "s", groups=lane_groups(1)) as system,
            connect(system.stack.worker_url, application="test") as sql,
            redis.Redis.from_url(system.stack.broker_url) as broker,
        ):
            for name in ("acme", "urgent"):
                tenants.ensure(sql, name)
            accept(system.stack, mails(8, 10_000_000), tenant="urgent", lane="realtime")
            until(lambda: one(sql, "SELECT count(*) = 8 FROM scores"), 60, "workers are warm")
            arrivals = 8
            for _ in range(40):
                accept(system.stack, mails(1, 10_000_000 + arrivals), tenant="urgent", lane="realtime")
                arrivals += 1
                time.sleep(0.1)
            worker = system.processes.pid("worker-enrich")
            before, quiet = rss_bytes(worker), one(sql, "SELECT clock_timestamp()")
            accept(system.stack, mails(messages, links=links))
            most_unacked, most_lookups = 0, 0

            def final():
                nonlocal most_unacked, most_lookups, arrivals
                most_unacked = max(most_unacked, broker.hlen("unacked"))
                most_lookups = max(most_lookups, one(sql, "SELECT count(*) FROM lookups"))
                assert all(b'"eta": null' in item for item in broker.lrange("enrich", 0, 20))
                accept(system.stack, mails(1, 10_000_000 + arrivals), tenant="urgent", lane="realtime")
                arrivals += 1
                return one(sql, "SELECT count(*) FROM scores WHERE NOT provisional") >= messages

            until(final, 10 * deadline_s + messages / 50, "every message is final")
            assert most_lookups >= messages * (links + 1)
            # One task in hand of each of the three groups' processes, and at most one more on its way to each.
            assert most_unacked <= 6
            grown = rss_bytes(worker) - before
            assert grown < 64 * 1024 * 1024
            first = "SELECT count(*) FROM scores s JOIN tenants t ON t.id = s.tenant_id WHERE t.name = 'urgent' "
            until(lambda: one(sql, first + "AND revision = 1") == arrivals, 30, "realtime mail was scored meanwhile")
            times = [latency(sql, quiet, before=True), latency(sql, quiet, before=False)]
            tell(f"{most_lookups:,} lookups against a provider that hangs", "", "")
            tell("  realtime mail, accept to verdict, p50 / p99 ms", *times)
            tell("  memory of the enrich worker, MB", f"{before / 1e6:.0f}", f"{(before + grown) / 1e6:.0f}")
            tell("  most tasks unacknowledged in all lanes", "", str(most_unacked))
            tell(f"  final after so many s (deadline {deadline_s}), p50 / p99 / most", "", finality(sql))
            late = one(
                sql,
                "SELECT count(*) FROM scores f JOIN scores p ON p.message_id = f.message_id AND p.revision = 1 "
                "WHERE NOT f.provisional AND f.cause = 'facts' AND f.known_at < p.known_at",
            )
            assert late == 0
            assert one(sql, "SELECT count(*) FROM facts WHERE status = 'ok'") == 0
            assert {row[0] for row in sql.execute("SELECT DISTINCT status FROM facts")} <= {
                "timeout",
                "breaker_open",
            }
            assert lookups.outcomes(sql).get(("dns", "timeout"), 0) >= 5
            until(lambda: provisional.waiting(sql)[0] == 0, 60 + 2 * deadline_s, "nobody waits any more")


KILLED = """
import sys
answer, sys.stdout = sys.stdout, sys.stderr
from scorelane.enrichment import Catalogue
from tasks.enrich import enrich
from tasks.facts import Enrichment
from tasks.session import Session
url, broker, server, in_flight = sys.argv[1:5]
catalogue = Catalogue.of({"dns": {"servers": [server], "rate_per_s": 1000, "burst": 1000, "timeout_s": 5}})
session = Session(url, group="test", enrichment=Enrichment(catalogue, broker, 60.0, int(in_flight)))
print("ready", file=answer, flush=True)
for line in sys.stdin:
    enrich(session, int(line))
    print("done", file=answer, flush=True)
"""


@pytest.mark.parametrize(("in_flight", "number", "most_kills"), [(1, 24, 2), (8, 64, 1)])
def test_killed_in_mid_flight_nothing_is_lost_and_only_what_was_under_way_is_repeated(
    database, in_flight, number, most_kills
):
    entities = [f"d{n}.test" for n in range(number)]
    kills = 0
    with (
        SERVERS["DnsServer"]({"*": GOOD}, delay_s=0.1) as world,
        connect(database.worker_url, application="test") as sql,
        redis.Redis.from_url(database.broker_url) as broker,
    ):
        broker.set("scorelane:enrich:bucket:dns", 0)
        lookups.want(sql, 0, [], [("dns", entity) for entity in entities])
        command = [
            sys.executable,
            "-c",
            KILLED,
            database.worker_url,
            database.broker_url,
            world.address,
            str(in_flight),
        ]
        while one(sql, "SELECT count(*) FROM lookups WHERE state <> 'resting'"):
            worker = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            assert worker.stdout.readline() == "ready\n"
            ((batch, _, _),) = lookups.publish_due(sql, {"dns": lookups.BATCH})
            worker.stdin.write(f"{batch}\n")
            worker.stdin.flush()
            if kills < most_kills:
                settled = one(sql, "SELECT count(*) FROM lookups WHERE state = 'resting'")
                until(
                    lambda at=settled: one(sql, "SELECT count(*) FROM lookups WHERE state = 'resting'") >= at + 3,
                    20,
                    "some answers are settled",
                )
                worker.send_signal(signal.SIGKILL)
                worker.wait()
                kills += 1
                lookups.release(sql, batch)
            else:
                assert worker.stdout.readline() == "done\n"
                worker.stdin.close()
                worker.wait(10)
            worker.stdout.close()
            worker.stdin.close()
        asked = sum(world.asked[entity, "MX"] for entity in entities)
        assert one(sql, "SELECT count(*) FROM facts WHERE kind = 'domain_has_mx' AND status = 'ok'") == len(entities)
        assert kills == most_kills
        assert asked <= len(entities) + kills * in_flight


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_thousand_messages_with_one_domain_make_one_lookup(tmp_path, monkeypatch):
    with SERVERS["DnsServer"]({"*": GOOD}, delay_s=0.5) as world:
        monkeypatch.setenv("SCORELANE_ENRICHMENT", dns(world))
        with (
            run_system(tmp_path / "s", groups=lane_groups(1)) as system,
            connect(system.stack.worker_url, application="test") as sql,
        ):
            tenants.ensure(sql, "acme")
            accept(
                system.stack,
                (Incoming(f"From: a@one.example\r\nSubject: {n}\r\n\r\nx".encode()) for n in range(10_000)),
            )
            until(
                lambda: one(sql, "SELECT count(DISTINCT message_id) FROM scores WHERE NOT provisional") == 10_000,
                300,
                "all are final",
            )
            assert world.asked["one.example", "MX"] == 1
