"""The Maildir watcher: every message once, over restarts, whatever happens to the files meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from scorelane.doors import MaildirWatcher, Misplaced
from scorelane.doors.maildir import Place


@pytest.fixture
def folder(tmp_path):
    for part in ("new", "cur", "tmp"):
        (tmp_path / "Maildir" / part).mkdir(parents=True)
    return tmp_path / "Maildir"


@pytest.fixture
def watcher(folder, tmp_path, enqueuer, tally):
    made = []

    def start():
        one = MaildirWatcher(folder, Place("acme", "a@acme.test"), enqueuer, tmp_path / "memory.sqlite", tally)
        made.append(one)
        return one

    yield start
    for one in made:
        one._seen.close()


def deliver(folder, number, part="new", flags=""):
    """As a delivery agent does: written in tmp, then renamed."""
    name = f"{1_760_000_000 + number}.M{number}P1.mx"
    (folder / "tmp" / name).write_bytes(b"Subject: %d\n\nhello\n" % number)
    (folder / "tmp" / name).rename(folder / part / f"{name}{flags}")
    return name


def stored(sql):
    return [row[0] for row in sql.execute("SELECT source FROM messages ORDER BY received_at").fetchall()]


def test_what_is_there_is_taken_once_with_its_time_of_delivery(watcher, folder, sql):
    names = [deliver(folder, 1), deliver(folder, 2, "cur", ":2,S")]
    (folder / "tmp" / "half").write_bytes(b"Subject: not delivered yet\n")
    one = watcher()
    assert one.look() == 2
    assert one.look() == 0
    assert stored(sql) == names
    assert sql.execute("SELECT extract(epoch FROM min(received_at))::bigint FROM messages").fetchone() == (
        1_760_000_001,
    )


def test_a_flag_that_changes_makes_no_new_message(watcher, folder, sql):
    name = deliver(folder, 1)
    one = watcher()
    one.look()
    (folder / "new" / name).rename(folder / "cur" / f"{name}:2,S")
    assert one.look() == 0
    (folder / "cur" / f"{name}:2,S").rename(folder / "cur" / f"{name}:2,RS")
    assert one.look() == 0
    assert len(stored(sql)) == 1


def test_a_restart_reads_nothing_twice_and_a_lost_memory_makes_no_double(watcher, folder, tmp_path, sql):
    for number in range(5):
        deliver(folder, number)
    watcher().look()
    assert watcher().look() == 0
    (tmp_path / "memory.sqlite").rename(tmp_path / "lost.sqlite")
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"memory.sqlite{suffix}").unlink(missing_ok=True)
    assert watcher().look() == 5
    assert len(stored(sql)) == 5


def test_pipes_links_and_folders_are_refused_once_and_never_read(watcher, folder, tmp_path, sql):
    outside = tmp_path / "secret"
    outside.write_bytes(b"Subject: not of this mailbox\n\nsecret\n")
    os.mkfifo(folder / "new" / "1760000000.pipe.mx")
    (folder / "new" / "1760000000.link.mx").symlink_to(outside)
    (folder / "cur" / "1760000000.dangling.mx:2,S").symlink_to(tmp_path / "nothing")
    (folder / "cur" / "1760000000.folder.mx").mkdir()
    name = deliver(folder, 1)
    one = watcher()
    looking = threading.Thread(target=one.look, daemon=True)
    looking.start()
    looking.join(20)
    assert not looking.is_alive()
    assert stored(sql) == [name]
    assert len(one._seen.names()) == 5
    assert one.look() == 0


def test_what_is_no_mail_is_refused_once_and_stops_nothing(watcher, folder, sql):
    deliver(folder, 1)
    (folder / "new" / "program").write_bytes(b"\x7fELF\x00")
    (folder / "new" / "empty").touch()
    deliver(folder, 2)
    one = watcher()
    assert one.look() == 4
    assert one.look() == 0
    assert len(stored(sql)) == 2


def test_a_full_lane_is_waited_for(watcher, folder, sql):
    sql.execute("UPDATE lanes SET backlog_limit = 1")
    one = watcher()
    deliver(folder, 1)
    one.look()
    deliver(folder, 2)
    looking = threading.Thread(target=one.look)
    looking.start()
    time.sleep(0.3)
    assert len(stored(sql)) == 1
    sql.execute("UPDATE lanes SET backlog_limit = 1000")
    looking.join(60)
    assert len(stored(sql)) == 2


def test_names_of_files_that_are_gone_are_forgotten(watcher, folder):
    name, kept = deliver(folder, 1), deliver(folder, 2)
    one = watcher()
    one.look()
    (folder / "new" / name).unlink()
    one._seen.prune({name for name, _ in one._files()})
    assert one._seen.names() == {kept}


def test_a_folder_that_is_no_maildir_says_so(tmp_path, enqueuer, tally):
    with pytest.raises(Misplaced, match="not a Maildir"):
        MaildirWatcher(tmp_path, Place("acme", "a@acme.test"), enqueuer, tmp_path / "m.sqlite", tally)


def test_the_program_takes_mail_as_it_arrives_and_survives_being_killed(folder, settings, sql):
    command = [
        sys.executable, "-m", "scorelane.cli", "watch", str(folder), "--tenant", "acme", "--mailbox", "a@acme.test",
    ]  # fmt: skip
    delivered = 0
    for ending in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.PIPE, text=True) as running:
            assert "watching" in running.stderr.readline()
            for _ in range(10):
                deliver(folder, delivered)
                delivered += 1
            until = time.monotonic() + 40
            while len(stored(sql)) < delivered and time.monotonic() < until:
                time.sleep(0.05)
            running.send_signal(ending)
            running.communicate(timeout=30)
        assert running.returncode == (0 if ending == signal.SIGTERM else -signal.SIGKILL)
        assert len(stored(sql)) == delivered
    counted = dict(sql.execute("SELECT name, sum(value)::bigint FROM counters GROUP BY name").fetchall())
    assert counted["accepted"] == delivered
    # What a killed door had counted and not yet written goes with it; what the other took is all there.
    assert 10 <= counted["maildir_accepted"] <= delivered
