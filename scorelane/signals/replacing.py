"""An operator's reference lists in the place of the shipped ones: checked line by line, put in force all at once."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from scorelane.signals.errors import ListRefused
from scorelane.signals.reference import LIST_NAMES, Reference, read_reference

MOST_BYTES = 64 * 1024 * 1024
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_WORDS = re.compile(r"\w[^:]{0,99}")
_ENTRIES = {
    "suspicious_tlds": (re.compile(rf"{_LABEL}(\.{_LABEL})*"), "a top-level domain, as in zip or xn--p1ai"),
    "role_locals": (re.compile(r"[^\s@:]{1,64}"), "the part of an address before the @"),
    "executives": (_WORDS, "a title of up to 100 letters"),
}
_OTHERS = (_DOMAIN, "a domain, as in example.com; write others than ASCII as xn--")


def replace(source: Path, target: Path) -> Reference:
    """Put the lists of a folder, or of one NAME.txt, in force at `target`; lists that it lacks stay as they are.

    `target` becomes a link to a folder of its own, swapped in one step; what was in force stays beside it.

    Raises:
        ListRefused: with the file and line that cannot be, or where `target` is not ours to swap; nothing changes.
    """
    files = [source] if source.is_file() else sorted(source.glob("*.txt")) if source.is_dir() else []
    if not files:
        raise ListRefused(f"{source}: neither a list nor a folder of lists, such as free_mail.txt")
    for file in files:
        check(file)
    _own(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    try:
        for file in [*(sorted(target.glob("*.txt")) if target.is_dir() else []), *files]:
            shutil.copyfile(file, made / file.name)
        made.chmod(0o755)
        link = made.with_suffix(".link")
        link.symlink_to(made.name)
        os.replace(link, target)  # noqa: PTH105 - over a link to a folder, in one step
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return read_reference(target)


def restore(target: Path) -> Reference:
    """Put the shipped lists in force again."""
    _own(target)
    target.unlink(missing_ok=True)
    return read_reference(target)


def check(file: Path) -> None:
    """Hold a list file against what its name promises.

    Raises:
        ListRefused: with the file, the line, and what would be right.
    """
    if file.stem not in LIST_NAMES or file.suffix != ".txt":
        raise ListRefused(f"{file}: no list has this name; they are {', '.join(f'{name}.txt' for name in LIST_NAMES)}")
    if file.stat().st_size > MOST_BYTES:
        raise ListRefused(f"{file}: larger than {MOST_BYTES >> 20} MiB")
    try:
        lines = file.read_text("utf-8").splitlines()
    except UnicodeDecodeError as fault:
        raise ListRefused(f"{file}: not UTF-8 at byte {fault.start}") from None
    entries = 0
    for number, line in enumerate(lines, 1):
        entry = line.split("#", 1)[0].strip().lower()
        if entry:
            entries += 1
            wrong = _wrong(file.stem, entry)
            if wrong:
                raise ListRefused(f"{file}: line {number}: {entry[:80]!r} is not {wrong}")
    if not entries:
        raise ListRefused(f"{file}: no entry; a list that is empty by mistake would silence its signals")


def _wrong(name: str, entry: str) -> str:
    """What an entry should be and is not; empty where it is."""
    if name == "brands":
        word, _, domains = entry.partition(":")
        right = _WORDS.fullmatch(word.strip()) and domains.split() and all(map(_DOMAIN.fullmatch, domains.split()))
        return "" if right else "a brand with its own domains, as in example: example.com example.org"
    pattern, words = _ENTRIES.get(name, _OTHERS)
    return "" if pattern.fullmatch(entry) else words


def _own(target: Path) -> None:
    if target.exists() and not target.is_symlink():
        raise ListRefused(f"{target} is a folder that somebody else keeps: change its files and restart the workers")
