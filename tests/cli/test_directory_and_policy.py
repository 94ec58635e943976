"""`scorelane directory`, `policy` and `tenants init`: what a tenant says of itself and decides, in versions."""

from __future__ import annotations

import json

import pytest

from db import tenants
from db.session import connect
from scorelane.cli.__main__ import app
from scorelane.directory import propose
from scorelane.enqueuer import Enqueuer, Incoming

CSV = """kind,value,name,title,vip
domain,acme.test,,,
domain,bücher.test,,,
partner,partner.test,,,
authserv_id,mx.acme.test,,,
person,ann@acme.test,Ann Lee,CFO,yes
person,ann.lee@home.test,Ann Lee,,
"""


@pytest.fixture
def run(database, monkeypatch, capsys):
    """Calls the command in this process: (exit code, standard output, standard error)."""
    monkeypatch.setenv("SCORELANE_DATABASE_URL", database.worker_url)
    monkeypatch.setenv("SCORELANE_BROKER_URL", database.broker_url)
    with connect(database.worker_url, application="test") as connection:
        tenants.ensure(connection, "acme")

    def run(*arguments):  # noqa: ANN002 - words of a command line
        code = 0
        try:
            code = app([str(one) for one in arguments], standalone_mode=False) or 0
        except Exception as fault:  # noqa: BLE001 - what main() prints as one line
            code = getattr(fault, "exit_code", 70)
            said = capsys.readouterr()
            return code, said.out, said.err + str(fault)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def imported(run, tmp_path, text, name="people.csv"):
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return run("directory", "import", path, "--tenant", "acme")


def test_a_csv_becomes_the_next_version_and_comes_out_as_it_went_in(run, tmp_path):
    assert imported(run, tmp_path, CSV)[0] == 0
    rows = json.loads(run("directory", "show", "--tenant", "acme", "--json")[1])
    assert {row["value"] for row in rows if row["kind"] == "domain"} == {"acme.test", "xn--bcher-kva.test"}
    people = [row for row in rows if row["kind"] == "person"]
    assert [(p["value"], p["name"], p["title"], p["vip"]) for p in people] == [
        ("ann@acme.test", "Ann Lee", "CFO", "yes"),
        ("ann.lee@home.test", "Ann Lee", "CFO", "yes"),
    ]
    imported(run, tmp_path, '{"domains": ["other.test"], "people": [{"name": "Bob", "vip": true}]}', "b.json")
    versions = json.loads(run("directory", "list", "--tenant", "acme", "--json")[1])
    assert [(v["version"], v["domains"], v["people"]) for v in versions] == [(2, 1, 1), (1, 2, 1)]
    old = json.loads(run("directory", "show", "--tenant", "acme", "--version", 1, "--json")[1])
    assert old == rows


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("kind,value\ndomain,acme.test\ndomain,not a domain\n", "a.csv", "line 3: 'not a domain' is not a domain"),
        ("kind,value,name\nperson,ann@acme.test,\n", "a.csv", "line 2: a person needs a name"),
        ("kind,value,vip,name\nperson,ann@acme.test,perhaps,Ann\n", "a.csv", "line 2: vip 'perhaps' is not yes or no"),
        ("kind,value\nfriend,x\n", "a.csv", "line 2: kind 'friend' is not one of domain, partner"),
        ("kind,value\ndomain,a.test,b,c\n", "a.csv", "line 2: kind '(a row of more than 2 fields)'"),
        ("name,mail\nAnn,ann@acme.test\n", "a.csv", "line 1: the columns are name,mail; wanted kind,value"),
        ("", "a.csv", "line 1: the columns are missing"),
        ("{", "a.json", "not JSON"),
        ('{"domain": []}', "a.json", "wanted one object with the lists domains"),
        ('{"domains": ["acme.test", 7]}', "a.json", "domains 2: '7' is not a domain"),
        ('{"people": [{"name": "Ann", "mail": "x"}]}', "a.json", "people 1: kind"),
    ],
)
def test_a_wrong_row_is_named_with_its_number_and_nothing_changes(run, tmp_path, text, name, said):
    code, out, err = imported(run, tmp_path, text, name)
    assert (code, out) == (1, "")
    assert said in err
    assert "nothing of it is used" in err
    assert json.loads(run("directory", "list", "--json")[1]) == []


def test_an_unknown_tenant_is_one_line(run):
    code, _, err = run("directory", "show", "--tenant", "nobody")
    assert (code, err) == (1, "there is no tenant 'nobody'; see: scorelane tenants list")


def test_tenants_init_proposes_from_mail_and_writes_when_told(run, database):
    mail = [
        f"Authentication-Results: mx.acme.test; spf=pass\r\nAuthentication-Results: evil.test; dmarc=pass\r\n"
        f"From: a@b{n}.test\r\n\r\nhello {n}\r\n".encode()
        for n in range(6)
    ]
    with Enqueuer(database.worker_url, database.broker_url) as door:
        door.accept([Incoming(raw) for raw in mail], tenant="acme", mailbox="ann@acme.test", lane="backfill")
    found = json.loads(run("tenants", "init", "acme", "--json")[1])
    assert [(p["kind"], p["value"], p["seen"], p["of"]) for p in found] == [
        ("domain", "acme.test", 6, 6),
        ("authserv_id", "mx.acme.test", 6, 6),
    ]
    assert json.loads(run("directory", "list", "--json")[1]) == []
    assert run("tenants", "init", "acme", "--yes")[0] == 0
    shown = json.loads(run("directory", "show", "--tenant", "acme", "--json")[1])
    assert [(row["kind"], row["value"]) for row in shown] == [("domain", "acme.test"), ("authserv_id", "mx.acme.test")]


def test_overrides_have_author_and_expiry_and_are_versioned(run):
    assert run("policy", "allow", "News@Shop.test", "--tenant", "acme", "--days", 30, "--note", "our shop")[0] == 0
    assert run("policy", "block", "evil.test", "--tenant", "acme")[0] == 0
    assert run("policy", "set", "--tenant", "acme", "--flag", 3.5)[0] == 0
    (policy,) = json.loads(run("policy", "show", "--tenant", "acme", "--json")[1])
    assert (policy["version"], policy["flag"], policy["suspect"]) == (3, 3.5, None)
    allow, block = policy["overrides"]
    assert (allow["action"], allow["kind"], allow["value"], allow["note"]) == (
        "allow",
        "sender",
        "news@shop.test",
        "our shop",
    )
    assert allow["author"].startswith("cli")
    assert allow["expires_at"] is not None
    assert (block["action"], block["kind"], block["expires_at"]) == ("block", "domain", None)
    assert run("policy", "remove", "evil.test", "--tenant", "acme")[0] == 0
    assert run("policy", "remove", "evil.test", "--tenant", "acme")[0] == 1
    (old,) = json.loads(run("policy", "show", "--tenant", "acme", "--version", 2, "--json")[1])
    assert len(old["overrides"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("set", "--tenant", "acme"), 2, "nothing to set"),
        (("set", "--tenant", "acme", "--flag", "high"), 2, "'high' is neither a number of log-odds nor `bundle`"),
        (("set", "--tenant", "acme", "--flag", "1", "--suspect", "2"), 1, "suspect 2 is above flag 1"),
        (("allow", "no address", "--tenant", "acme"), 2, "is neither an address such as"),
        (("block", "evil.test", "--tenant", "acme", "--days", "-1"), 2, "--days: -1 is not between"),
    ],
)
def test_what_a_policy_cannot_be_is_one_line(run, arguments, code, said):
    found, _, err = run("policy", *arguments)
    assert found == code
    assert said in err


def test_a_domain_of_free_mail_is_never_proposed_as_ones_own():
    found = propose([("ann@gmail.com", 900), ("ann@acme.test", 100)], [])
    assert [(one.kind, one.value, one.seen, one.of) for one in found] == [("domain", "acme.test", 100, 100)]


POSING = (
    b"From: Ann Lee <ann.lee@elsewhere.example>\nTo: all@acme.test\nSubject: Quick favour\n\n"
    b"Are you at your desk? I need a payment made before noon.\n"
)


def judged(run, *arguments):  # noqa: ANN002 - words of a command line
    code, out, err = run("score", *arguments, "--jsonl")
    assert code == 0, err
    return json.loads(out)


def test_mail_is_scored_with_a_directory_of_a_file_or_of_a_tenant_alike(run, tmp_path):
    message, people = tmp_path / "posing.eml", tmp_path / "people.csv"
    message.write_bytes(POSING)
    imported(run, tmp_path, CSV)
    plain = judged(run, message)
    by_file, by_tenant = (
        judged(run, message, "--directory", people),
        judged(run, message, "--tenant", "acme"),
    )
    assert by_file == by_tenant
    assert by_file["log_odds"] > plain["log_odds"], "somebody outside uses a VIP's name"


def test_mail_is_scored_under_the_tenants_policy(run, tmp_path):
    message = tmp_path / "posing.eml"
    message.write_bytes(POSING)
    assert run("policy", "allow", "ann.lee@elsewhere.example", "--tenant", "acme")[0] == 0
    assert judged(run, message, "--tenant", "acme")["verdict"] == "clean"
    assert run("policy", "block", "elsewhere.example", "--tenant", "acme")[0] == 0
    other = tmp_path / "other.eml"
    other.write_bytes(POSING.replace(b"ann.lee@", b"eve@"))
    assert judged(run, other, "--tenant", "acme")["verdict"] in ("attack", "spam")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--tenant", "nobody"], 1, "there is no tenant"),
        (["--tenant", "acme", "--directory", "people.csv"], 2, "give --tenant"),
        (["--directory", "gone.csv"], 1, "cannot be read"),
    ],
)
def test_a_directory_that_is_not_there_scores_nothing(run, tmp_path, arguments, code, words):
    message = tmp_path / "posing.eml"
    message.write_bytes(POSING)
    found, out, err = run("score", message, "--jsonl", *arguments)
    assert (found, out, words in err) == (code, "", True)
