"""`scorelane model list, promote, shadow, rollback`: which bundle is live, and what is refused."""

from __future__ import annotations

import json
import shutil
import signal
import sys

import pytest

from db import bundles
from db.session import connect
from scorelane import stored_bundles
from scorelane.cli.__main__ import main
from scorelane.scoring import Bundle, BundleMismatch, default_bundle_path
from tests.bundles import shifted
from worker.up import ensure_bundle


@pytest.fixture
def sql(database):
    ensure_bundle(database.worker_url)
    with connect(database.worker_url, application="test") as connection:
        yield connection


@pytest.fixture
def run(database, monkeypatch, capsys):
    """The command in this process: what it prints, or with --json what that holds."""
    monkeypatch.setenv("SCORELANE_DATABASE_URL", database.worker_url)
    monkeypatch.setenv("SCORELANE_BROKER_URL", database.broker_url)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def call(*words: object, code=0):
        monkeypatch.setattr(sys, "argv", ["scorelane", "model", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        assert left.value.code == code, printed.err
        if code:
            assert len(printed.err.splitlines()) == 1, printed.err
        return json.loads(printed.out) if "--json" in words else printed.out + printed.err

    return call


@pytest.fixture
def other(tmp_path):
    return shifted(tmp_path / "other", 20.0)


def in_force(sql):
    pointer = bundles.current(sql)
    return pointer.version, pointer.live, pointer.shadow


def test_a_folder_is_put_in_shadow_promoted_by_name_and_rolled_back(sql, run, other):
    shipped, new = Bundle.load(default_bundle_path()).digest, Bundle.load(other).digest
    assert "is in shadow (pointer 2)" in run("shadow", other)
    assert in_force(sql) == (2, shipped, new)
    assert "is live (pointer 3)" in run("promote", "other")
    assert in_force(sql) == (3, new, None)
    assert "as pointer 2 had it" in run("rollback")
    assert in_force(sql) == (4, shipped, new)
    run("shadow", "--off")
    assert in_force(sql) == (5, shipped, None)
    run("rollback", "--to", "3")
    assert in_force(sql) == (6, new, None)
    run("promote", shipped[:8])
    assert in_force(sql) == (7, shipped, None)


@pytest.mark.usefixtures("sql")
def test_the_list_says_what_is_live_and_in_shadow_since_when_and_by_whom(run, other):
    run("shadow", other)
    run("shadow", "--off")
    run("shadow", "other")
    rows = {row["name"]: row for row in run("list", "--json")}
    shipped = rows[default_bundle_path().name]
    assert (shipped["place"], shipped["by"], shipped["stored"]) == ("live", "scorelane up", True)
    assert rows["other"]["place"] == "shadow"
    flips = run("list", "--history", "--json")
    assert [flip["version"] for flip in flips] == [4, 3, 2, 1]
    assert [flip["shadow"] for flip in flips] == ["other", None, "other", None]
    assert shipped["since"] == flips[3]["flipped_at"]
    assert rows["other"]["since"] == flips[0]["flipped_at"]
    assert rows["other"]["by"] == flips[0]["author"]
    assert flips[0]["author"].startswith("cli")
    assert "shadow" in run("list")


def damage_trees(folder):
    (folder / "trees-0.txt").write_bytes(b"tree\n")
    return "trees-0.txt is not the file that the manifest names"


def lose_manifest(folder):
    (folder / "manifest.json").unlink()
    return "its manifest.json cannot be read"


@pytest.mark.parametrize("spoil", [damage_trees, lose_manifest])
@pytest.mark.parametrize("command", ["promote", "shadow"])
def test_a_bundle_that_does_not_load_changes_nothing(sql, run, other, spoil, command):
    before = in_force(sql)
    says = spoil(other)
    assert says in run(command, other, code=1)
    assert in_force(sql) == before
    assert [row["name"] for row in run("list", "--json")] == [default_bundle_path().name]


def test_a_rollback_to_a_bundle_that_does_not_load_any_more_changes_nothing(sql, run, other):
    run("promote", other)
    run("promote", default_bundle_path())
    before = in_force(sql)
    shutil.rmtree(other)
    sql.execute("UPDATE bundles SET content = NULL WHERE name = 'other'")
    assert "its content is not stored" in run("rollback", code=1)
    assert in_force(sql) == before


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["promote", "nobody"], 1, "neither the folder of a bundle nor the name of one"),
        (["promote", default_bundle_path()], 1, "is live already"),
        (["shadow", default_bundle_path()], 1, "must be another one"),
        (["shadow", "--off"], 1, "no bundle is in shadow"),
        (["shadow"], 2, "or --off"),
        (["shadow", "x", "--off"], 2, "or --off"),
        (["rollback"], 1, "there is no pointer before this one"),
        (["rollback", "--to", "9"], 1, "there is no pointer 9"),
        (["rollback", "--to", "1"], 1, "that are in force"),
    ],
)
def test_what_cannot_be_done_gets_one_line(sql, run, words, code, says):
    before = in_force(sql)
    assert says in run(*words, code=code)
    assert in_force(sql) == before


def test_two_bundles_of_one_name_are_told_apart_by_digest(sql, run, other, tmp_path):
    (tmp_path / "again").mkdir()
    twin = shifted(tmp_path / "again" / "other", 21.0)
    for folder in (other, twin):
        stored_bundles.store(sql, Bundle.load(folder))
    assert "2 bundles are called 'other'" in run("promote", "other", code=1)
    run("promote", Bundle.load(twin).digest[:10])
    assert in_force(sql)[1] == Bundle.load(twin).digest


def test_a_bundle_is_loaded_from_the_database_where_its_folder_is_gone_or_holds_another(sql, other, tmp_path):
    bundle = Bundle.load(other)
    stored_bundles.store(sql, bundle)
    for place in (tmp_path / "gone", default_bundle_path()):
        assert stored_bundles.load(sql, bundle.digest, place).digest == bundle.digest


def test_stored_content_that_was_damaged_or_exchanged_is_refused(sql, other):
    digest = Bundle.load(other).digest
    stored_bundles.store(sql, Bundle.load(other))
    wrong = stored_bundles.pack(default_bundle_path())
    for content, says in ((b"nothing", "damaged"), (wrong, "is bundle"), (wrong[:-9], "damaged")):
        sql.execute("UPDATE bundles SET content = %b WHERE digest = %s", (content, digest))
        with pytest.raises(BundleMismatch, match=says):
            stored_bundles.load_content(sql, digest)
