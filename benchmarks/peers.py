"""Messages/s of bogofilter and rspamd on one core each, on the messages that Scorelane is measured with."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from worker.valkey import Valkey, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LEARN = 400
"""Messages that a peer learns as wanted, and as many as unwanted, so that its classifier really works."""
CONNECTIONS = 4
START_S = 30.0

RSPAMD = {
    "options.inc": """
        pidfile = "{folder}/rspamd.pid"; tempdir = "{folder}"; control_socket = "{folder}/rspamd.sock mode=0600";
        hs_cache_dir = "{folder}/"; url_tld = "${{SHAREDIR}}/effective_tld_names.dat";
        dns {{ nameserver = ["127.0.0.1:1"]; timeout = 0.01s; retransmits = 1; }}
        neighbours {{}} max_message = 100Mb; local_addrs = "127.0.0.0/8";
    """,
    "worker-normal.inc": 'bind_socket = "127.0.0.1:{port}"; count = 1;',
    "worker-controller.inc": 'bind_socket = "127.0.0.1:{controller}"; password = ""; secure_ip = "127.0.0.1";',
    "worker-proxy.inc": "enabled = false;",
    "worker-fuzzy.inc": "enabled = false;",
    "redis.conf": 'servers = "127.0.0.1:{redis}"; password = "{password}";',
    "classifier-bayes.conf": 'backend = "redis"; autolearn = false; min_learns = 10;',
    "logging.inc": 'type = "file"; filename = "{folder}/rspamd.log"; level = "error";',
    "fuzzy_check.conf": "enabled = false;",
    "rbl.conf": "enabled = false;",
    "surbl.conf": "enabled = false;",
    "spf.conf": "enabled = false;",
    "dkim.conf": "enabled = false;",
    "dmarc.conf": "enabled = false;",
    "arc.conf": "enabled = false;",
    "asn.conf": "enabled = false;",
    "phishing.conf": "openphish_enabled = false; phishtank_enabled = false;",
    "elastic.conf": "enabled = false;",
    "neural.conf": "enabled = false;",
}


def bogofilter(wanted: Sequence[bytes], unwanted: Sequence[bytes], judged: Sequence[bytes]) -> float | None:
    """Messages/s of `bogofilter` in bulk mode after it learned; None where it is not installed."""
    if shutil.which("bogofilter") is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for flag, messages in (("-n", wanted[:LEARN]), ("-s", unwanted[:LEARN])):
            listing = _written(folder / f"learn{flag}", messages)
            subprocess.run(["bogofilter", "-d", name, flag, "-b"], input=listing, check=True)
        listing = _written(folder / "judge", judged)
        started = time.perf_counter()
        subprocess.run(["bogofilter", "-d", name, "-v", "-b"], input=listing, stdout=subprocess.DEVNULL, check=False)
        return len(judged) / (time.perf_counter() - started)


def _written(folder: Path, messages: Sequence[bytes]) -> bytes:
    folder.mkdir()
    paths = [folder / f"{number:06}" for number in range(len(messages))]
    for path, raw in zip(paths, messages, strict=True):
        path.write_bytes(raw)
    return "".join(f"{path}\n" for path in paths).encode()


def rspamd(wanted: Sequence[bytes], unwanted: Sequence[bytes], judged: Sequence[bytes]) -> float | None:
    """Messages/s of one rspamd worker over HTTP, without network and with Bayes trained; None where not installed."""
    if shutil.which("rspamd") is None:
        return None
    with tempfile.TemporaryDirectory(dir="/tmp") as name, _running_rspamd(Path(name)) as (port, controller):
        for path, messages in (("/learnham", wanted[:LEARN]), ("/learnspam", unwanted[:LEARN])):
            for raw in messages:
                _post(controller, path, [raw])
        shares = [judged[start::CONNECTIONS] for start in range(CONNECTIONS)]
        _post(port, "/checkv2", judged[:20])
        started = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda share: _post(port, "/checkv2", share), shares))
        return len(judged) / (time.perf_counter() - started)


@contextlib.contextmanager
def _running_rspamd(folder: Path) -> Iterator[tuple[int, int]]:
    (folder / "log").mkdir()
    valkey = Valkey(folder, "peer")
    valkey.start()
    port, controller = free_port(), free_port()
    local = folder / "local.d"
    local.mkdir()
    for file, text in RSPAMD.items():
        (local / file).write_text(
            text.format(folder=folder, port=port, controller=controller, redis=valkey.port, password="peer")
        )
    folder.chmod(0o755)
    command = ["rspamd", "-f", "-i", "-c", "/etc/rspamd/rspamd.conf", "--var", f"LOCAL_CONFDIR={folder}"]
    for variable in ("DBDIR", "RUNDIR", "LOGDIR"):
        command += ["--var", f"{variable}={folder}"]
    log = (folder / "start.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        _wait(process, (port, controller), folder / "start.log")
        yield port, controller
    finally:
        process.terminate()
        process.wait(20)
        valkey.stop()
        log.close()


def _wait(process: subprocess.Popen[bytes], ports: Sequence[int], log: Path) -> None:
    deadline = time.monotonic() + START_S
    for port in ports:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"rspamd did not start: {log.read_text('utf-8', 'replace')[-500:]}")
            time.sleep(0.1)


def _post(port: int, path: str, messages: Sequence[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for raw in messages:
        connection.request("POST", path, raw)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 500:
            raise RuntimeError(f"rspamd answered {answer.status} to {path}")
    connection.close()
