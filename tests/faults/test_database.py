"""PostgreSQL stopped, frozen, slow, without free connections, and with a full disk."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from scorelane.enqueuer import Enqueuer, Unavailable


def test_a_database_that_stops_at_once_and_recovers(rig, tenant):
    load = rig.load(tenant, rig.scale.messages)
    time.sleep(0.6)
    rig.stack.postgres.crash()
    time.sleep(min(3.0, rig.scale.outage_s))
    rig.stack.postgres.start()
    rig.lifted("database stopped immediately, restarted after 3 s")
    rig.audit(tenant, load.finish())


def test_a_frozen_database_is_waited_out(rig, tenant):
    load = rig.load(tenant, rig.scale.messages)
    time.sleep(0.4)
    postmaster = psutil.Process(rig.stack.postgres.pid)
    servers = [postmaster, *postmaster.children()]
    for server in servers:
        rig.kill(server.pid, signal.SIGSTOP)
    time.sleep(min(30.0, rig.scale.freeze_s))
    for server in servers:
        rig.kill(server.pid, signal.SIGCONT)
    rig.lifted(f"database frozen for {min(30.0, rig.scale.freeze_s):.0f} s")
    rig.audit(tenant, load.finish())


def test_statements_that_run_out_of_time_bury_nothing(rig, tenant):
    """A lock on the scores makes every save wait past its lock and statement time."""
    load = rig.load(tenant, rig.scale.messages)
    with psycopg.connect(rig.stack.postgres.url("owner"), autocommit=True) as owner, owner.transaction():
        owner.execute("LOCK TABLE scores IN ACCESS EXCLUSIVE MODE")
        time.sleep(min(15.0, 2 * rig.scale.outage_s))
        with psycopg.connect(rig.stack.admin_url, autocommit=True) as admin:
            # What statement_timeout does, without waiting its 30 s out.
            canceled = admin.execute(
                "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity "
                "WHERE wait_event_type = 'Lock' AND application_name LIKE '%@%'"
            ).fetchone()[0]
    assert canceled
    rig.lifted("statements canceled while they waited for a lock")
    rig.audit(tenant, load.finish())


def test_no_free_connection_is_waited_out(rig, tenant):
    hoard = []
    load = rig.load(tenant, rig.scale.messages)
    with contextlib.suppress(psycopg.OperationalError):
        while len(hoard) < 200:
            hoard.append(psycopg.connect(rig.stack.worker_url))
    with psycopg.connect(rig.stack.admin_url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%@%' "
            "OR application_name LIKE 'scorelane-%'"
        )
    time.sleep(rig.scale.outage_s)
    for one in hoard:
        one.close()
    assert len(hoard) > 50
    rig.lifted(f"no free database connection for {rig.scale.outage_s:.0f} s")
    rig.audit(tenant, load.finish())


def test_a_client_killed_in_mid_batch_repeats_and_every_message_is_there_once(rig, tenant):
    """The command is killed while it enqueues, then run again whole."""
    folder = Path(rig.stack.home) / tenant
    folder.mkdir()
    count = max(600, rig.scale.messages // 2)
    for number, one in enumerate(rig.mail(count)):
        (folder / f"{number}.eml").write_bytes(one.raw)
    command = [".venv/bin/scorelane", "enqueue", str(folder), "--tenant", tenant, "--mailbox", "all@acme.test"]
    env = {**os.environ, **rig.env}
    first = subprocess.Popen(command, env=env, stderr=subprocess.PIPE)
    of_tenant = "SELECT count(*) FROM message_state s JOIN tenants t ON t.id = s.tenant_id WHERE t.name = %s"
    rig.wait_until(lambda: rig.one(of_tenant, tenant), "something is accepted")
    first.kill()
    first.communicate()
    second = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=120)
    accepted, duplicates, rejected = map(int, re.findall(r"(\d+) (?:accepted|duplicates|rejected)", second.stderr))
    assert duplicates > 0, "the first run was killed before it stored anything"
    assert (accepted + duplicates, rejected) == (count, 0)
    rig.lifted("a client killed in mid-batch, run again")
    rig.audit(tenant, count)


@pytest.fixture
def small_disk(tmp_path):
    """A tablespace on a tmpfs of 24 MB where this machine can mount one, else None."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0777", "none", folder], capture_output=True, check=False
    )
    try:
        yield folder if mounted.returncode == 0 else None
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_said_clearly_and_loses_nothing(rig, tenant, small_disk, record_property):
    accepted = rig.accept(tenant, rig.mail(50))
    door = Enqueuer(rig.stack.worker_url, rig.broker_url)
    with psycopg.connect(rig.stack.admin_url.replace("/postgres?", "/scorelane?"), autocommit=True) as admin:
        full = _fill_tablespace(admin, small_disk) if small_disk else _inject(admin)
        record_property("disk_full", full)
        try:
            with door:
                said, more = _accept_until_refused(door, rig, tenant)
            assert "disk is full; nothing of this batch was stored" in said
            accepted += more
        finally:
            _mend(admin)
    rig.lifted(f"disk full ({full})")
    accepted += rig.accept(tenant, rig.mail(20))
    rig.audit(tenant, accepted)


def _accept_until_refused(door, rig, tenant):
    accepted = 0
    for _ in range(100):
        try:
            receipts = door.accept(_large(rig, 20), tenant=tenant, mailbox="all@acme.test", lane="backfill")
        except Unavailable as refusal:
            return str(refusal), accepted
        accepted += sum(receipt.status == "accepted" for receipt in receipts)
    pytest.fail("the disk never filled")


def _large(rig, count):
    return [type(one)(one.raw + os.urandom(100_000).hex().encode()) for one in rig.mail(count)]


def _fill_tablespace(admin, folder):
    space = folder / "space"
    space.mkdir()
    space.chmod(0o700)
    for path in (folder.parent, *folder.parent.parents):
        with contextlib.suppress(PermissionError):
            if path != Path("/"):
                path.chmod(path.stat().st_mode | 0o011)
    uid = psutil.Process(admin.info.backend_pid).uids().real
    os.chown(space, uid, -1)
    admin.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
    month = admin.execute("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')").fetchone()[0]
    admin.execute(f"ALTER TABLE raw_mail_p{month} SET TABLESPACE small")
    return "a tmpfs of 24 MB"


def _inject(admin):
    admin.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
    )
    admin.execute("CREATE TRIGGER full_disk BEFORE INSERT ON messages EXECUTE FUNCTION full_disk()")
    return "SQLSTATE 53100 injected"


def _mend(admin):
    admin.execute("DROP FUNCTION IF EXISTS full_disk CASCADE")
    if admin.execute("SELECT 1 FROM pg_tablespace WHERE spcname = 'small'").fetchone():
        month = admin.execute("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')").fetchone()[0]
        admin.execute(f"ALTER TABLE raw_mail_p{month} SET TABLESPACE pg_default")
        admin.execute("DROP TABLESPACE small")
