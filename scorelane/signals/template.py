"""The file and the test that a new signal starts from; both fail until they are written."""

from __future__ import annotations

import keyword
from pathlib import Path
from typing import NamedTuple

from scorelane.signals.declaration import CONTEXT, DECLARED
from scorelane.signals.errors import SignalError
from scorelane.signals.registry import FAMILIES, all_signals


class NewSignal(NamedTuple):
    """Source texts and where they belong, from the repository's root."""

    path: str
    source: str
    test_path: str
    test_source: str


def new_signal_source(name: str, family: str) -> NewSignal:
    """Texts of a new signal's module and of its test.

    Raises:
        SignalError: when the name is no free identifier in small letters, or the family is unknown.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower():
        raise SignalError(f"{name!r} is not a name: small letters, digits and underscores, as in link_to_ip")
    if family not in FAMILIES:
        raise SignalError(f"there is no family {family!r}; choose one of {', '.join(FAMILIES)}")
    if any(signal.name == name for signal in all_signals()):
        raise SignalError(f"a signal {name!r} is there already; its meaning changes by raising its version")
    if name in CONTEXT or name in DECLARED.derived:
        raise SignalError(f"{name!r} is a value that signals read already; choose another name")
    module = f"scorelane.signals.{family}.{name}"
    return NewSignal(
        path=f"scorelane/signals/{family}/{name}.py",
        source=SOURCE.format(name=name),
        test_path=f"tests/signals/test_{name}.py",
        test_source=TEST.format(name=name, module=module),
    )


def create(name: str, family: str, root: Path = Path()) -> NewSignal:
    """Write the module and the test of a new signal below the repository's root.

    Raises:
        SignalError: as `new_signal_source`, or when one of the files is there already.
    """
    new = new_signal_source(name, family)
    for path in (new.path, new.test_path):
        if (root / path).exists():
            raise SignalError(f"{root / path} is there already; nothing was written")
    (root / new.path).write_text(new.source, "utf-8")
    (root / new.test_path).write_text(new.test_source, "utf-8")
    return new


SOURCE = '''"""TODO: what the signal in here looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorelane.signals import signal

if TYPE_CHECKING:
    from scorelane.mail import Message


@signal(version=1, missing="TODO: when it is None", attacks=(), range=(0, 1), monotone=0)
def {name}(message: Message) -> float | None:
    """TODO: what the caller gets.

    Range: TODO. Source: TODO.
    """
    raise NotImplementedError
'''

TEST = """from datetime import UTC, datetime

from scorelane.mail import parse
from {module} import {name}

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRES = b"From: a@example.com\\nTo: b@example.org\\nSubject: TODO\\n\\nTODO: a message that carries it\\n"
QUIET = b"From: a@example.com\\nTo: b@example.org\\nSubject: TODO\\n\\nTODO: a message that does not\\n"


def test_it_fires_on_a_message_that_carries_it():
    assert {name}(parse(FIRES, received_at=NOW)) == 1


def test_it_is_quiet_on_a_message_that_does_not():
    assert not {name}(parse(QUIET, received_at=NOW))
"""
