import os
import signal
import subprocess
import sys
import time

import msgspec
import psutil
import pytest

from scorelane.extract import Extractor, Limits, decode, encode, extractor_version
from scorelane.extract.errors import Unavailable


def gone(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_a_hanging_job_is_killed_in_time_and_the_next_one_is_served(strict_extractor, samples):
    started = time.monotonic()
    found = strict_extractor.extract(b"x", fault="hang", filename="a.pdf")
    assert (found.status, found.true_type, found.name) == ("timeout", "application/octet-stream", "a.pdf")
    assert time.monotonic() - started < 4.0
    assert strict_extractor.extract(samples.pdf()).status == "ok"
    assert strict_extractor.restarts == 0


def test_a_spinning_job_meets_the_cpu_limit():
    with Extractor(Limits(wall_s=60.0, cpu_s=1)) as extractor:
        found = extractor.extract(b"x", fault="spin")
    assert (found.status, found.detail) == ("timeout", "cpu_s")


def test_a_crash_is_a_status_and_the_next_job_is_served(strict_extractor, samples):
    found = strict_extractor.extract(samples.pdf(), fault="crash")
    assert (found.status, found.detail, found.true_type) == ("crashed", "signal 11", "application/pdf")
    assert strict_extractor.extract(samples.pdf()).status == "ok"


def test_a_memory_hog_is_stopped_at_the_limit(strict_extractor):
    found = strict_extractor.extract(b"x", fault="memory")
    assert (found.status, found.detail) == ("limit", "memory_bytes")


@pytest.mark.parametrize("fault", ["file", "socket"])
def test_a_job_can_open_neither_files_nor_sockets(fault, strict_extractor):
    found = strict_extractor.extract(b"x", fault=fault)
    assert (found.status, found.detail) == ("crashed", "OSError EMFILE")


def test_an_idle_server_that_was_killed_is_replaced_unnoticed(samples):
    with Extractor() as extractor:
        extractor.extract(samples.pdf())
        first = extractor.pid
        os.kill(first, signal.SIGKILL)
        assert extractor.extract(samples.pdf()).status == "ok"
        assert extractor.pid != first


def test_a_frozen_server_is_given_up(samples):
    with Extractor(Limits(wall_s=0.2)) as extractor:
        extractor.extract(samples.pdf())
        first = extractor.pid
        os.kill(first, signal.SIGSTOP)
        assert extractor.extract(samples.pdf()).status == "timeout"
        assert gone(first)
        assert extractor.extract(samples.pdf()).status == "ok"


def test_closing_leaves_no_process(samples):
    with Extractor() as extractor:
        extractor.extract(samples.pdf())
        pid = extractor.pid
    assert gone(pid)


@pytest.mark.parametrize("fault", ["", "hang"])
def test_the_server_and_its_job_die_with_their_parent(fault):
    script = (
        "import threading, time\n"
        "from scorelane.extract import Extractor\n"
        "x = Extractor()\n"
        "x.extract(b'%PDF-')\n"
        f"if fault := {fault!r}:\n"
        "    threading.Thread(target=x.extract, args=(b'%PDF-',), kwargs=dict(fault=fault), daemon=True).start()\n"
        "print(x.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        server = psutil.Process(int(parent.stdout.readline()))
        if fault:
            deadline = time.monotonic() + 5
            while not server.children() and time.monotonic() < deadline:
                time.sleep(0.02)
        family = [server.pid, *(child.pid for child in server.children())]
        assert len(family) == (2 if fault else 1)
        parent.kill()
    assert all(gone(pid) for pid in family)


def test_a_server_that_cannot_start_is_not_blamed_on_the_content(samples, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Extractor() as extractor, pytest.raises(Unavailable):
        extractor.extract(samples.pdf())


def test_a_forked_child_makes_its_own_server(samples):
    with Extractor() as extractor:
        extractor.extract(samples.pdf())
        first = extractor.pid
        child = os.fork()
        if child == 0:
            served = extractor.extract(samples.pdf()).status == "ok" and extractor.pid != first
            extractor.close()
            os._exit(0 if served else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert extractor.extract(samples.pdf()).status == "ok"
        assert extractor.pid == first


def test_content_over_the_limit_is_not_sent():
    with Extractor(Limits(content_bytes=10)) as extractor:
        found = extractor.extract(b"%PDF-1.7 and more")
        assert (found.status, found.detail) == ("limit", "content_bytes")
        assert extractor.pid is None


def test_equal_bytes_give_equal_stored_results(samples, extractor):
    first = extractor.extract(samples.docm(), filename="a.docm")
    second = extractor.extract(samples.docm(), filename="a.docm")
    assert encode(first) == encode(second)
    assert decode(encode(first)) == first


def test_the_version_names_code_libraries_and_limits():
    assert extractor_version() == extractor_version()
    assert extractor_version() != extractor_version(Limits(depth=2))


def test_a_stored_result_that_is_none_is_refused():
    with pytest.raises(msgspec.MsgspecError):
        decode(b"\xc0")
