"""The doors beside HTTP under load, killed and without a database in between: what is lost, doubled, held in memory.

Clients do what a mail server does: whatever is not answered 250 is sent again. Backfill, and nothing scores it.
"""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from db import migrate, tenants
from db.session import connect
from worker.stack import EmbeddedStack

MESSAGES, CLIENTS = int(os.environ.get("MESSAGES", "6000")), 4
BLOWS = ("kill", "crash", "kill", "crash", "crash", "crash")
"""One falls in each round: on both doors, or on the database. The last rounds show whether a process keeps growing."""
ROUNDS = len(BLOWS)


class Door:
    """One of the programs, started again on the same place when it was killed."""

    def __init__(self, env: dict[str, str], *arguments: str) -> None:
        self._env, self._arguments = env, arguments
        self.sizes_mb: list[float] = []
        self.start()

    def start(self) -> None:
        """Run it."""
        command = [sys.executable, "-m", "scorelane.cli", *self._arguments]
        self.process = subprocess.Popen(command, env=self._env, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """Take it away without a word, and start another."""
        self.process.kill()
        self.process.wait()
        self.start()

    def weigh(self) -> None:
        """Note how much memory it holds."""
        self.sizes_mb.append(psutil.Process(self.process.pid).memory_info().rss / 1024 / 1024)

    def stop(self) -> None:
        """End it in order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def mail(number: int) -> bytes:
    """One message of about 8 KB."""
    return b"From: a@b.example\r\nSubject: %d\r\n\r\n" % number + b"hello, this is a line of text.\r\n" * 250


def send(port: int, numbers: list[int], tries: list[int]) -> None:
    """Deliver each until it is taken."""
    client: smtplib.LMTP | None = None
    for number in numbers:
        taken = False
        while not taken:
            tries.append(number)
            try:
                client = client or smtplib.LMTP("127.0.0.1", port, local_hostname="mx.b.example", timeout=30)
                client.sendmail("a@b.example", ["lmtp@acme.test"], mail(number))
                taken = True
            except (smtplib.SMTPException, OSError):
                if client is not None:
                    client.close()
                client = None
                time.sleep(0.2)


def deliver(folder: Path, numbers: list[int]) -> None:
    """As a delivery agent does: written in tmp, then renamed."""
    for number in numbers:
        name = f"{1_760_000_000 + number}.M{number}P1.mx"
        (folder / "tmp" / name).write_bytes(mail(number))
        (folder / "tmp" / name).rename(folder / "new" / name)


def main() -> None:
    """One table."""
    with tempfile.TemporaryDirectory() as home, EmbeddedStack(Path(home) / "home") as stack:
        migrate.upgrade(stack.owner_url)
        with connect(stack.worker_url, application="bench") as sql:
            tenants.ensure(sql, "acme")
        folder = Path(home) / "Maildir"
        for part in ("new", "cur", "tmp"):
            (folder / part).mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = held.getsockname()[1]
        env = {
            **os.environ, "SCORELANE_HOME": str(Path(home) / "home"), "SCORELANE_DATABASE_URL": stack.worker_url,
            "SCORELANE_BROKER_URL": stack.broker_url, "SCORELANE_LOG_LEVEL": "ERROR",
        }  # fmt: skip
        lane = ("--lane", "backfill")
        lmtp = Door(env, "lmtp", "--listen", f"127.0.0.1:{port}", "--tenant", "acme", *lane)
        watch = Door(env, "watch", str(folder), "--tenant", "acme", "--mailbox", "maildir@acme.test", *lane)
        tries: list[int] = []
        before = time.monotonic()
        for turn in range(ROUNDS):
            share = range(turn * MESSAGES // ROUNDS, (turn + 1) * MESSAGES // ROUNDS)
            clients = [
                threading.Thread(target=send, args=(port, list(share)[n::CLIENTS], tries)) for n in range(CLIENTS)
            ]
            clients.append(threading.Thread(target=deliver, args=(folder, list(share))))
            for client in clients:
                client.start()
            time.sleep(1.5)
            if BLOWS[turn] == "crash":
                stack.postgres.crash()
                time.sleep(1)
                stack.postgres.start()
            else:
                lmtp.kill()
                watch.kill()
            for client in clients:
                client.join()
            wait_for_all(stack, "maildir@acme.test", len(share) * (turn + 1))
            for door in (lmtp, watch):
                door.weigh()
        elapsed = time.monotonic() - before
        lmtp.stop()
        watch.stop()
        report(stack, elapsed, len(tries), lmtp, watch)


def count(stack: EmbeddedStack, mailbox: str) -> tuple[int, int]:
    """(messages, different ones) of a mailbox."""
    query = (
        "SELECT count(*), count(DISTINCT m.sha256) FROM messages m JOIN mailboxes b ON b.id = m.mailbox_id "
        "WHERE b.address = %s"
    )
    with connect(stack.worker_url, application="bench") as sql:
        row = sql.execute(query, (mailbox,)).fetchone()
    assert row is not None
    return int(str(row[0])), int(str(row[1]))


def wait_for_all(stack: EmbeddedStack, mailbox: str, wanted: int) -> None:
    """Until a mailbox has so many messages."""
    until = time.monotonic() + 120
    while count(stack, mailbox)[0] < wanted:
        assert time.monotonic() < until, f"{wanted - count(stack, mailbox)[0]} messages of {mailbox} never came"
        time.sleep(0.1)


def report(stack: EmbeddedStack, elapsed: float, tries: int, lmtp: Door, watch: Door) -> None:
    """What came, how often, and what each door held after each round."""
    table = Table("door", "sent", "stored", "lost", "doubled", "MB after each round", box=None)
    for name, mailbox, door in (("LMTP", "lmtp@acme.test", lmtp), ("Maildir", "maildir@acme.test", watch)):
        stored, different = count(stack, mailbox)
        sizes = ", ".join(f"{size:.0f}" for size in door.sizes_mb)
        table.add_row(name, *map(str, (MESSAGES, stored, MESSAGES - different, stored - different)), sizes)
    Console(width=140).print(table)
    print(
        f"{2 * MESSAGES / elapsed:,.0f} messages/s with {BLOWS.count('kill')} kills of each door and "
        f"{BLOWS.count('crash')} crashes of the database; {tries - MESSAGES} deliveries were sent again"
    )


if __name__ == "__main__":
    main()
