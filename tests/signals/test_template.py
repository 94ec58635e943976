"""A new signal starts from a module and a test that fail until they are written."""

from __future__ import annotations

import ast

import pytest

from scorelane.signals.errors import SignalError
from scorelane.signals.template import create, new_signal_source


def test_the_new_files_stand_where_the_family_is_and_are_python():
    new = new_signal_source("link_to_moon", "urls")
    assert (new.path, new.test_path) == ("scorelane/signals/urls/link_to_moon.py", "tests/signals/test_link_to_moon.py")
    assert "def link_to_moon(message: Message)" in new.source
    assert "from scorelane.signals.urls.link_to_moon import link_to_moon" in new.test_source
    ast.parse(new.source)
    ast.parse(new.test_source)


@pytest.mark.parametrize(
    ("name", "family"), [("Link", "urls"), ("class", "urls"), ("a-b", "urls"), ("new", "moons"), ("size_log", "urls")]
)
def test_a_wrong_name_or_family_is_refused(name, family):
    with pytest.raises(SignalError):
        new_signal_source(name, family)


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "scorelane/signals/urls").mkdir(parents=True)
    (tmp_path / "tests/signals").mkdir(parents=True)
    (tmp_path / "tests/signals/test_link_to_moon.py").write_text("mine")
    with pytest.raises(SignalError, match="there already"):
        create("link_to_moon", "urls", tmp_path)
    assert not (tmp_path / "scorelane/signals/urls/link_to_moon.py").exists()
