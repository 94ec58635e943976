"""Buckets and circuits in a real Valkey: shared, exact, and safe when it is emptied or away."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

from scorelane.enrichment.catalogue import Catalogue
from scorelane.enrichment.governor import Governor, Verdict, open_providers

DNS = {"rate_per_s": 1000, "burst": 1000, "timeout_s": 0.3}
ASKER = """
import asyncio, sys, time
from scorelane.enrichment.catalogue import Catalogue
from scorelane.enrichment.governor import Governor
async def main(url, until, rate, burst):
    provider = Catalogue.of({"dns": {"rate_per_s": rate, "burst": burst}})["dns"]
    governor = Governor(url)
    async def one():
        while time.time() < until:
            said = await governor.admit(provider, "")
            await asyncio.sleep(said.wait_s)
            if said.may_go and time.time() < until: print(time.time())
    await asyncio.gather(*(one() for _ in range(16)))
    await governor.close()
print("ready", flush=True)
asyncio.run(main(sys.argv[1], float(sys.stdin.readline()), float(sys.argv[2]), int(sys.argv[3])))
"""
PATIENT = {"timeout_s": 5.0}
"""Where an answer comes for sure, so that a busy machine makes no timeout of it."""


def admitted(stack, seconds, rate, burst, workers=4):
    """Times at which that many processes were let through, from the moment the bucket was full."""
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", ASKER, stack.broker_url, str(rate), str(burst)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(workers)
    ]
    for program in programs:
        assert program.stdout.readline() == "ready\n"
    until = str(time.time() + seconds)
    said = [program.communicate(until, timeout=seconds + 30)[0] for program in programs]
    assert all(program.returncode == 0 for program in programs)
    return sorted(float(line) for text in said for line in text.split())


def check_rate(times, rate, burst, seconds):
    """Never above burst + rate x time in any window, and nearly all of the rate is used."""
    slack = 2  # reading the clock after the token was given
    for first in range(0, len(times), 7):
        for last in range(first, len(times), 13):
            number, span = last - first + 1, times[last] - times[first]
            assert number <= burst + rate * span + slack, (number, span)
    used = [t for t in times if t >= times[-1] - seconds]
    assert len(used) >= 0.95 * rate * (used[-1] - used[0])


def test_four_processes_share_one_rate(stack, broker):
    broker.set("scorelane:enrich:bucket:dns", 0)
    check_rate(admitted(stack, 4, 50, 10), 50, 10, 2)


@pytest.mark.slow
def test_four_processes_use_the_rate_for_half_a_minute(stack, broker):
    broker.set("scorelane:enrich:bucket:dns", 0)
    check_rate(admitted(stack, 34, 100, 20), 100, 20, 30)


def test_an_emptied_redis_gives_no_second_burst(stack, broker):
    async def run():
        provider = Catalogue.of({"dns": {"rate_per_s": 1, "burst": 50}})["dns"]
        governor = Governor(stack.broker_url)
        broker.set("scorelane:enrich:bucket:dns", 0)
        first = [await governor.admit(provider, "") for _ in range(60)]
        broker.flushall()
        second = [await governor.admit(provider, "") for _ in range(60)]
        await governor.close()
        return sum(a.may_go for a in first), sum(a.may_go for a in second)

    first, second = asyncio.run(run())
    assert 50 <= first <= 52
    assert second == 0


def test_without_redis_nothing_is_asked(govern, dns_server):
    (said,) = govern({"dns": {**DNS, "servers": [dns_server.address]}}, ["a.test"], broker_url="redis://127.0.0.1:1/0")
    assert (said.said, said.asked) == ("governor_away", False)
    assert said.retry_s is not None
    assert not dns_server.asked


def test_a_turn_that_is_far_away_goes_back_to_the_database(govern, dns_server):
    settings = {"dns": {"rate_per_s": 0.1, "burst": 1, "servers": [dns_server.address]}}
    said = govern(settings, [f"d{n}.test" for n in range(5)])
    assert sorted(o.said for o in said) == ["not_found"] + ["rate_limited"] * 4
    assert all(o.retry_s > 1 for o in said if o.said == "rate_limited")


def test_each_registry_has_a_bucket_of_its_own(stack, broker):
    async def run():
        provider = Catalogue.of({"redirects": {"registry_rate_per_s": 0.1, "registry_burst": 2}})["redirects"]
        governor = Governor(stack.broker_url)
        for key in ("redirects", "redirects:one.test", "redirects:two.test"):
            broker.set(f"scorelane:enrich:bucket:{key}", 0)
        said = [(await governor.admit(provider, name)).verdict for name in ("one.test",) * 3 + ("two.test",)]
        await governor.close()
        return said

    assert asyncio.run(run()) == [Verdict.GO, Verdict.GO, Verdict.WAIT, Verdict.GO]


def test_the_circuit_opens_spares_the_provider_and_closes_with_one_probe(
    govern, servers, dns_server, broker, monkeypatch
):
    monkeypatch.setattr("scorelane.enrichment.governor.OPEN_S", 0.6)
    settings = {"dns": {**DNS, "servers": [dns_server.address]}}
    dns_server.rules = {"*": servers.HANG}
    said = govern(settings, [f"a{n}.test" for n in range(20)])
    assert {o.said for o in said} == {"timeout"}
    assert open_providers(broker, ["dns", "rdap"]).keys() == {"dns"}
    before = sum(dns_server.asked.values())
    said = govern(settings, [f"b{n}.test" for n in range(50)])
    assert {o.said for o in said} == {"breaker_open"}
    assert {o.status for o in said} == {"breaker_open"}
    assert sum(dns_server.asked.values()) == before
    dns_server.rules = {"*": {"A": ["203.0.113.1"]}}
    time.sleep(0.8)
    said = govern(settings, [f"c{n}.test" for n in range(20)])
    assert sorted(o.said for o in said) == ["breaker_open"] * 19 + ["ok"]
    assert open_providers(broker, ["dns"]) == {}
    assert {o.said for o in govern(settings, [f"d{n}.test" for n in range(20)])} == {"ok"}


@pytest.mark.parametrize("trouble", ["HANG", "SERVFAIL"])
def test_servers_of_one_domain_that_fail_close_the_provider_to_nobody_else(
    trouble, govern, servers, dns_server, broker
):
    theirs = getattr(servers, trouble)
    dns_server.rules = {
        "*": lambda name, _kind: theirs if name.endswith("evil.test") else {"A": ["203.0.113.1"]},
    }
    patience = {} if trouble == "HANG" else PATIENT
    settings = {"dns": {**DNS, **patience, "servers": [dns_server.address]}}
    said = govern(settings, [f"h{n}.evil.test" for n in range(40)])
    assert {o.said for o in said} == {"timeout" if trouble == "HANG" else "failed"}
    assert open_providers(broker, ["dns"]) == {}
    (said,) = govern(settings, ["good.test"])
    assert said.said == "ok"
    (said,) = govern(settings, ["another.evil.test"])
    assert said.said == "breaker_open"


def test_web_servers_of_one_domain_that_fail_close_no_others(govern, servers, dns_server, broker):
    dns_server.rules = {"*": lambda name, _kind: servers.SERVFAIL if name.endswith("evil.test") else {}}
    settings = {"certificates": {"rate_per_s": 1000, "burst": 1000, **PATIENT, "servers": [dns_server.address]}}
    said = govern(settings, [f"h{n}.evil.test" for n in range(30)])
    assert {o.said for o in said} == {"failed"}
    assert open_providers(broker, ["certificates"]) == {}
    (said,) = govern(settings, ["good.test"])
    assert said.said == "not_found"


def test_failures_of_a_few_domains_among_many_good_ones_open_nothing(govern, servers, dns_server, broker):
    dns_server.rules = {
        "*": lambda name, _kind: servers.SERVFAIL if name.startswith("bad") else {"A": ["203.0.113.1"]},
    }
    settings = {"dns": {**DNS, **PATIENT, "servers": [dns_server.address]}}
    said = govern(settings, [f"{kind}{n}.test" for n in range(15) for kind in ("bad", "good", "fair")], in_flight=1)
    assert open_providers(broker, ["dns"]) == {}
    assert sum(o.said == "ok" for o in said) == 30


def test_a_failed_probe_opens_the_circuit_for_longer(govern, servers, dns_server, broker, monkeypatch):
    monkeypatch.setattr("scorelane.enrichment.governor.OPEN_S", 0.5)
    settings = {"dns": {**DNS, "servers": [dns_server.address]}}
    dns_server.rules = {"*": servers.SERVFAIL}
    govern(settings, [f"a{n}.test" for n in range(20)])
    time.sleep(0.7)
    said = govern(settings, ["b.test", "c.test"])
    assert sorted(o.said for o in said) == ["breaker_open", "failed"]
    assert open_providers(broker, ["dns"])["dns"] > 0.7


def test_a_registry_that_asks_for_time_gets_it_and_the_others_go_on(govern, web_server, broker):
    web_server.rules = {"/a": (429, {"Retry-After": "90"}, b""), "/b": (200, {}, b"")}
    settings = {"redirects": {"inside": ["127.0.0.2/32"], "registry_rate_per_s": None}}
    (said,) = govern(settings, [f"{web_server.url}/a"])
    assert said.said == "failed"
    assert said.retry_s >= 90
    (said,) = govern(settings, [f"{web_server.url}/b"])
    assert said.said == "breaker_open"
    assert open_providers(broker, ["redirects"]) == {}


@pytest.mark.parametrize("trouble", ["busy", "hanging"])
def test_a_shortener_is_not_blamed_for_the_servers_that_it_leads_to(trouble, govern, servers, web_server):
    busy = (429, {"Retry-After": "86400"}, b"")
    web_server.rules = {
        "/b": (200, {}, b""),
        "/theirs": busy if trouble == "busy" else servers.HANG,
        "*": (302, {"Location": "/theirs"}, b""),
    }
    settings = {
        "redirects": {
            "inside": ["127.0.0.2/32"], "rate_per_s": 1000, "burst": 100, "registry_rate_per_s": None,
            "timeout_s": 1, "hop_timeout_s": 0.2 if trouble == "busy" else 5,
        }
    }  # fmt: skip
    said = govern(settings, [f"{web_server.url}/a{n}" for n in range(6)])
    assert {o.said for o in said} == {"failed" if trouble == "busy" else "timeout"}
    (said,) = govern(settings, [f"{web_server.url}/b"])
    assert said.said == "ok"


def test_a_list_that_blocks_us_is_left_alone_at_once(govern, dns_server, broker):
    dns_server.rules = {"*": ["127.255.255.254"]}
    settings = {"domain_blocklist": {"zones": ["one.test"], "servers": [dns_server.address]}}
    (said,) = govern(settings, ["bad.test"])
    assert said.said == "blocked"
    assert open_providers(broker, ["domain_blocklist"])["domain_blocklist"] > 3000


def test_a_flapping_provider_gets_its_answers_through(govern, servers, dns_server):
    good = {"A": ["203.0.113.1"]}
    dns_server.rules = {"*": lambda name, _k: servers.SERVFAIL if name.endswith(("0.test", "5.test")) else good}
    said = govern({"dns": {**DNS, "servers": [dns_server.address]}}, [f"d{n}.test" for n in range(30)], in_flight=4)
    assert {o.said for o in said} <= {"ok", "failed", "breaker_open"}
    assert sum(o.said == "ok" for o in said) >= 20


def test_ssrf_attempts_are_counted_as_refused_and_do_not_open_the_circuit(govern, web_server, broker):
    web_server.rules = {"*": (302, {"Location": "http://169.254.169.254/"}, b"")}
    settings = {
        "redirects": {"inside": ["127.0.0.2/32"], "rate_per_s": 1000, "burst": 100, "registry_rate_per_s": None}
    }
    said = govern(settings, [f"{web_server.url}/{n}" for n in range(12)])
    assert {o.said for o in said} == {"refused"}
    assert {f.status for o in said for f in o.findings} == {"failed"}
    assert open_providers(broker, ["redirects"]) == {}


def test_a_bug_in_a_provider_is_one_failed_fact(govern, dns_server, monkeypatch):
    monkeypatch.setattr("scorelane.enrichment.providers.dns.dmarc_policy", lambda _record: 1 / 0)
    dns_server.rules = {"*": {"A": ["203.0.113.1"]}}
    (said,) = govern({"dns": {**DNS, "servers": [dns_server.address]}}, ["a.test"])
    assert said.said == "bug"
    assert {f.status for f in said.findings} == {"failed"}
