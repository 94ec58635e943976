"""The whole system as processes that a test may break, and the one audit that every test ends in."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import redis

from db import lanes, migrate, tenants
from db.session import connect, limit_statements
from scorelane.enqueuer import Busy, Enqueuer, Incoming, Unavailable
from tests.faults.proxy import Proxy
from worker.errors import StartFailed
from worker.processes import Processes, Program
from worker.stack import EmbeddedStack
from worker.up import ensure_bundle


@dataclass(frozen=True)
class Scale:
    """How much a test does. The short one runs in `make test`, the full one in `make faults`."""

    name: str
    messages: int
    kills: int
    outage_s: float
    freeze_s: float
    lease_s: int
    time_limit_s: int
    visibility_s: int
    stall_s: float
    patience_s: float


SHORT = Scale("short", 400, 3, 1.0, 2.0, 8, 6, 10, 4.0, 60.0)
FULL = Scale("full", 8_000, 20, 30.0, 60.0, 90, 60, 120, 75.0, 240.0)


@dataclass
class Recovery:
    """What a fault cost, in seconds after it was lifted."""

    fault: str
    messages: int
    first_s: float | None
    all_s: float


class Rig:
    """Servers, dispatcher and two workers in processes of their own, settings as the scale says."""

    def __init__(self, home: Path, scale: Scale) -> None:
        self.scale = scale
        self.stack = EmbeddedStack(home)
        self.recoveries: list[Recovery] = []
        self._numbers = iter(range(1, 10_000_000))
        self._lifted: tuple[str, float] | None = None

    def __enter__(self):
        self.stack.start()
        migrate.upgrade(self.stack.owner_url)
        ensure_bundle(self.stack.worker_url)
        self.flags = self.stack.home / "flags"
        self.flags.mkdir()
        self.proxy = Proxy(self.stack.valkey.port)
        self.broker_url = self.stack.broker_url.replace(f":{self.stack.valkey.port}/", f":{self.proxy.port}/")
        with self.sql() as sql:
            sql.execute("UPDATE lanes SET lease_s = %s", (self.scale.lease_s,))
        scale = self.scale
        env = {
            "SCORELANE_HOME": str(self.stack.home),
            "SCORELANE_DATABASE_URL": self.stack.worker_url,
            "SCORELANE_BROKER_URL": self.broker_url,
            "SCORELANE_TASK_TIME_LIMIT_S": str(scale.time_limit_s),
            "SCORELANE_VISIBILITY_TIMEOUT_S": str(scale.visibility_s),
            "SCORELANE_STALL_S": str(scale.stall_s),
            "SCORELANE_DISPATCHER_LEASE_S": "2",
            "SCORELANE_SUSPECT_S": "2",
        }
        self.processes = Processes(self.stack.home, env)
        self.env = env = {**self.processes.environment, **env}
        self.processes.programs.append(
            Program("dispatcher", [sys.executable, "-m", "tests.faults.rigged_dispatcher"], env)
        )
        self.add_worker("realtime", "interactive,realtime")
        self.add_worker("bulk", "rescan,backfill", nice=10)
        self.processes.start()
        self.wait_until(self.all_ready, "the workers are ready")
        return self

    def __exit__(self, *_):
        self.processes.stop()
        self.proxy.close()
        self.stack.stop()

    def add_worker(self, name: str, queues: str, nice: int = 0) -> None:
        command = [
            sys.executable, "-m", "celery", "--quiet", "-A", "tests.faults.rigged_worker:app", "worker", "-Q", queues,
            "-n", f"{name}@%h", "--concurrency", "1", "-E", "--without-gossip", "--without-mingle",
        ]  # fmt: skip
        program = Program(f"worker-{name}", command, {**self.env, "SCORELANE_WORKER_GROUP": name}, nice=nice)
        self.processes.programs.append(program)

    # What a test looks at

    @contextlib.contextmanager
    def sql(self):
        with connect(self.stack.worker_url, application="test") as connection:
            yield connection

    def one(self, query, *values):
        with self.sql() as sql:
            return sql.execute(query, values).fetchone()[0]

    @contextlib.contextmanager
    def broker(self):
        """The broker itself, past the proxy."""
        with redis.Redis.from_url(self.stack.broker_url, socket_timeout=5) as client:
            yield client

    def wait_until(self, true, what: str, timeout_s: float | None = None) -> None:
        deadline = time.monotonic() + (timeout_s or self.scale.patience_s)
        while True:
            with contextlib.suppress(psycopg.OperationalError, redis.RedisError):
                if true():
                    return
            assert time.monotonic() < deadline, f"in vain: {what}; logs in {self.stack.home / 'log'}"
            time.sleep(0.05)

    def pid(self, name: str) -> int:
        return self.processes.pid(name)

    def process(self, name: str):
        return next(program.process for program in self.processes.programs if program.name == name)

    def children(self, name: str) -> list[int]:
        """None while the program is between two lives."""
        with contextlib.suppress(StartFailed, psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(self.pid(name)).children()]
        return []

    def all_ready(self) -> bool:
        """Workers that answer are those whose connection waits in BRPOP."""
        if any(p.process is None or p.process.poll() is not None for p in self.processes.programs):
            return False
        with self.broker() as broker:
            waiting = [client for client in broker.client_list() if client["cmd"] == "brpop"]
        return len(waiting) >= sum(p.name.startswith("worker-") for p in self.processes.programs)

    # What a test does

    def mail(self, count: int, subject: str = "hello") -> list[Incoming]:
        numbers = [next(self._numbers) for _ in range(count)]
        return [
            Incoming(
                f"From: Ann <ann{n % 97}@sender{n % 13}.example>\r\nTo: all@acme.test\r\nSubject: {subject} {n}\r\n"
                f"Message-ID: <{n}@rig>\r\n\r\nThe report number {n} is at https://reports.example/{n}\r\n".encode()
            )
            for n in numbers
        ]

    def tenant(self, name: str) -> str:
        with self.sql() as sql:
            tenants.ensure(sql, name)
        return name

    def accept(self, tenant: str, mail: list[Incoming], lane: str = "backfill") -> int:
        with Enqueuer(self.stack.worker_url, self.broker_url) as door:
            receipts = door.accept(mail, tenant=tenant, mailbox="all@acme.test", lane=lane)
        return sum(receipt.status == "accepted" for receipt in receipts)

    def load(self, tenant: str, messages: int, *, lasting: bool = False) -> Load:
        """Start sending: half by realtime in small batches, half by backfill; a lasting load goes on until its end."""
        load = Load(self, tenant, messages, lasting=lasting)
        load.start()
        return load

    def blocked(self) -> int:
        """Clients that wait in BRPOP now."""
        with self.broker() as broker:
            return sum("b" in client["flags"] for client in broker.client_list())

    def flag(self, name: str, content: str = "") -> Path:
        file = self.flags / name
        file.write_text(content)
        return file

    def kill(self, pid: int, number: int = signal.SIGKILL) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def lifted(self, fault: str) -> None:
        """The fault is over: recovery is measured from here."""
        self._lifted = (fault, time.time())

    # What every test ends in

    def audit(self, tenant: str, accepted: int, *, dead: int = 0) -> None:
        """N accepted, N final states, one current score a message, no chunk in limbo, exact counters, empty broker."""
        self.wait_until(lambda: self._open(tenant) == 0, "every message has its final state")
        self._measure(accepted)
        with self.sql() as sql:
            limit_statements(sql, 300)  # these look at every row, beside whatever else the machine does
            states = dict(
                sql.execute(
                    "SELECT state, count(*) FROM message_state s JOIN tenants t ON t.id = s.tenant_id "
                    "WHERE t.name = %s GROUP BY state", (tenant,)
                ).fetchall()
            )  # fmt: skip
            expected = {"scored": accepted - dead, **({"dead": dead} if dead else {})}
            assert states == expected
            self.wait_until(lambda: not self._limbo(), "no chunk is in limbo")
            wrong = sql.execute(
                """SELECT count(*) FROM message_state s
                   LEFT JOIN (SELECT message_id, count(*) AS n, max(revision) AS newest FROM scores GROUP BY 1) c
                     ON c.message_id = s.message_id
                   LEFT JOIN (SELECT message_id, count(*) AS n FROM vectors GROUP BY 1) v
                     ON v.message_id = s.message_id
                   WHERE s.state = 'scored' AND (c.n IS DISTINCT FROM s.last_revision OR c.newest <> s.last_revision
                                                 OR v.n IS DISTINCT FROM s.last_revision)"""
            ).fetchone()
            assert wrong == (0,), "messages without exactly one score and vector a revision"
            outdated = sql.execute(
                """SELECT count(*) FROM message_state s
                   JOIN LATERAL (SELECT c.basis_pointer, c.basis_time FROM scores c WHERE c.message_id = s.message_id
                                 ORDER BY c.basis_pointer DESC, c.basis_time DESC LIMIT 1) best ON true
                   LEFT JOIN scores c ON c.message_id = s.message_id AND c.revision = s.revision
                   WHERE s.state = 'scored' AND (c.basis_pointer, c.basis_time)
                         IS DISTINCT FROM (best.basis_pointer, best.basis_time)"""
            ).fetchone()
            assert outdated == (0,), "messages whose current score is not the one with the newest basis"
            jobs = sql.execute(
                """SELECT count(*) FROM jobs j
                   WHERE state NOT IN ('done', 'cancelled') OR messages <> scored + dead + cancelled
                     OR kind = 'intake' AND scored <> (
                         SELECT count(*) FROM messages m JOIN message_state s ON s.message_id = m.id
                         WHERE m.job_id = j.id AND s.state IN ('scored', 'observed'))"""
            ).fetchone()
            assert jobs == (0,), "jobs whose counters are not exact"
            counted = {}
            for name, _, value in lanes.counters(sql):
                counted[name] = counted.get(name, 0) + value
            truth = dict(sql.execute("SELECT state, count(*) FROM message_state GROUP BY state").fetchall())
            assert counted["accepted"] == sum(truth.values())
            scored = (
                "SELECT (SELECT count(*) FROM scores WHERE cause <> 'rescan') + (SELECT count(*) FROM rescan_results)"
            )
            assert counted["scored"] == sql.execute(scored).fetchone()[0]
            assert counted.get("dead", 0) == sql.execute("SELECT count(*) FROM dead_letters").fetchone()[0]
        self.wait_until(self._broker_is_empty, "no task is left in a lane or unacknowledged")

    def _open(self, tenant: str) -> int:
        return self.one(
            "SELECT count(*) FROM message_state s JOIN tenants t ON t.id = s.tenant_id "
            "WHERE t.name = %s AND s.state = 'accepted'",
            tenant,
        )

    def _limbo(self) -> int:
        return self.one("SELECT count(*) FROM chunks WHERE state NOT IN ('done', 'cancelled')")

    def _broker_is_empty(self) -> bool:
        with self.broker() as broker:
            held = broker.hvals("unacked")
            return not held and not any(broker.llen(lane) for lane in ("interactive", "realtime", "rescan", "backfill"))

    def _measure(self, messages: int) -> None:
        if self._lifted is None:
            return
        fault, at = self._lifted
        self._lifted = None
        first, last = self._ends(at)
        self.recoveries.append(Recovery(fault, messages, first, max(0.0, last)))

    def _ends(self, at: float) -> tuple[float | None, float]:
        with self.sql() as sql:
            first, last = sql.execute(
                """SELECT extract(epoch FROM min(finished_at) FILTER (WHERE finished_at > lifted))::float8,
                          coalesce(extract(epoch FROM max(finished_at) FILTER (WHERE created_at < lifted))::float8, 0)
                   FROM chunks, to_timestamp(%s) AS lifted WHERE state = 'done'""",
                (at,),
            ).fetchone()
        return (None if first is None else first - at), last - at

    def report(self) -> str:
        return json.dumps([vars(recovery) for recovery in self.recoveries])


class Load(threading.Thread):
    """A client that sends until everything is accepted, repeating a batch under its key where the door failed."""

    def __init__(self, rig: Rig, tenant: str, messages: int, *, lasting: bool) -> None:
        super().__init__(daemon=True)
        self._rig, self._tenant, self.messages = rig, tenant, messages
        self._ending = threading.Event()
        if not lasting:
            self._ending.set()
        self.accepted = 0
        self.repeats = 0

    def run(self) -> None:
        half = self.messages // 2
        bulk, urgent = self._rig.mail(half), self._rig.mail(self.messages - half)
        step = max(5, len(urgent) // 60)
        batches = [(bulk[n : n + 200], "backfill") for n in range(0, half, 200)]
        small = [(urgent[n : n + step], "realtime") for n in range(0, len(urgent), step)]
        every = max(1, len(small) // max(1, len(batches)))
        with Enqueuer(self._rig.stack.worker_url, self._rig.broker_url) as door:
            for number, batch in enumerate(small):
                if number % every == 0 and batches:
                    self._send(door, *batches.pop(0))
                self._send(door, *batch)
                time.sleep(0.02)
            for batch in batches:
                self._send(door, *batch)
            while not self._ending.wait(0.25):
                self.messages += 50
                self._send(door, self._rig.mail(40), "backfill")
                self._send(door, self._rig.mail(10), "realtime")

    def finish(self) -> int:
        self._ending.set()
        self.join(self._rig.scale.patience_s)
        assert self.accepted == self.messages, f"{self.accepted} of {self.messages} accepted"
        return self.accepted

    def _send(self, door: Enqueuer, mail: list[Incoming], lane: str) -> None:
        key = f"load-{random.getrandbits(64):x}"
        while True:
            try:
                receipts = door.accept(
                    mail, tenant=self._tenant, mailbox="all@acme.test", lane=lane, idempotency_key=key
                )
            except (Unavailable, Busy):
                self.repeats += 1
                time.sleep(0.1)
            else:
                self.accepted += sum(receipt.status == "accepted" for receipt in receipts)
                return
