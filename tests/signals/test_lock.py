"""Hashes cover what a value depends on, and the lock holds them against versions."""

from __future__ import annotations

import json

import pytest

from scorelane.signals import hashing, signal_set
from scorelane.signals.errors import LockMismatch
from scorelane.signals.lock import LOCK, PARSER, broken, check_lock, current_lock, write_lock
from scorelane.signals.registry import all_signals

LIMIT = 3
WORDS = frozenset({"a", "b"})


def helper(value):
    return value + LIMIT


def plain(message):
    """One doc."""
    return helper(len(message))


def test_the_lock_file_fits_the_code():
    check_lock()


def test_a_changed_hash_without_a_changed_version_is_refused(tmp_path):
    path = tmp_path / "lock.json"
    rows = json.loads(LOCK.read_text())
    rows["size_log"]["hash"] = "0" * 64
    path.write_text(json.dumps(rows))
    with pytest.raises(LockMismatch, match="size_log changed"):
        check_lock(path)
    before = path.read_text()
    with pytest.raises(LockMismatch, match="size_log changed"):
        write_lock(path)
    assert path.read_text() == before


def test_a_changed_hash_with_a_raised_version_is_written(tmp_path):
    path = tmp_path / "lock.json"
    rows = json.loads(LOCK.read_text())
    rows["size_log"] = {"version": 0, "hash": "0" * 64}
    path.write_text(json.dumps(rows))
    with pytest.raises(LockMismatch, match="out of date for size_log"):
        check_lock(path)
    assert write_lock(path) == ["size_log"]
    check_lock(path)


def test_a_new_signal_is_asked_for(tmp_path):
    path = tmp_path / "lock.json"
    rows = json.loads(LOCK.read_text())
    del rows["size_log"]
    path.write_text(json.dumps(rows))
    with pytest.raises(LockMismatch, match="out of date for size_log"):
        check_lock(path)


def test_another_parser_version_is_refused(monkeypatch):
    old = current_lock()
    monkeypatch.setattr(hashing, "version", lambda _name: "99.0")
    assert broken(old, current_lock())[0] == PARSER


def test_a_helpers_constant_reaches_the_hash(monkeypatch):
    before = hashing.code_hash.__wrapped__(plain)
    monkeypatch.setitem(globals(), "LIMIT", 4)
    monkeypatch.setattr(hashing, "OURS", __name__)
    ours = hashing.code_hash.__wrapped__(plain)
    monkeypatch.setitem(globals(), "LIMIT", 5)
    assert hashing.code_hash.__wrapped__(plain) != ours != before


def test_a_changed_list_changes_the_signals_that_read_it(monkeypatch):
    def hashes():
        hashing.code_hash.cache_clear()
        return {name: row["hash"] for name, row in current_lock().items()}

    before = hashes()
    real = hashing.list_digest
    monkeypatch.setattr(hashing, "list_digest", lambda name: "new" if name == "phrases/payroll" else real(name))
    after = hashes()
    hashing.code_hash.cache_clear()
    changed = {name for name, digest in after.items() if digest != before[name]}
    assert changed == {"payroll_language", "subject_payment_language", "bec_pattern"}


def test_docstrings_annotations_and_layout_do_not_count():
    def normal(source):
        tree = hashing.stripped(source)
        return hashing.normalise(tree)

    first = 'def f(message: Message) -> float:\n    """Old words."""\n    return len(message) + 1\n'
    second = '@deco\ndef f(\n    message,\n):\n    """New words."""\n\n    return (len(message) + 1)  # why\n'
    other = "def f(message):\n    return len(message) + 2\n"
    assert normal(first) == normal(second) != normal(other)


def test_sets_hash_alike_in_every_order():
    assert hashing.constant(frozenset("abc")) == hashing.constant(frozenset("cba"))
    assert hashing.constant({"b": 1, "a": (2,)}) == hashing.constant({"a": (2,), "b": 1})
    assert hashing.constant(WORDS) != hashing.constant(frozenset({"a"}))


def test_every_signal_has_a_hash_of_its_own_and_the_set_has_one():
    assert len({signal.hash for signal in all_signals()}) == len(all_signals())
    assert signal_set(["size_log"]).hash != signal_set(["html_only"]).hash
