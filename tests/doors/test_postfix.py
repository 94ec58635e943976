"""A real Postfix queue delivers over LMTP: kept while the lane is shed, delivered later, none lost and none doubled."""

from __future__ import annotations

import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest

from db import lanes
from tests.waiting import until

MASTER = Path("/usr/lib/postfix/sbin/master")
MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.acme.test
mydestination =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
disable_dns_lookups = yes
local_recipient_maps =
lmtp_host_lookup = native
lmtp_connection_cache_on_demand = no
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = acme.test
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
lmtp_send_xforward_command = yes
smtpd_authorized_xforward_hosts = 127.0.0.0/8
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
maillog_file = {home}/mail.log
maillog_file_prefixes = {home}
"""
SERVICES = """
127.0.0.1:{smtp} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - 10 lmtp
anvil unix - - n - 1 anvil
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


class Postfix:
    """One Postfix of its own, with its queue in a folder that goes with it."""

    def __init__(self, home, lmtp_port) -> None:
        self.home, self.port = home, free_port()
        (home / "conf").mkdir()
        for name in ("queue", "data"):
            (home / name).mkdir()
        shutil.chown(home / "data", "postfix")
        (home / "conf" / "main.cf").write_text(MAIN.format(home=home, lmtp=lmtp_port))
        (home / "conf" / "master.cf").write_text(SERVICES.format(smtp=self.port))
        subprocess.run(["postfix", "-c", home / "conf", "check"], check=True, capture_output=True, timeout=60)
        self._master = subprocess.Popen([MASTER, "-c", home / "conf", "-s"], cwd=home / "queue")

    def listens(self):
        with socket.socket() as asked:
            return asked.connect_ex(("127.0.0.1", self.port)) == 0

    def send(self, recipients, raw):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
            client.ehlo()
            client.docmd("XFORWARD", "NAME=outside.example ADDR=192.0.2.7 HELO=outside.example")
            client.sendmail("ann@b.example", recipients, raw)

    def log(self):
        path = self.home / "mail.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def queued(self):
        return [path for name in ("incoming", "active", "deferred") for path in (self.home / "queue" / name).rglob("*")
                if path.is_file()]  # fmt: skip

    def stop(self):
        self._master.terminate()
        self._master.wait(20)


@pytest.fixture
def lmtp(settings, sql):  # noqa: ARG001 - the tenant is there
    command = [sys.executable, "-m", "scorelane.cli", "lmtp", "--listen", "127.0.0.1:0", "--tenant", "acme"]
    with subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.PIPE, text=True) as running:
        found = None
        while found is None:
            found = re.search(r"LMTP listens at \S+:(\d+)", running.stderr.readline())
        yield int(found[1])
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=30)


@pytest.fixture
def postfix(lmtp):
    home = Path(tempfile.mkdtemp(prefix="postfix-"))
    home.chmod(0o755)  # Postfix gives up its rights, and must still reach its queue
    one = Postfix(home, lmtp)
    until(one.listens, "Postfix listens")
    yield one
    one.stop()
    shutil.rmtree(home)


@pytest.mark.skipif(
    not MASTER.exists() or os.geteuid() != 0, reason="LEFT OUT: needs Debian's Postfix, and root to run it"
)
def test_a_queue_keeps_what_is_shed_and_delivers_it_later(postfix, sql):
    postfix.send(["a@acme.test", "b@acme.test"], b"Subject: first\r\n\r\nhello\r\n")
    count = "SELECT count(*) FROM messages"
    until(lambda: sql.execute(count).fetchone() == (2,), "the first message is in both mailboxes")
    (envelope,) = sql.execute("SELECT envelope FROM messages LIMIT 1").fetchone()
    said = msgspec.msgpack.decode(envelope)
    assert (said["mail_from"], said["client_ip"], said["helo"]) == ("ann@b.example", "192.0.2.7", "outside.example")
    assert lanes.drain(sql, "realtime", draining=True)
    for number in range(5):
        postfix.send(["a@acme.test"], b"Subject: shed %d\r\n\r\nhello\r\n" % number)
    until(lambda: postfix.log().count("status=deferred") >= 5, "every message was tried and kept")
    assert re.search(r"status=deferred \(host 127\.0\.0\.1\[127\.0\.0\.1\] said: 452 4\.3\.1 ", postfix.log())
    until(lambda: len(postfix.queued()) == 5, "all of them are in the queue")
    assert sql.execute(count).fetchone() == (2,)
    lanes.drain(sql, "realtime", draining=False)
    until(lambda: not postfix.queued(), "the queue is empty")
    assert sql.execute(count).fetchone() == (7,)
    assert postfix.log().count("status=sent (250 2.0.0 accepted") == 7
    assert "status=bounced" not in postfix.log()
