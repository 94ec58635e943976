"""The command as a person or a script meets it: in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scorelane.sample import sample_mailbox

SCORELANE = [sys.executable, "-m", "scorelane.cli"]
FIELDS = ["source", "sha256", "score", "log_odds", "verdict", "category", "bundle"]


def run(*arguments: object, home, timeout_s=60, text=None, **settings: str):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SCORELANE_")}
    environment |= {"SCORELANE_HOME": str(home), **settings}
    return subprocess.run(
        [*SCORELANE, *map(str, arguments)],
        env=environment, capture_output=True, text=True, timeout=timeout_s, input=text, check=False,
    )  # fmt: skip


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def box(tmp_path):
    """A folder of twelve generated messages."""
    folder = tmp_path / "mail"
    folder.mkdir()
    for number, sample in enumerate(sample_mailbox(seed=5, count=12)):
        (folder / f"{number:02}.eml").write_bytes(sample.raw)
    return folder


@pytest.fixture
def garbage(tmp_path):
    """Paths of which none is mail, each with words of the line that it deserves."""
    contents = {
        "empty.eml": (b"", "the file is empty"),
        "program": (b"\x7fELF" + bytes(5000), "a program"),
        "cut.tar": (b"x.eml".ljust(257, b"\0") + b"ustar" + b"\0" * 10, "damaged archive"),
        "large.eml": (b"Subject: large\n\n" + b"x" * (60 << 20), "larger than the limit"),
    }
    lines = {}
    for name, (content, words) in contents.items():
        (tmp_path / name).write_bytes(content)
        lines[tmp_path / name] = words
    (tmp_path / "none").mkdir()
    lines[tmp_path / "none"] = "the folder is empty"
    lines[tmp_path / "gone"] = "no such file"
    return lines


def told_of(garbage, answer):
    """Asserts one line for each bad path, and no traceback."""
    assert "Traceback" not in answer.stderr
    for path, words in garbage.items():
        (line,) = [line for line in answer.stderr.splitlines() if line.startswith(f"{path}:")]
        assert words in line


@pytest.mark.parametrize("command", ["__main__", "enqueue"])
def test_help_and_enqueue_load_no_model(command):
    heavy = ["numpy", "lightgbm", "scipy", "scorelane.mail", "scorelane.signals.registry"]
    script = (
        f"import sys, scorelane.cli.{command}, scorelane.enqueuer, scorelane.settings, db.messages;"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_score_writes_one_line_a_message_with_the_contracts_fields(home, box):
    answer = run("score", box, "--jsonl", home=home)
    rows = [json.loads(line) for line in answer.stdout.splitlines()]
    assert answer.returncode == 0
    assert [list(row) for row in rows] == [FIELDS] * 12
    assert [row["source"] for row in rows] == [str(path) for path in sorted(box.iterdir())]
    assert all(row["verdict"] in {"attack", "suspicious", "spam", "clean"} for row in rows)
    assert all(0 <= row["score"] <= 1 for row in rows)


def test_score_explains_where_asked(home, box):
    rows = [json.loads(line) for line in run("score", box, "--jsonl", "--explain", home=home).stdout.splitlines()]
    assert all(list(row) == [*FIELDS, "reasons"] for row in rows)
    assert all(re.match(r"[+-]\d", reason) for row in rows for reason in row["reasons"])


def test_score_reads_paths_from_standard_input(home, box):
    listing = "".join(f"{path}\n" for path in box.iterdir())
    assert len(run("score", "-", "--jsonl", home=home, text=listing).stdout.splitlines()) == 12


def test_score_shows_people_a_table(home, box):
    answer = run("score", box, home=home)
    assert "verdict" in answer.stdout.splitlines()[0]
    assert all(path.name in answer.stdout for path in box.iterdir())


def test_garbage_gets_a_line_each_and_stops_nothing(home, box, garbage):
    answer = run("score", *garbage, box, "--jsonl", home=home)
    assert answer.returncode == 1
    assert len(answer.stdout.splitlines()) == 12
    assert answer.stderr.splitlines()[-1] == f"12 scored, {len(garbage)} rejected"
    told_of(garbage, answer)


def test_hostile_mail_gets_a_verdict(home, tmp_path):
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(10_000))
    hostile = {
        "nested.eml": b"Subject: nested\n" + nested,
        "header.eml": b"X-Long: " + b"a" * (5 << 20) + b"\nSubject: x\n\nbody",
        "bytes.eml": b"Subject: \xff\xfe\xfa\xc3\x28\nFrom: \x80\n\n" + bytes(range(256)) * 20,
    }
    for name, content in hostile.items():
        (tmp_path / name).write_bytes(content)
    answer = run("score", *(tmp_path / name for name in hostile), "--jsonl", home=home)
    assert len(answer.stdout.splitlines()) == 3
    assert "Traceback" not in answer.stderr


def test_nothing_but_garbage_is_a_failure(home, garbage):
    answer = run("score", *garbage, "--jsonl", home=home)
    assert answer.returncode == 1
    assert answer.stdout == ""
    told_of(garbage, answer)


def test_a_reader_that_goes_away_ends_it_without_a_word(home, box):
    command = " ".join([*SCORELANE, "score", *[str(box)] * 40, "--jsonl"])
    answer = subprocess.run(
        ["bash", "-c", f"{command} | head -1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, env={**os.environ, "SCORELANE_HOME": str(home)}, timeout=60, check=True,
    )  # fmt: skip
    assert answer.stdout.splitlines()[-1] == "1"
    assert answer.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["lanes"], 1, "start it with `scorelane up`"),
        (["messages", "list"], 1, "start it with `scorelane up`"),
        (["messages", "show", "12"], 2, "is not a message id"),
        (["signals", "show", "link_textname"], 1, "there is no signal 'link_textname'"),
        (["score"], 2, "Missing argument"),
        (["score", "x", "--bundle", "/nowhere"], 1, "is no bundle"),
        (["enqueue", "x"], 2, "Missing option"),
        (["fly"], 2, "No such command"),
    ],
)
def test_a_mistake_gets_one_line_and_an_exit_code(home, arguments, code, words):
    answer = run(*arguments, home=home)
    assert answer.returncode == code
    assert answer.stdout == ""
    (line,) = answer.stderr.splitlines()
    assert words in line


def test_a_database_that_is_away_gets_one_line(home):
    answer = run("tenants", "list", home=home, SCORELANE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert "the database is not available" in line


def test_signals_are_listed_and_shown(home):
    rows = json.loads(run("signals", "list", "--json", home=home).stdout)
    assert len(rows) >= 40
    assert all(row.pop("cost_us") > 0 for row in rows)
    (one,) = json.loads(run("signals", "show", rows[0]["name"], "--json", home=home).stdout)
    assert one == rows[0]


@pytest.fixture
def served(database):
    return {
        "SCORELANE_DATABASE_URL": database.worker_url,
        "SCORELANE_OWNER_DATABASE_URL": database.owner_url,
        "SCORELANE_BROKER_URL": database.broker_url,
    }


TO = ("--tenant", "acme", "--mailbox", "all@acme.test")


def test_enqueue_gives_a_receipt_a_message_and_takes_each_once(home, box, garbage, served):
    first = run("enqueue", box, *garbage, *TO, "--json", home=home, **served)
    receipts = json.loads(first.stdout)
    assert first.returncode == 1
    assert [row["status"] for row in receipts].count("accepted") == 12
    assert {row["source"] for row in receipts if row["status"] == "rejected"} == {str(path) for path in garbage}
    assert all(row["reason"] for row in receipts if row["status"] == "rejected")
    told_of(garbage, first)
    again = run("enqueue", box, *TO, home=home, **served)
    assert "0 accepted, 12 duplicates, 0 rejected" in again.stderr
    assert again.returncode == 0
    rows = json.loads(run("messages", "list", "--json", home=home, **served).stdout)
    assert {row["id"] for row in rows} == {row["message_id"] for row in receipts if row["message_id"]}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tenant", "acme", "--mailbox", "notanaddress"), "--mailbox 'notanaddress' is not an address like"),
        ((*TO, "--lane", "enrich"), "--lane 'enrich' is not one of interactive, realtime, rescan, backfill"),
    ],
)
def test_an_option_that_cannot_be_stops_it_before_anything_is_read(home, box, options, words):
    answer = run("enqueue", box, *options, home=home, SCORELANE_DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
    assert words in answer.stderr


def test_a_mistyped_tenant_leaves_no_trace_when_nothing_was_read(home, tmp_path, served):
    answer = run("enqueue", tmp_path / "nothere", "--tenant", "typo", "--mailbox", "a@acme.test", home=home, **served)
    assert answer.returncode == 1
    assert "created" not in answer.stderr
    assert json.loads(run("tenants", "list", "--json", home=home, **served).stdout) == []


def test_names_on_standard_input_need_not_be_text(home, box):
    name = os.fsencode(box) + b"/\xff.eml"
    (box / "00.eml").rename(os.fsdecode(name))
    answer = subprocess.run(
        [*SCORELANE, "score", "-", "--jsonl"], input=name + b"\n", env={**os.environ, "SCORELANE_HOME": str(home)},
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (answer.returncode, answer.stdout.count(b"\n")) == (0, 1), answer.stderr


def test_enqueue_interrupted_and_run_again_ends_with_every_message_once(home, tmp_path, served):
    stamp = b"From a@b.example Sat Jan  3 01:05:34 2026\n"
    with (tmp_path / "box").open("wb") as out:
        for number in range(20_000):
            out.write(stamp + b"Subject: %d\nFrom: a@b.example\n\nhello\n\n" % number)
    command = [*SCORELANE, "enqueue", str(tmp_path / "box"), *TO]
    environment = {**os.environ, **served}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as first:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not tenant_messages(home, served):
            time.sleep(0.02)
        first.send_signal(signal.SIGINT)
        words = first.communicate(timeout=20)[1]
    assert first.returncode == 130
    assert "interrupted" in words
    assert "Traceback" not in words
    stored = tenant_messages(home, served)
    assert 0 < stored < 20_000
    again = run("enqueue", tmp_path / "box", *TO, home=home, **served)
    assert f"{20_000 - stored} accepted, {stored} duplicates" in again.stderr
    assert tenant_messages(home, served) == 20_000


def tenant_messages(home, served):
    rows = json.loads(run("tenants", "list", "--json", home=home, **served).stdout)
    return rows[0]["messages"] if rows else 0


def test_listings_filter_and_page(home, box, served):
    run("enqueue", box, *TO, home=home, **served)

    def listed(*options: str):
        return json.loads(run("messages", "list", "--json", *options, home=home, **served).stdout)

    other = run("messages", "list", "--tenant", "other", home=home, **served)
    assert (other.returncode, other.stdout, other.stderr.count("\n")) == (1, "", 1)
    assert listed("--mailbox", "nobody@acme.test") == []
    for option, value, said in [
        ("--state", "odd", "accepted, scored"), ("--verdict", "odd", "attack, suspicious"),
        ("--min-score", "7", "between 0 and 1"), ("--attachment", "7", "64 hexadecimal digits"),
    ]:  # fmt: skip
        wrong = run("messages", "list", option, value, home=home, **served)
        assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1), wrong.stderr
        assert said in wrong.stderr
    assert len(listed("--mailbox", "ALL@acme.test", "--state", "accepted")) == 12
    everything = listed()
    page = listed("--limit", "5")
    rest = listed("--before", page[-1]["id"])
    assert page + rest == everything
    shown = run("messages", "list", "--limit", "5", home=home, **served)
    assert f"more with: --before {page[-1]['id']}" in shown.stderr


def test_lanes_show_the_backlog_and_pause(home, box, served):
    run("enqueue", box, *TO, "--lane", "rescan", home=home, **served)
    run("lanes", "pause", "rescan", home=home, **served)
    lanes = {row["name"]: row for row in json.loads(run("lanes", "--json", home=home, **served).stdout)}
    assert lanes["rescan"]["ready"] == 12
    assert lanes["rescan"]["paused"]
    assert run("lanes", "resume", "rescan", home=home, **served).returncode == 0
    answer = run("lanes", "pause", "fast", home=home, **served)
    assert (answer.returncode, answer.stderr.count("\n")) == (1, 1)


def test_tenants_are_made_once(home, served):
    assert "was created" in run("tenants", "create", "acme", home=home, **served).stderr
    assert run("tenants", "create", "acme", home=home, **served).stderr == ""
    assert [row["name"] for row in json.loads(run("tenants", "list", "--json", home=home, **served).stdout)] == ["acme"]
    assert "cannot be a name" in run("tenants", "create", "A b", home=home, **served).stderr


def test_the_whole_way_from_up_to_reasons(home, box):
    with subprocess.Popen(
        [*SCORELANE, "up"], env={**os.environ, "SCORELANE_HOME": str(home)}, stdout=subprocess.PIPE, text=True
    ) as system:
        try:
            assert system.stdout.readline() == "Scorelane is up\n"
            second = run("up", home=home)
            assert (second.returncode, "runs already" in second.stderr) == (1, True)
            assert second.stderr.count("\n") == 1
            first = run("enqueue", box, *TO, "--wait", home=home)
            assert "12 accepted" in first.stderr
            assert "12 scored" in first.stderr
            rows = json.loads(run("messages", "list", "--json", home=home).stdout)
            assert len(rows) == 12
            assert all(row["verdict"] for row in rows)
            (one,) = json.loads(run("messages", "show", rows[0]["id"], "--json", home=home).stdout)
            (revision,) = one["revisions"]
            assert revision["verdict"] == rows[0]["verdict"]
            assert re.match(r"[+-]\d", revision["reasons"][0])
            offline = {
                row["sha256"]: row
                for row in map(json.loads, run("score", box, "--jsonl", home=home).stdout.splitlines())
            }
            assert all(offline[row["sha256"]]["log_odds"] == row["log_odds"] for row in rows)
            again = run("enqueue", box, *TO, "--wait", home=home)
            assert "nothing waits to be scored" in again.stderr
            assert "0 accepted, 12 duplicates" in again.stderr
        finally:
            system.send_signal(signal.SIGINT)
            assert system.wait(30) == 0


def test_the_demo_prints_verdicts_and_leaves_nothing_running(home):
    answer = run("demo", home=home, timeout_s=150)
    assert answer.returncode == 0, answer.stderr
    assert "520 scored" in answer.stderr
    assert "Verdicts" in answer.stdout
    assert "top reasons" in answer.stdout
    assert not home.exists()
    assert [p for p in Path("/proc").glob("[0-9]*") if str(home).encode() in environment_of(p)] == []


def environment_of(process):
    try:
        return (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    except OSError:
        return b""
